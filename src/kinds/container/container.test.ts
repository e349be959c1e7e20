// A container that lost its device, and one that somebody else has made, against a host in memory.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { difference } from '../../core/plan.ts';
import type { Change, Resource } from '../../core/resource.ts';
import type { Facts } from '../../core/topology.ts';
import { client } from '../../core/topology/fixture.ts';
import { fakeContainers } from '../../drivers/container/fake.ts';
import type { Host } from '../../drivers/host.ts';
import { container } from './index.ts';
import { samples } from './samples.ts';
import type { Spec } from './schema.ts';

test('a running container whose port was made anew gets its device back, and goes on', async () => {
  const containers = fakeContainers();
  const host = { containers } as unknown as Host;
  const wanted = samples[1] ?? [];
  const go = async (): Promise<readonly string[]> => {
    const changes = difference(await container.observe(host), wanted) as readonly Change<Spec>[];
    await container.preflight?.(host, changes, () => {});
    await container.apply(host, changes, () => {});
    return changes.flatMap((change) => container.render(change));
  };
  await go();
  const started: string[] = [];
  containers.onStart = (name) => void started.push(name);
  containers.detached.add('wireguard-gateway');
  assert.deepEqual(await go(), ['/var/lib/op-dbus/hook wireguard-gateway lxc attach']);
  assert.deepEqual(await go(), []);
  assert.deepEqual(started, []);
});

const [web] = samples[1] ?? [];
assert.ok(web);
const mine = { ...web, name: 'app-server', spec: { ...web.spec, id: 104, made: 'adopted', running: false } } as const;

async function adopting(running = false) {
  const containers = fakeContainers();
  containers.others.set('app-server', { id: 104, name: 'app-server', running });
  const power: string[] = [];
  const start = async (name: string): Promise<void> => void power.push(`start ${name}`);
  const stop = async (name: string): Promise<void> => void power.push(`stop ${name}`);
  const host = { containers: { ...containers, start, stop } } as unknown as Host;
  const lines: string[] = [];
  const go = async (wanted: readonly Resource<Spec>[]): Promise<void> => {
    const changes = difference(await container.observe(host), wanted) as readonly Change<Spec>[];
    await container.preflight?.(host, changes, () => {});
    await container.apply(host, changes, () => {});
    lines.push(...changes.flatMap((change) => container.render(change)));
  };
  return { containers, host, lines, power, go };
}

test('the plan says what is adopted; it is neither started, stopped nor destroyed, and given back at the end', async () => {
  const { containers, host, lines, power, go } = await adopting();
  await go([mine]);
  assert.deepEqual(await container.observe(host), [mine]);
  const veth = { ...mine, spec: { ...mine.spec, mode: 'veth' as const } };
  await go([veth]);
  await go([]);
  assert.deepEqual(
    lines.map((line) => line.replace(/ --net0 \S+/, ' --net0 …')),
    [
      'pct set 104 --delete net0  # adopt 104 app-server: networking only',
      'pct set 104 --net0 …  # mode: "veth"',
      'pct set 104  # give back 104 app-server: the networking that it had',
    ],
  );
  assert.deepEqual(power, []);
  assert.deepEqual(await containers.strangers(), [{ id: 104, name: 'app-server', running: false }]);
  assert.deepEqual(await container.status?.(host, [mine]).then((parts) => parts[0]?.up), false);
  await go([mine]);
  assert.deepEqual(await container.status?.(host, [mine]).then((parts) => parts[0]?.up), true);
});

test('one that runs goes on over all that', async () => {
  const { host, power, go } = await adopting(true);
  const on = { ...mine, spec: { ...mine.spec, running: true } };
  await go([on]);
  assert.deepEqual(await container.observe(host), [on]);
  await go([{ ...on, spec: { ...on.spec, address: '10.0.0.7/24' } }]);
  await go([]);
  assert.deepEqual(power, []);
});

test('a container that has the id or the name alone is in the way, and told', async () => {
  const { go } = await adopting();
  const told = { code: 'foreign', message: "container 104 app-server exists and is not op-dbus's", hint: /take over/ };
  const { made: _, ...spec } = mine.spec;
  await assert.rejects(go([{ ...mine, name: 'other', spec }]), told);
  await assert.rejects(go([{ ...mine, spec: { ...spec, id: 105 } }]), told);
});

test('what the file names by id and name is adopted when it is there, and made by the backend of the host when not', () => {
  const [member] = client.members;
  assert.ok(member);
  const one = (more: Partial<Facts>) =>
    container.expand({ ...client, members: [member] }, { ...facts, ...more })[0]?.spec;
  const { id, name } = member;
  assert.equal(one({})?.made, undefined);
  assert.equal(one({ backend: 'pct' })?.made, 'pct');
  const there = one({ backend: 'pct', strangers: [{ id, name, running: false }] });
  assert.deepEqual([there?.made, there?.running], ['adopted', false]);
  assert.equal(one({ backend: 'pct', strangers: [{ id, name: 'other', running: true }] })?.made, 'pct');
  assert.equal(one({ backend: 'pct', strangers: [{ id: 999, name, running: true }] })?.made, 'pct');
});

const facts: Facts = {
  uplink: 'eth0',
  datapath: 'netdev',
  forwards: false,
  backend: 'lxc',
  strangers: [],
  netmaker: null,
  nameservers: [],
  proxy: { program: 'v2ray' },
  shaper: null,
  files: {},
};
