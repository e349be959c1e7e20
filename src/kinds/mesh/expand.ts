// A mesh for each container that is to join one.

import type { Expand } from '../../core/topology.ts';
import type { Inside } from '../inside.ts';
import { inside } from './inside.ts';

export const expand: Expand<Inside> = ({ members }, { netmaker }) =>
  members.flatMap((member) => {
    if (!member.netmaker || netmaker === null) return [];
    const spec = inside(member, netmaker);
    return [{ kind: 'mesh', name: `${member.name}/${spec.unit}`, spec }];
  });
