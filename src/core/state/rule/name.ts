// Ids and names are unique: of containers, bridges, policies, and of ports over all bridges.

import { entries } from '../draft.ts';
import type { Link } from '../link.ts';
import { type Finding, type Path, showPath } from '../problem.ts';
import { type Claim, containerPath, repeated, type Rule } from './rule.ts';

export const names: Rule = ({ draft, links }) => {
  const taken = (what: string) => (value: string | number, first: Path) =>
    `${what} ${value} is taken by ${showPath(first)}`;
  const bridges = entries(draft.openflow?.bridges).map(
    ([index, { name }]): Claim => ({ value: name, path: ['openflow', 'bridges', index, 'name'] }),
  );
  const policies = entries(draft.openflow?.flow_policies);
  return [
    ...repeated(
      links.map(({ index, id }) => ({ value: id, path: containerPath(index, 'id') })),
      taken('id'),
    ),
    ...repeated(
      links.map(({ index, container }) => ({ value: container.name, path: containerPath(index, 'name') })),
      taken('name'),
    ),
    ...links.flatMap(filtered),
    ...repeated(bridges, taken('bridge')),
    ...repeated(
      policies.map(([index, { name }]) => ({ value: name, path: ['openflow', 'flow_policies', index, 'name'] })),
      taken('name'),
    ),
    ...repeated([...dedupe(bridges), ...links.flatMap(portClaims)], taken('port name')),
    ...portNumbers(links),
  ];
};

/** Packet filters are known by their container's name, and the host's own one by this. */
function filtered({ index, container: { name } }: Link): readonly Finding[] {
  if (name !== 'host') return [];
  return [
    { path: containerPath(index, 'name'), message: 'host is what op-dbus calls this machine: expected another name' },
  ];
}

/** A `wg_tunnel` container claims two names (row wg-warp, device internal_101), any other one. Claims of equal ids are one. */
function portClaims({ index, row, device, container }: Link, _: number, links: readonly Link[]): readonly Claim[] {
  if (container.id !== undefined && links.some((other) => other.index < index && other.id === container.id)) return [];
  const path =
    container.network?.port_name === undefined ? containerPath(index) : containerPath(index, 'network', 'port_name');
  return [...new Set([row, device])].map((value) => ({ value, path }));
}

function dedupe(claims: readonly Claim[]): readonly Claim[] {
  return claims.filter(({ value }, index) => claims.findIndex((claim) => claim.value === value) === index);
}

/** OpenFlow port numbers are made from ids (topology/number.ts), and two ids 32512 apart would get the same. */
function portNumbers(links: readonly Link[]): readonly Finding[] {
  return links.flatMap(({ index, id }) => {
    const twin = links.find(
      (other) =>
        other.index < index && other.id !== id && id !== null && other.id !== null && (id - other.id) % 32512 === 0,
    );
    return twin === undefined
      ? []
      : [
          {
            path: containerPath(index, 'id'),
            message: `id ${id} would get the OpenFlow port number of ${twin.id}: expected another`,
          },
        ];
  });
}
