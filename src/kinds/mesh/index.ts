// Kind `mesh`: containers' way into a Netmaker mesh.

import { type Inside, schema } from '../inside.ts';
import { kind } from '../kind.ts';
import { apply, render } from './apply.ts';
import { check } from './check.ts';
import { expand } from './expand.ts';
import { observe } from './observe.ts';
import { status } from './status.ts';

export const mesh = kind<Inside>({
  name: 'mesh',
  schema,
  within: ({ container }) => ({ kind: 'container', name: container }),
  expand,
  observe,
  apply,
  render,
  check,
  status,
});
