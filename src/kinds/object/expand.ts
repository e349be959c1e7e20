// The file's properties as resources, one each: each is kept, and drifts, by itself.

import type { Expand } from '../../core/topology.ts';
import { resourceName, type Spec } from './schema.ts';

export const expand: Expand<Spec> = ({ properties }) =>
  properties.map((spec) => ({ kind: 'object', name: resourceName(spec), spec }));
