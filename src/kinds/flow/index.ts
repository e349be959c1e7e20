// Kind `flow`: the OpenFlow tables of our bridges.

import { kind } from '../kind.ts';
import { apply, preflight } from './apply.ts';
import { check } from './check.ts';
import { expand } from './expand.ts';
import { observe } from './observe.ts';
import { render } from './render.ts';
import { type Spec, schema } from './schema.ts';

export const flow = kind<Spec>({ name: 'flow', schema, expand, observe, preflight, apply, render, check });
