// Kind `object`: properties of objects on the system bus.

import { kind } from '../kind.ts';
import { apply } from './apply.ts';
import { expand } from './expand.ts';
import { observe } from './observe.ts';
import { preflight } from './preflight.ts';
import { render } from './render.ts';
import { type Spec, schema } from './schema.ts';

export const object = kind<Spec>({ name: 'object', schema, expand, observe, preflight, apply, render });
