// Kind `web`: the web server behind a VPS's proxy, which answers whoever is no client of it.

import { applyInside } from '../install.ts';
import { type Inside, observeInside, renderInside, schema } from '../inside.ts';
import { kind } from '../kind.ts';
import { contents } from './contents.ts';
import { expand } from './expand.ts';
import { status } from './status.ts';

export const web = kind<Inside>({
  name: 'web',
  schema,
  within: ({ container }) => ({ kind: 'container', name: container }),
  contents,
  expand,
  observe: (host) => observeInside(host, 'web'),
  apply: (host, batch) => applyInside(host, 'web', batch),
  render: renderInside,
  status,
});
