// Ports: one transaction for the batch.

import type { Change } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import { MARK, type PortRow, type Step } from '../../drivers/ovsdb/contract.ts';
import { OpError } from '../../error.ts';
import type { Spec } from './schema.ts';

/** @throws OpError `foreign` when a port or device of a name that is to be made exists without our mark. */
export async function preflight(host: Host, batch: readonly Change<Spec>[]): Promise<void> {
  const [rows, links] = await there(host);
  for (const { name, before, after } of batch) {
    if (before !== null || after === null || plugged(name, after)) continue;
    const row = rows.find(({ row: candidate }) => candidate.name === after.row || candidate.interface.name === name);
    if (row === undefined ? links.has(name) : row.row.externalIds[MARK] === undefined)
      throw new OpError('foreign', `${name} exists and is not op-dbus's`, {
        at: `port ${name}`,
        hint: row
          ? `Remove it (ovs-vsctl del-port ${row.bridge} ${row.row.name}) or give the container another port_name.`
          : `Remove the device (ip link del ${name}) or give the container another port_name.`,
      });
  }
}

/** A port that moves to another bridge or takes another row's name is removed first, in a transaction of its own. */
export async function apply(host: Host, batch: readonly Change<Spec>[]): Promise<void> {
  const moved = batch.filter(({ before, after }) => before !== null && after !== null && replaced(before, after));
  const gone = [...moved, ...batch.filter(({ after }) => after === null)];
  await host.ovsdb.transact(
    gone.map(({ before }): Step => ({ op: 'delete-port', bridge: before?.bridge ?? '', name: before?.row ?? '' })),
    'op-dbus: remove ports',
  );
  const [rows, links] = await there(host);
  // One that hangs elsewhere is moved here by Proxmox, when its container is adopted.
  const elsewhere = (name: string, spec: Spec): boolean => {
    const row = rows.find((candidate) => candidate.row.interface.name === name);
    return plugged(name, spec) && (row === undefined ? links.has(name) : row.bridge !== spec.bridge);
  };
  await host.ovsdb.transact(
    batch.flatMap(({ name, after }) => (after === null || elsewhere(name, after) ? [] : [put(name, after)])),
    'op-dbus: put ports',
  );
}

type Rows = readonly { readonly bridge: string; readonly row: PortRow }[];

/** The switch's ports and the host's devices. */
async function there(host: Host): Promise<readonly [Rows, ReadonlySet<string>]> {
  const [bridges, links] = await Promise.all([host.ovsdb.bridges(), host.net.links()]);
  const rows = bridges.flatMap((bridge) => bridge.ports.map((row) => ({ bridge: bridge.name, row })));
  return [rows, new Set(links.map(({ name }) => name))];
}

/** Whether Proxmox makes it, and makes it anew whenever it likes, without our mark. */
function plugged(name: string, { type, row }: Spec): boolean {
  return type === 'system' && row === name && /^veth\d+i\d+$/.test(name);
}

function replaced(before: Spec, after: Spec): boolean {
  return before.bridge !== after.bridge || before.row !== after.row || before.type !== after.type;
}

function put(name: string, spec: Spec): Step {
  return {
    op: 'put-port',
    port: {
      bridge: spec.bridge,
      name: spec.row,
      externalIds: { [MARK]: name },
      claim: plugged(name, spec),
      interface: {
        name,
        type: spec.type === 'internal' ? 'internal' : '',
        ofportRequest: spec.ofport,
        mac: spec.mac,
      },
    },
  };
}
