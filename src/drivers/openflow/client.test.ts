// ovs-ofctl against a real switch with dummy ports.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { scriptedExec } from '../exec.fake.ts';
import { exec } from '../exec.ts';
import { type DummySwitch, startDummySwitch } from '../ovsdb/testing.ts';
import { ovsOfctl } from './client.ts';
import { openflowSuite } from './suite.ts';

let ovs: DummySwitch;
before(async () => {
  ovs = await startDummySwitch();
});
after(() => ovs.stop());

openflowSuite('ovs-ofctl', async () => {
  const bridge = ['--may-exist', 'add-br', 'ovsbr0', '--', 'set', 'Bridge', 'ovsbr0', 'fail_mode=secure'];
  const port = ['--may-exist', 'add-port', 'ovsbr0', 'internal_100', '--', 'set', 'Interface', 'internal_100'];
  const made = await ovs.run(['ovs-vsctl', ...bridge, '--', ...port, 'type=internal', 'ofport_request=32868']);
  assert.equal(made.code, 0, made.stderr);
  const cleared = await ovs.run(['ovs-ofctl', 'del-flows', 'ovsbr0']);
  assert.equal(cleared.code, 0, cleared.stderr);
  return { openflow: ovsOfctl(exec, ovs.folder) };
});

test('ovs-ofctl: the error of a flow that the switch refuses names the flow', async () => {
  const flow = { cookie: '0x5', table: 0, priority: 5, match: 'ip', actions: 'meter:55,goto_table:6' };
  await assert.rejects(ovsOfctl(exec, ovs.folder).bundle('ovsbr0', [flow], []), {
    code: 'protocol',
    message: /^ovsbr0: OFPMMFC_INVALID_METER: ADD priority=5,ip cookie:0x5 actions=meter:55,goto_table:6$/,
  });
});

test('ovs-ofctl: flushing is quiet without a datapath, and an error of the host without a switch', async () => {
  const none = scriptedExec(() => ({ code: 2, stderr: 'ovs-vswitchd: no datapaths exist\n' }));
  await ovsOfctl(none.exec).flushZone(44100);
  await assert.rejects(ovsOfctl(exec, '/nonexistent').flushZone(44100), { code: 'host', message: /44100/ });
});

test('ovs-ofctl: a switch that is down is an error of the host', async () => {
  await assert.rejects(ovsOfctl(exec, '/nonexistent').flows('ovsbr0'), { code: 'host', message: /ovsbr0/ });
});

test('ovs-ofctl: an empty bundle runs no program', async () => {
  const script = scriptedExec(() => '');
  await ovsOfctl(script.exec).bundle('ovsbr0', [], []);
  assert.equal(script.calls.length, 0);
});
