// The native client against a real switch with dummy ports.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { controlSocket } from '../control/client.ts';
import { fakeControl } from '../control/fake.ts';
import { type DummySwitch, startDummySwitch } from '../ovsdb/testing.ts';
import { until } from '../watch.suite.ts';
import { openFlow } from './client.ts';
import type { OpenFlow } from './contract.ts';
import { openflowSuite } from './suite.ts';

let ovs: DummySwitch;
before(async () => {
  ovs = await startDummySwitch();
});
after(() => ovs.stop());

const at = (folder: string): OpenFlow => openFlow(folder, controlSocket(folder));

async function vsctl(...argv: readonly string[]): Promise<void> {
  const { code, stderr } = await ovs.run(['ovs-vsctl', ...argv]);
  assert.equal(code, 0, stderr);
}

openflowSuite('native', async () => {
  const bridge = ['--may-exist', 'add-br', 'ovsbr0', '--', 'set', 'Bridge', 'ovsbr0', 'fail_mode=secure'];
  const port = ['--may-exist', 'add-port', 'ovsbr0', 'internal_100', '--', 'set', 'Interface', 'internal_100'];
  const made = await ovs.run(['ovs-vsctl', ...bridge, '--', ...port, 'type=internal', 'ofport_request=32868']);
  assert.equal(made.code, 0, made.stderr);
  for (const what of ['del-flows', 'del-meters']) {
    const cleared = await ovs.run(['ovs-ofctl', '-O', 'OpenFlow14', what, 'ovsbr0']);
    assert.equal(cleared.code, 0, cleared.stderr);
  }
  return {
    openflow: at(ovs.folder),
    port: async (there) =>
      await vsctl(
        ...(there
          ? ['add-port', 'ovsbr0', 'more', '--', 'set', 'Interface', 'more', 'type=internal']
          : ['del-port', 'more']),
      ),
  };
});

test('native: flushing is quiet without a datapath, and an error of the host without a switch', async () => {
  const refusing = (message: string) =>
    fakeControl({
      'dpctl/flush-conntrack': () => {
        throw Object.assign(new Error(message));
      },
    });
  await at(ovs.folder).flushZone(44100);
  await assert.rejects(openFlow(ovs.folder, refusing('something else')).flushZone(44100), /something else/);
  await assert.rejects(at('/nonexistent').flushZone(44100), { code: 'host', message: /nonexistent/ });
});

test('native: a switch that is down is an error of the host', async () => {
  await assert.rejects(at('/nonexistent').flows('ovsbr0'), { code: 'host', message: /ovsbr0/ });
});

test('native: a watch hears nothing of the flows that are there, and ends with its bridge', async () => {
  await vsctl('add-br', 'brief', '--', 'set', 'Bridge', 'brief', 'fail_mode=secure');
  const openflow = at(ovs.folder);
  const drop = { cookie: '0xdead0fff', table: 0, priority: 7, match: 'ip', actions: 'drop' };
  const many = Array.from({ length: 50 }, (_, priority) => ({ ...drop, priority }));
  await openflow.bundle('brief', many, []);
  let told = 0;
  const watch = await openflow.watch('brief', () => void told++);
  await openflow.bundle('brief', [{ ...drop, priority: 99 }], []);
  await until('told', () => told > 0);
  assert.equal(told, 1);
  await ovs.run(['ovs-ofctl', '-O', 'OpenFlow14', 'mod-flows', '--strict', 'brief', 'priority=99,ip actions=NORMAL']);
  await until('told of the modification', () => told > 1);
  assert.equal(told, 2);
  await vsctl('del-br', 'brief');
  assert.equal((await watch.ended).code, 'host');
  await watch.close();
});

test('native: of a bridge that speaks OpenFlow 1.3 alone a watch tells the ports', async () => {
  await vsctl('add-br', 'old', '--', 'set', 'Bridge', 'old', 'protocols=OpenFlow13');
  let told = 0;
  const watch = await at(ovs.folder).watch('old', () => void told++);
  await vsctl('add-port', 'old', 'old1', '--', 'set', 'Interface', 'old1', 'type=internal');
  await until('told', () => told > 0);
  await watch.close();
});

test('native: an empty change asks nobody', async () => {
  await at('/nonexistent').bundle('ovsbr0', [], []);
  await at('/nonexistent').putMeters('ovsbr0', []);
  await at('/nonexistent').removeMeters('ovsbr0', []);
});

test('native: counters of a flow that a bundle does not touch go on', async () => {
  const made = await ovs.run(['ovs-vsctl', '--may-exist', 'add-br', 'ovsbr0']);
  assert.equal(made.code, 0, made.stderr);
  const openflow = at(ovs.folder);
  const drop = { cookie: '0xdead0fff', table: 0, priority: 7, match: 'ip', actions: 'drop' };
  await openflow.bundle('ovsbr0', [drop], []);
  const packet =
    'in_port(0),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),eth_type(0x0800),ipv4(src=10.0.0.9,dst=10.0.0.8,proto=17,tos=0,ttl=64,frag=no),udp(src=1,dst=2)';
  for (const _ of [1, 2]) await controlSocket(ovs.folder).command('netdev-dummy/receive', ['ovsbr0', packet]);
  await openflow.bundle('ovsbr0', [{ ...drop, priority: 8, match: 'arp' }], []);
  await controlSocket(ovs.folder).command('revalidator/wait');
  const { stdout } = await ovs.run(['ovs-ofctl', '-O', 'OpenFlow14', 'dump-flows', 'ovsbr0', 'ip']);
  assert.match(stdout, /n_packets=2,/);
});
