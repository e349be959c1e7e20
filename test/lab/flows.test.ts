// The flows on a real host (the lab's home): ports that come and go, limits, policies of the file, a packet followed.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { home, inHost, labDown, labUp, ok } from './cli.ts';

before(labUp);
after(labDown);

const file = '/etc/op-dbus/state.json';

const dump = () => ok('ovs-ofctl', '-O', 'OpenFlow14', '--names', '--no-stats', 'dump-flows', 'ovsbr0');

test('a port that appears gets flows that pin it, reaches nobody, and loses them when it goes', async () => {
  const before = await dump();
  await ok(
    ...['ovs-vsctl', 'add-port', 'ovsbr0', 'internal_140', '--', 'set', 'Interface', 'internal_140', 'type=internal'],
  );
  const differs = await home('op-dbus', 'diff', file);
  assert.equal(differs.code, 2, differs.stdout);
  assert.match(differs.stderr, /internal_140/);
  await ok('op-dbus', 'apply', file);
  assert.match(await dump(), /in_port="?internal_140"?,dl_src=.*arp_spa=10\.0\.0\.140/);
  const script = `
    unshare --net sleep 60 & space=$!
    until [ "$(readlink /proc/$space/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do :; done
    ip link set internal_140 netns $space
    inside() { nsenter --net=/proc/$space/ns/net "$@"; }
    inside ip address add 10.0.0.140/24 dev internal_140
    inside ip link set internal_140 up
    inside ip route add default via 10.0.0.1
    ping -c 1 -W 3 10.0.0.140 >/dev/null && echo the host reaches it
    for target in 10.0.0.1 10.0.0.100 10.0.0.102 151.101.50.10 82.64.20.1; do
      inside ping -c 1 -W 1 $target >/dev/null && echo it reaches $target
    done
    inside ip address add 10.0.0.141/24 dev internal_140
    ping -c 1 -W 1 10.0.0.141 >/dev/null && echo it has another address
    kill $space`;
  assert.equal(await ok('bash', '-c', `${script}\ntrue`), 'the host reaches it');
  await ok('ovs-vsctl', 'del-port', 'ovsbr0', 'internal_140');
  await ok('op-dbus', 'apply', file);
  assert.equal(await dump(), before);
  assert.equal((await home('op-dbus', 'diff', file)).code, 0);
});

test('pings over the limit are dropped and counted, and later ones pass again', async () => {
  const flood = await home('op-dbus', 'exec', '101', '--', 'ping', '-q', '-i', '0.002', '-c', '400', '10.0.0.102');
  const received = Number(/(\d+) received/.exec(flood.stdout)?.[1]);
  assert.ok(received >= 100 && received < 390, flood.stdout);
  const meter = /internal_101.*icmp_type=8 actions=meter:(\d+)/.exec(await dump())?.[1];
  const stats = await ok('ovs-ofctl', '-O', 'OpenFlow14', 'meter-stats', 'ovsbr0', `meter=${meter}`);
  const dropped = Number(/0:\s*packet_count:(\d+)/.exec(stats)?.[1]);
  assert.equal(dropped, 400 - received, stats);
  await ok('op-dbus', 'exec', '101', '--', 'ping', '-q', '-i', '0.2', '-c', '3', '10.0.0.102');
});

test('a policy of the file with a match, a cookie and a meter is in the switch, works, and goes with it', async () => {
  const state = JSON.parse(await ok('cat', file)) as {
    plugins: { openflow: { flow_policies: unknown[]; bridges: Record<string, unknown>[] } };
  };
  const { openflow } = state.plugins;
  openflow.bridges[0]!['meters'] = [{ name: 'slow', rate: 5, unit: 'pps' }];
  openflow.flow_policies.push({
    name: 'no-port-81',
    selector: 'port:internal_10*',
    template: {
      priority: 2000,
      match_fields: { tcp: '', tp_dst: 81 },
      cookie: '0xbeef5151',
      actions: [{ type: 'drop' }],
    },
  });
  const written = await inHost('home', ['dd', 'of=/tmp/policies.json', 'status=none'], JSON.stringify(state));
  assert.equal(written.code, 0);
  const files = ['--files', '/etc/op-dbus/files'];
  await ok('op-dbus', 'apply', '/tmp/policies.json', ...files);
  assert.equal([...(await dump()).matchAll(/cookie=0xbeef5151, table=10/g)].length, 3);
  const to = (port: number) => home('op-dbus', 'trace', '--from', '100', '--to', `151.101.50.10:${port}`);
  const [dropped, passed] = [await to(81), await to(80)];
  assert.equal(dropped.code, 2);
  assert.match(dropped.stdout, /table 10: flow_policies\[3\] "no-port-81"[^]*⇒ dropped/);
  assert.equal(passed.code, 0);
  assert.match(passed.stdout, /⇒ warp-tunnel[^]*⇒ xray-client[^]*⇒ host/);
  assert.match(await ok('op-dbus', 'apply', '/tmp/policies.json', ...files), /^Nothing to change/);
  await ok('op-dbus', 'apply', file);
  assert.doesNotMatch(await dump(), /0xbeef5151/);
  assert.equal((await home('op-dbus', 'verify')).code, 0);
});
