// Kind `unit`: units of the host's systemd, over its bus interface.

import { kind } from '../kind.ts';
import { apply } from './apply.ts';
import { expand } from './expand.ts';
import { observe } from './observe.ts';
import { preflight } from './preflight.ts';
import { render } from './render.ts';
import { type Spec, schema } from './schema.ts';

export const unit = kind<Spec>({ name: 'unit', schema, expand, observe, preflight, apply, render });
