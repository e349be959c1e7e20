// Kind `flow`: the OpenFlow tables of our bridges.

import { kind } from '../kind.ts';
import { apply } from './apply.ts';
import { expand } from './expand.ts';
import { observe, ours } from './observe.ts';
import { parseFlow } from '../../drivers/openflow/text.ts';
import { render } from './render.ts';
import { type Spec, schema } from './schema.ts';

/** Nobody's flow on a bridge of ours is put back. */
const sound = (spec: Spec): Spec => ({ ...spec, flows: spec.flows.filter((line) => ours(parseFlow(line))) });

export const flow = kind<Spec>({ name: 'flow', schema, expand, observe, sound, apply, render });
