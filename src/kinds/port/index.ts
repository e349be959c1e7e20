// Kind `port`: Open vSwitch ports of containers.

import { kind } from '../kind.ts';
import { apply, preflight } from './apply.ts';
import { expand } from './expand.ts';
import { observe } from './observe.ts';
import { render } from './render.ts';
import { type Spec, schema } from './schema.ts';

export const port = kind<Spec>({ name: 'port', schema, expand, observe, preflight, apply, render });
