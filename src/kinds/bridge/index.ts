// Kind `bridge`: Open vSwitch bridges.

import { kind } from '../kind.ts';
import { apply, preflight } from './apply.ts';
import { expand } from './expand.ts';
import { observe, shut } from './observe.ts';
import { render } from './render.ts';
import { type Spec, schema } from './schema.ts';

/** A bridge that somebody opened is not opened again. */
const sound = (spec: Spec): Spec => ({ ...spec, datapath: shut(spec.datapath) });

export const bridge = kind<Spec>({ name: 'bridge', schema, expand, observe, sound, preflight, apply, render });
