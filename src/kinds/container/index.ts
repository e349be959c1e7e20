// Kind `container`: LXC system containers.

import { kind } from '../kind.ts';
import { apply, preflight } from './apply.ts';
import { check } from './check.ts';
import { expand } from './expand.ts';
import { observe } from './observe.ts';
import { render } from './render.ts';
import { type Spec, schema } from './schema.ts';
import { status } from './status.ts';

/** Nobody wants a device back that led nowhere. */
const sound = (spec: Spec): Spec => ({ ...spec, attached: true });

export const container = kind<Spec>({
  name: 'container',
  schema,
  expand,
  observe,
  sound,
  preflight,
  apply,
  render,
  check,
  status,
});
