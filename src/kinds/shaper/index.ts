// Kind `shaper`: what makes the leg between the client's proxy and the VPS look alike whatever goes over it.

import { applyInside } from '../install.ts';
import { type Inside, observeInside, renderInside, schema } from '../inside.ts';
import { kind } from '../kind.ts';
import { check } from './check.ts';
import { expand } from './expand.ts';
import { status } from './status.ts';

export const shaper = kind<Inside>({
  name: 'shaper',
  schema,
  within: ({ container }) => ({ kind: 'container', name: container }),
  expand,
  observe: (host) => observeInside(host, 'shaper'),
  apply: (host, batch) => applyInside(host, 'shaper', batch),
  render: renderInside,
  check,
  status,
});
