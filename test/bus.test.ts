// org.opdbus1 on a private bus, asked by busctl: reading, changing, refusals, objects.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { serve, type Service } from '../src/daemon/bus.ts';
import type { Report } from '../src/engine/report.ts';
import { connectBus } from '../src/drivers/dbus/client.ts';
import type { Bus } from '../src/drivers/dbus/contract.ts';
import { type PrivateBus, startBus } from '../src/drivers/dbus/testing.ts';
import { readHistory } from '../src/engine/history.ts';
import { observe } from '../src/engine/observe.ts';
import { want } from '../src/engine/want.ts';
import type { FakeHost } from './fake-host.ts';
import { machine, stateOf, texts } from './machine.ts';

const manager = ['org.opdbus1', '/org/opdbus1', 'org.opdbus1.Manager'] as const;
let there: PrivateBus;
let bus: Bus;
let host: FakeHost;
let service: Service;
let busy = false;
let report: Report;

before(async () => {
  there = await startBus();
  bus = await connectBus(there.socket);
  host = await machine();
  report = {
    ...{ pid: 1, started: '2026-01-01T00:00:00.000Z', state: 'nothing', drift: 0, held: [], refused: null },
    ...{ shut: false, failing: null, applied: null, unconfirmed: null, deaf: [], events: [] },
  };
  const alone = async <T>(action: () => Promise<T>): Promise<T | null> => (busy ? null : action());
  service = await serve(bus, { host, version: '1.2.3', report: () => report, alone });
});
after(async () => {
  await bus.close();
  await there.stop();
});

async function call(method: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await there.busctl('call', ...manager, method, ...args);
  assert.equal(code, 0, `${method}: ${stderr}`);
  return stdout.trim();
}

async function refused(method: string, ...args: readonly string[]): Promise<string> {
  const { code, stderr } = await there.busctl('call', ...manager, method, ...args);
  assert.notEqual(code, 0, method);
  return stderr.trim();
}

const root = process.getuid?.() === 0;

test('introspection names every method, property and signal with its types', async () => {
  const { stdout } = await there.busctl('introspect', ...manager.slice(0, 2), manager[2]);
  for (const line of [
    /^\.Apply +method +su +u /m,
    /^\.Confirm +method +- +s /m,
    /^\.Plan +method +s +as /m,
    /^\.Query +method +- +a\(ss\) /m,
    /^\.Rollback +method +u +u /m,
    /^\.Status +method +- +s /m,
    /^\.Verify +method +- +ba\(bss\) /m,
    /^\.State +property +s +"nothing" +emits-change/m,
    /^\.Version +property +s +"1\.2\.3" +const/m,
    /^\.Event +signal +sss /m,
  ])
    assert.match(stdout, line);
});

