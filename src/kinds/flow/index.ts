// Kind `flow`: the OpenFlow tables of our bridges.

import { kind } from '../kind.ts';
import { apply } from './apply.ts';
import { expand } from './expand.ts';
import { observe } from './observe.ts';
import { render } from './render.ts';
import { type Spec, schema } from './schema.ts';

export const flow = kind<Spec>({ name: 'flow', schema, expand, observe, apply, render });
