// All faults of the leak bench, by family.

import { change } from './change.ts';
import type { Family } from './fault.ts';
import { filter } from './filter.ts';
import { hostiles } from './hostile.ts';
import { killed } from './killed.ts';
import { names } from './names.ts';
import { outside } from './outside.ts';
import { bridge } from './switch.ts';
import { tunnel } from './tunnel.ts';

export const FAMILIES: readonly Family[] = [killed, tunnel, bridge, filter, change, names, outside, hostiles];
