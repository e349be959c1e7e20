// Kind `rule`: the host's routing rules, which shut forwarding for what its filter has not marked.

import { kind } from '../kind.ts';
import { apply, preflight } from './apply.ts';
import { check } from './check.ts';
import { expand } from './expand.ts';
import { observe } from './observe.ts';
import { render } from './render.ts';
import { type Spec, schema } from './schema.ts';

/** Rules that were flushed say no more what they were. */
const sound = (spec: Spec): Spec | null => (spec.rules.length === 0 ? null : spec);

export const rule = kind<Spec>({ name: 'rule', schema, expand, observe, sound, preflight, apply, render, check });
