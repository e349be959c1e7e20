// Ports that Proxmox makes, against a switch in memory: taken as they are found, and left where they hang until it moves them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { difference } from '../../core/plan.ts';
import type { Change, Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import { fakeNet } from '../../drivers/net/fake.ts';
import { type BridgeRow, MARK } from '../../drivers/ovsdb/contract.ts';
import { fakeOvsdb } from '../../drivers/ovsdb/fake.ts';
import { port } from './index.ts';
import type { Spec } from './schema.ts';

const name = 'veth105i0';
const spec: Spec = { bridge: 'ovsbr0', row: name, type: 'system', ofport: 32873, mac: null };
const wanted: readonly Resource<Spec>[] = [{ kind: 'port', name, spec }];

/** A bridge with a port that nobody has marked. */
function bridge(title: string, externalIds: Readonly<Record<string, string>>, row?: string): BridgeRow {
  const device = { ofport: 1, ofportRequest: null, mac: null, macInUse: null, error: null, externalIds: {} };
  const local = { name: title, externalIds: {}, interface: { ...device, name: title, type: 'internal' } };
  const theirs =
    row === undefined ? [] : [{ name: row, externalIds: {}, interface: { ...device, name: row, type: '' } }];
  const more = { datapathType: 'netdev', failMode: 'secure', otherConfig: {}, externalIds };
  return { name: title, ...more, ports: [local, ...theirs] };
}

/** Our bridge and one of somebody else's, with a port of that name on one of them. */
async function switched(on?: string, row?: string) {
  const host = { ovsdb: fakeOvsdb(), net: fakeNet() };
  host.ovsdb.plant(bridge('ovsbr0', { [MARK]: 'ovsbr0' }, on === 'ovsbr0' ? row : undefined));
  host.ovsdb.plant(bridge('vmbr0', {}, on === 'vmbr0' ? row : undefined));
  const go = async (goal: readonly Resource<Spec>[]): Promise<readonly Resource<Spec>[]> => {
    const full = host as unknown as Host;
    const changes = difference(await port.observe(full), goal) as readonly Change<Spec>[];
    await port.preflight?.(full, changes, () => {});
    await port.apply(full, changes, () => {});
    return port.observe(full);
  };
  const ports = async (title: string): Promise<readonly string[]> =>
    (await host.ovsdb.bridges()).flatMap((one) =>
      one.name === title ? one.ports.map((row) => row.name).filter((row) => row !== title) : [],
    );
  return { host, go, ports };
}

test('one that Proxmox has made anew on our bridge is marked and gets its number back', async () => {
  const { go } = await switched('ovsbr0', name);
  assert.deepEqual(await go(wanted), wanted);
});

test('one on another bridge stays there, also when it is not wanted any more', async () => {
  const { go, ports } = await switched('vmbr0', name);
  assert.deepEqual(await go(wanted), []);
  assert.deepEqual(await ports('vmbr0'), [name]);
  await go([]);
  assert.deepEqual(await ports('vmbr0'), [name]);
});

test("one that hangs on a bridge of the kernel's is not put on the switch", async () => {
  const { host, go } = await switched();
  host.net.table.set(name, { name, mac: null, mtu: 1500, up: true, addresses: [] });
  assert.deepEqual(await go(wanted), []);
});

test('any other name is still in the way', async () => {
  const { go } = await switched('ovsbr0', 'veth105');
  const other = [{ kind: 'port', name: 'veth105', spec: { ...spec, row: 'veth105' } }];
  await assert.rejects(go(other), { code: 'foreign', message: /veth105 exists/ });
});
