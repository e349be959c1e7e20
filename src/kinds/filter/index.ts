// Kind `filter`: the packet filters of the host and of the chain's containers.

import { kind } from '../kind.ts';
import { apply } from './apply.ts';
import { check } from './check.ts';
import { expand } from './expand.ts';
import { observe } from './observe.ts';
import { render } from './render.ts';
import { type Spec, schema } from './schema.ts';

/** A table that was flushed says no more what it was. */
const sound = (spec: Spec): Spec | null => (spec.text === '' ? null : spec);

export const filter = kind<Spec>({ name: 'filter', schema, expand, observe, sound, apply, render, check });