test('a plan is what apply would do, and changes nothing; what is wrong is told with its place', async () => {
  const { resources } = await want(host, stateOf('none'), '/etc/op-dbus/files');
  assert.ok(resources.length > 0);
  assert.match(await call('Plan', 's', texts.none), /^as \d+ .*"ovs-vsctl .*add-br ovsbr0/);
  assert.deepEqual(await observe(host), []);
  assert.match(await refused('Plan', 's', '{"lxc": 7}'), /D-Bus:1:9 lxc: expected/);
  assert.match(await refused('Plan', 'u', '7'), /signature|type|argument/i);
});

test('apply, its confirmation, rollback and query do what the commands do', {
  skip: root ? false : 'root alone may change a host',
}, async () => {
  assert.match(await call('Apply', 'su', texts.none, '0'), /^u [1-9]/);
  assert.match(await call('Query'), /^a\(ss\) \d+ .*"bridge" "ovsbr0"/);
  const other = texts.none.replace('"obfuscation_level": 1', '"obfuscation_level": 0');
  assert.match(await refused('Apply', 'su', other, '1'), /confirm_seconds: expected 0, or 5 to 86400/);
  assert.match(await call('Apply', 'su', other, '60'), /^u [1-9]/);
  assert.match(await refused('Apply', 'su', texts.none, '0'), /waits to be confirmed/);
  assert.match(await call('Confirm'), /^s "apply D-Bus"/);
  assert.equal((await readHistory(host)).length, 2);
  assert.match(await call('Rollback', 'u', '1'), /^u [1-9]/);
  assert.match(await refused('Confirm'), /no change waits to be confirmed/);
  assert.match(await refused('Rollback', 'u', '99'), /no entry 99 in the history/);
  busy = true;
  assert.match(await refused('Rollback', 'u', '1'), /another op-dbus command is at work/);
  busy = false;
  assert.match(await call('Verify'), /^ba\(bss\) (true|false) \d+ /);
});

test('what changes is told: properties by their new values, events by a signal, objects as they come and go', async () => {
  const seen: string[] = [];
  const other = await connectBus(there.socket);
  await other.listen({ sender: 'org.opdbus1' }, ({ member, args }) => seen.push(`${member} ${JSON.stringify(args)}`));
  const { resources } = await want(host, stateOf('client'), '/golden/files');
  report = { ...report, state: 'kept', applied: '/etc/op-dbus/state.json' };
  service.update(report, { wanted: resources, policies: stateOf('client').openflow.flow_policies });
  service.event({ at: 'now', level: 'info', text: 'hello' });
  const tree = await there.busctl('tree', 'org.opdbus1', '--list');
  for (const path of ['container/xray_2dclient', 'bridge/ovsbr0', 'policy/wireguard_2dto_2dwarp'])
    assert.match(tree.stdout, new RegExp(`^/org/opdbus1/${path}$`, 'm'));
  const at = '/org/opdbus1/container/xray_2dclient';
  const got = await there.busctl('get-property', 'org.opdbus1', at, 'org.opdbus1.Container', 'Address');
  assert.equal(got.stdout.trim(), 's "10.0.0.102/24"');
  const set = await there.busctl('set-property', 'org.opdbus1', at, 'org.opdbus1.Container', 'Address', 's', 'x');
  assert.notEqual(set.code, 0);
  service.update(report, { wanted: [], policies: [] });
  assert.doesNotMatch((await there.busctl('tree', 'org.opdbus1', '--list')).stdout, /container/);
  const all = seen.join('\n');
  assert.match(all, /PropertiesChanged \["org\.opdbus1\.Manager",\{"State":.*"kept".*"Applied":.*state\.json/);
  assert.match(all, /Event \["now","info","hello"\]/);
  assert.match(all, /InterfacesAdded \["\/org\/opdbus1\/container\/xray_2dclient"/);
  assert.match(all, /InterfacesRemoved \["\/org\/opdbus1\/container\/xray_2dclient"/);
  await other.close();
});

test('callers who only look are answered one after the other, and not without end', async () => {
  const own = { ...host.openflow };
  let [now, most] = [0, 0];
  const gate = Promise.withResolvers<void>();
  const slow = async (bridge: string) => {
    most = Math.max(most, (now += 1));
    await gate.promise;
    now -= 1;
    return own.flows(bridge);
  };
  Object.assign(host.openflow, { flows: slow });
  const other = await connectBus(there.socket);
  const [destination, path, of] = manager;
  const asked = Array.from({ length: 10 }, () =>
    other.call({ destination, path, interface: of, member: 'Query', reply: 'a(ss)' }),
  );
  await assert.rejects(Promise.race(asked), /8 callers wait for an answer already/);
  gate.resolve();
  const all = await Promise.allSettled(asked);
  Object.assign(host.openflow, own);
  assert.deepEqual([all.filter(({ status }) => status === 'fulfilled').length, most], [8, 1]);
  await other.close();
});

test('nothing on the bus holds a secret', async () => {
  const { resources } = await want(host, stateOf('client'), '/golden/files');
  service.update(report, { wanted: resources, policies: stateOf('client').openflow.flow_policies });
  const texts: string[] = [];
  for (const path of (await there.busctl('tree', 'org.opdbus1', '--list')).stdout
    .split('\n')
    .filter((one) => one !== ''))
    texts.push((await there.busctl('introspect', 'org.opdbus1', path)).stdout);
  texts.push(await call('Query'), await call('Status'));
  const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/;
  assert.doesNotMatch(texts.join('\n'), uuid);
  assert.doesNotMatch(texts.join('\n'), /[A-Za-z0-9+/]{43}=/);
});
