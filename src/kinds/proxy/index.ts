// Kind `proxy`: Xray (or v2ray) inside containers.

import { applyInside } from '../install.ts';
import { type Inside, observeInside, renderInside, schema } from '../inside.ts';
import { kind } from '../kind.ts';
import { check } from './check.ts';
import { contents } from './contents.ts';
import { expand } from './expand.ts';
import { status } from './status.ts';

export const proxy = kind<Inside>({
  name: 'proxy',
  schema,
  within: ({ container }) => ({ kind: 'container', name: container }),
  contents,
  expand,
  observe: (host) => observeInside(host, 'proxy'),
  apply: (host, batch) => applyInside(host, 'proxy', batch),
  render: renderInside,
  check,
  status,
});
