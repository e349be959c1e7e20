// Bridges: made shut (`fail_mode=secure`) in one transaction, then given the host's address.

import type { Change } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import { type BridgeWanted, MARK, type Step } from '../../drivers/ovsdb/contract.ts';
import { OpError } from '../../error.ts';
import { addressKey, ours } from './observe.ts';
import type { Spec } from './schema.ts';

/** @throws OpError `foreign` when a bridge or device of a name that is to be made exists without our mark, `host` without a switch. */
export async function preflight(host: Host, batch: readonly Change<Spec>[]): Promise<void> {
  if (batch.some(({ after }) => after !== null)) await host.ovsdb.reach();
  const [bridges, links] = await Promise.all([host.ovsdb.bridges(), host.net.links()]);
  for (const change of batch.filter((candidate) => candidate.before === null)) {
    const row = bridges.find((candidate) => candidate.name === change.name);
    const taken = row === undefined ? links.some((link) => link.name === change.name) : !ours(row);
    if (taken)
      throw new OpError('foreign', `${change.name} exists and is not op-dbus's`, {
        at: `bridge ${change.name}`,
        hint:
          row === undefined
            ? 'A network device has that name: give the bridge another one in the file.'
            : `Give the bridge another name in the file, or remove the old one: ovs-vsctl del-br ${change.name}`,
      });
  }
}

export async function apply(host: Host, batch: readonly Change<Spec>[]): Promise<void> {
  await host.ovsdb.transact(batch.map(step), `op-dbus: ${batch.map((change) => change.name).join(' ')}`);
  for (const { name, before, after } of batch) if (after !== null) await address(host, name, before, after);
}

function step(change: Change<Spec>): Step {
  if (change.after === null) return { op: 'delete-bridge', name: change.name };
  return { op: 'put-bridge', bridge: wanted(change.name, change.after) };
}

/** In-band control opens flows of its own, so it is off; the MAC is fixed because the flows pin it. */
function wanted(name: string, spec: Spec): BridgeWanted {
  return {
    name,
    datapathType: spec.datapath,
    failMode: 'secure',
    otherConfig: { 'disable-in-band': 'true', hwaddr: spec.mac },
    externalIds: { [MARK]: name, ...(spec.address === null ? {} : { [addressKey]: spec.address }) },
  };
}

async function address(host: Host, name: string, before: Spec | null, after: Spec): Promise<void> {
  const link = (await host.net.links()).find((candidate) => candidate.name === name);
  const there = link?.addresses ?? [];
  const old = before?.address ?? null;
  if (old !== null && old !== after.address && there.includes(old)) await host.net.removeAddress(name, old);
  if (after.address === null) return;
  if (!there.includes(after.address)) await host.net.addAddress(name, after.address);
  await host.net.up(name);
}
