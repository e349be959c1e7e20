// Kind `bridge`: Open vSwitch bridges.

import { kind } from '../kind.ts';
import { apply, preflight } from './apply.ts';
import { expand } from './expand.ts';
import { observe } from './observe.ts';
import { render } from './render.ts';
import { type Spec, schema } from './schema.ts';

export const bridge = kind<Spec>({ name: 'bridge', schema, expand, observe, preflight, apply, render });
