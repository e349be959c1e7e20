// The ordered list of kinds. `apply` makes and changes in this order; deletes run it backwards.

import { bridge } from './bridge/index.ts';
import { container } from './container/index.ts';
import { filter } from './filter/index.ts';
import { flow } from './flow/index.ts';
import type { Kind } from './kind.ts';
import { mesh } from './mesh/index.ts';
import { object } from './object/index.ts';
import { port } from './port/index.ts';
import { proxy } from './proxy/index.ts';
import { rule } from './rule/index.ts';
import { shaper } from './shaper/index.ts';
import { sysctl } from './sysctl/index.ts';
import { tunnel } from './tunnel/index.ts';
import { unit } from './unit/index.ts';
import { web } from './web/index.ts';

/**
 * Shut first (filter, rule), then the switch (bridge, port, flow), then what sends (container), and inside the containers from
 * the exit inwards (web before proxy before shaper before tunnel): no packet ever meets a half-built path. Then meshes, and the host's own
 * services.
 */
export const kinds = [
  filter,
  rule,
  sysctl,
  bridge,
  port,
  flow,
  container,
  web,
  proxy,
  shaper,
  tunnel,
  mesh,
  unit,
  object,
] as unknown as readonly Kind<unknown>[];
