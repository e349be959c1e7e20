// Kind `tunnel`: WireGuard interfaces inside containers.

import { applyInside } from '../install.ts';
import { type Inside, observeInside, renderInside, schema } from '../inside.ts';
import { kind } from '../kind.ts';
import { check } from './check.ts';
import { deviceOf } from './device.ts';
import { contents } from './contents.ts';
import { exit } from './exit.ts';
import { expand } from './expand.ts';
import { status } from './status.ts';

export const tunnel = kind<Inside>({
  name: 'tunnel',
  schema,
  within: ({ container }) => ({ kind: 'container', name: container }),
  contents,
  expand,
  observe: (host) => observeInside(host, 'tunnel', deviceOf),
  apply: (host, batch) => applyInside(host, 'tunnel', batch),
  render: renderInside,
  check,
  status,
  exit,
});
