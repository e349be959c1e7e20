// A packet followed from hop to hop, on a real switch with the client's flows.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { client } from '../src/core/topology/fixture.ts';
import type { Facts } from '../src/core/topology.ts';
import { run } from '../src/drivers/exec.ts';
import type { Host } from '../src/drivers/host.ts';
import { type DummySwitch, startDummySwitch } from '../src/drivers/ovsdb/testing.ts';
import { type Question, trace } from '../src/engine/trace.ts';
import { flow } from '../src/kinds/flow/index.ts';
import { build, hostOf } from '../src/kinds/flow/testing.ts';

let ovs: DummySwitch;
let host: Host;
before(async () => {
  ovs = await startDummySwitch();
  await build(ovs, client, 'ovsbr0', () => true);
  host = hostOf(ovs, client, () => true);
  for (const { name, spec } of flow.expand(client, {} as Facts))
    await flow.apply(host, [{ kind: 'flow', name, before: null, after: spec }], () => {});
});
after(() => ovs.stop());

const web: Question = { protocol: 'tcp', to: '198.51.100.9', port: 443 };

test('a client’s connection goes through WARP and the proxy to the host, each hop wrapped as its member wraps it', async () => {
  const hops = await trace(host, client, '100', web);
  assert.deepEqual(
    hops.map(({ from, to, packet }) => [from, packet.protocol, packet.source, packet.to, packet.port, to]),
    [
      ['wireguard-gateway', 'tcp', '10.0.0.100', '198.51.100.9', 443, 'warp-tunnel'],
      ['warp-tunnel', 'udp', '10.0.0.101', '162.159.192.1', 2408, 'xray-client'],
      ['xray-client', 'tcp', '10.0.0.102', '203.0.113.30', 443, 'host'],
    ],
  );
  for (const { steps } of hops) for (const { why, cookie } of steps) assert.ok(why, cookie);
  assert.match(hops[0]?.steps.at(-1)?.why ?? '', /wireguard-to-warp/);
});

test('what a pin refuses is dropped, and the flow that does it is the last', async () => {
  const [hop, ...more] = await trace(host, client, 'warp-tunnel', web);
  assert.equal(more.length, 0);
  assert.equal(hop?.to, null);
  assert.deepEqual(hop?.steps.at(-1)?.actions, ['drop']);
  assert.equal(hop?.steps.at(-1)?.why, 'no policy takes it');
});

test('a ping of the next hop ends there', async () => {
  const hops = await trace(host, client, '100', { protocol: 'icmp', to: '10.0.0.101', port: null });
  assert.deepEqual(
    hops.map(({ to }) => to),
    ['warp-tunnel'],
  );
});

test('a foreign flow that lets a packet out is seen for what it is', async () => {
  const foreign = 'priority=60000,ip,in_port=internal_101,nw_dst=198.51.100.77,actions=LOCAL';
  await run(ovs.run, ['ovs-ofctl', '-O', 'OpenFlow14', 'add-flow', 'ovsbr0', foreign]);
  const [hop] = await trace(host, client, '101', { ...web, to: '198.51.100.77' });
  assert.equal(hop?.to, 'host');
  assert.deepEqual(
    hop?.steps.map(({ why, cookie, priority }) => [why, cookie, priority]),
    [[null, '0x0', 60000]],
  );
});

test('who is not there is an error that names those who are', async () => {
  await assert.rejects(trace(host, client, '105', web), { code: 'usage', hint: /wireguard-gateway \(100\)/ });
});
