// Kind `sysctl`: settings of the host's kernel.

import { kind } from '../kind.ts';
import { apply, preflight } from './apply.ts';
import { check } from './check.ts';
import { expand } from './expand.ts';
import { observe } from './observe.ts';
import { render } from './render.ts';
import { type Spec, schema } from './schema.ts';

export const sysctl = kind<Spec>({ name: 'sysctl', schema, expand, observe, preflight, apply, render, check });
