// The file's units as resources.

import type { Expand } from '../../core/topology.ts';
import type { Spec } from './schema.ts';

export const expand: Expand<Spec> = ({ units }) =>
  units.map(({ name, enabled, active, masked, dropIns }) => ({
    kind: 'unit',
    name,
    spec: { enabled, active, masked, dropIns },
  }));
