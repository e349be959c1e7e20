// What is made of iproute2's output, as captured from iproute2 6.1.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scriptedExec } from '../exec.fake.ts';
import { iproute } from './client.ts';

const captured = `[{"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP","LOWER_UP"],"mtu":65536,"qdisc":"noqueue","operstate":"UNKNOWN","group":"default","txqlen":1000,"link_type":"loopback","address":"00:00:00:00:00:00","broadcast":"00:00:00:00:00:00","addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8,"scope":"host","label":"lo"},{"family":"inet6","local":"::1","prefixlen":128,"scope":"host"}]},{"ifindex":2,"link":"peer","ifname":"eth0","flags":["BROADCAST","MULTICAST"],"mtu":1400,"operstate":"DOWN","link_type":"ether","address":"8e:e1:b2:4e:76:d0","addr_info":[]},{"ifindex":3,"ifname":"wg0","flags":["POINTOPOINT","NOARP","UP","LOWER_UP"],"mtu":1420,"link_type":"none","addr_info":[{"family":"inet","local":"10.99.0.1","prefixlen":24}]}]`;

test('links are read with IPv4 addresses only, and a MAC only where there is one', async () => {
  assert.deepEqual(await iproute(scriptedExec(() => captured).exec).links(), [
    { name: 'lo', mac: null, mtu: 65536, up: true, addresses: ['127.0.0.1/8'] },
    { name: 'eth0', mac: '8e:e1:b2:4e:76:d0', mtu: 1400, up: false, addresses: [] },
    { name: 'wg0', mac: null, mtu: 1420, up: true, addresses: ['10.99.0.1/24'] },
  ]);
});

test('the uplink is the default route with the lowest metric, a missing metric being the lowest', async () => {
  const uplink = (routes: unknown): Promise<string | null> =>
    iproute(scriptedExec(() => (routes === '' ? '' : JSON.stringify(routes))).exec).uplink();
  const wifi = { dst: 'default', gateway: '192.0.2.9', dev: 'wlan0', metric: 600, flags: [] };
  const wire = { dst: 'default', gateway: '192.0.2.1', dev: 'eth0', metric: 100, flags: [] };
  assert.equal(await uplink([wifi, wire]), 'eth0');
  assert.equal(await uplink([wifi, wire, { dst: 'default', dev: 'ppp0', flags: [] }]), 'ppp0');
  assert.equal(
    await uplink([
      {
        dst: 'default',
        nexthops: [
          { dev: 'eth1', weight: 1 },
          { dev: 'eth2', weight: 1 },
        ],
      },
    ]),
    'eth1',
  );
  assert.equal(await uplink([]), null);
  assert.equal(await uplink(''), null);
});

test('a dot inside a device name is a slash in the key', async () => {
  const { exec, calls } = scriptedExec(() => '1\n');
  assert.equal(await iproute(exec).sysctl('net.ipv4.conf.eth0/100.forwarding'), '1');
  assert.deepEqual(calls[0]?.argv, ['cat', '/proc/sys/net/ipv4/conf/eth0.100/forwarding']);
});

test('a key never leaves /proc/sys', async () => {
  const { exec, calls } = scriptedExec(() => '');
  await assert.rejects((async () => iproute(exec).sysctl('net.//.//.etc.passwd'))(), { code: 'internal' });
  assert.deepEqual(calls, []);
});

test('a kernel without IPv6 has no rules of it, and any other failure is an error', async () => {
  const saying = (stderr: string) => iproute(scriptedExec(() => ({ code: 2, stdout: '', stderr })).exec).rules(6);
  assert.equal(await saying('RTNETLINK answers: Address family not supported by protocol\nDump terminated'), null);
  await assert.rejects(saying('Cannot send dump request: Operation not permitted'), { code: 'host' });
});

test('output that is no JSON of ours is an error, not a guess', async () => {
  for (const output of ['', '{}', '[{"ifname":1}]'])
    await assert.rejects(iproute(scriptedExec(() => output).exec).links(), { code: 'host' });
});
