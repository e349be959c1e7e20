// iproute2 and /proc/sys for real, in network namespaces of the tests' own. Needs root.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { type Exec, exec, run } from '../exec.ts';
import { listen } from '../listen.ts';
import { keepsWatch, until } from '../watch.suite.ts';
import { iproute } from './client.ts';
import type { Net } from './contract.ts';
import { netSuite } from './suite.ts';

const held: (() => void)[] = [];
after(() => held.forEach((end) => end()));

/** A network namespace that lasts as long as the process in it, and what runs programs there; `port0` is there, down. */
async function namespace(): Promise<{ readonly inside: Exec; readonly net: Net }> {
  const process = spawn('unshare', ['--net', 'sh', '-c', 'echo ready; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  held.push(() => process.kill('SIGKILL'));
  await once(process.stdout, 'data');
  const enter = ['nsenter', `--net=/proc/${process.pid}/ns/net`] as const;
  const inside: Exec = (argv, options) => exec([...enter, ...argv], options);
  await run(inside, ['ip', 'link', 'add', 'port0', 'type', 'veth', 'peer', 'name', 'port1']);
  await run(inside, ['sysctl', '-qw', 'net.ipv4.ip_forward=0']);
  const net = iproute(inside, (listener, changed) =>
    listen({ ...listener, argv: [...enter, ...listener.argv] }, changed),
  );
  return { inside, net };
}

netSuite('iproute2 in a namespace', async () => (await namespace()).net);

test('a sysctl of a namespace is not the machine’s', async () => {
  const machine = await iproute(exec).sysctl('net.ipv4.conf.lo.rp_filter');
  const { net } = await namespace();
  await net.setSysctl('net.ipv4.conf.lo.rp_filter', machine === '2' ? '1' : '2');
  assert.equal(await iproute(exec).sysctl('net.ipv4.conf.lo.rp_filter'), machine);
});

test('the default route decides the uplink, the lowest metric first', async () => {
  const { inside, net } = await namespace();
  for (const [device, address, metric] of [
    ['port0', '192.0.2.2/24', '200'],
    ['port1', '198.51.100.2/24', '100'],
  ] as const) {
    await net.addAddress(device, address);
    await net.up(device);
    await run(inside, ['ip', 'route', 'add', 'default', 'dev', device, 'metric', metric]);
  }
  assert.equal(await net.uplink(), 'port1');
});

test('a rule of somebody else’s that reads like ours is told apart, and stays', async () => {
  const { inside, net } = await namespace();
  const text = 'priority 3 iif port0 blackhole';
  await run(inside, ['ip', 'rule', 'add', ...text.split(' ')]);
  await net.addRule(4, text);
  await net.removeRule(4, text);
  await net.removeRule(4, text);
  const found = (await net.rules(4))?.filter((rule) => rule.text === text);
  assert.deepEqual(found, [{ ours: false, text }]);
});

test('a rule with our number that says more than ours is told with all that it says, and can be removed', async () => {
  const { inside, net } = await namespace();
  const words = 'priority 9 from 192.0.2.0/24 fwmark 0x1 iif port0 oif port1 prohibit';
  await run(inside, ['ip', 'rule', 'add', ...words.split(' '), 'protocol', '219']);
  const [rule] = (await net.rules(4))?.filter(({ ours }) => ours) ?? [];
  assert.ok(rule);
  assert.match(rule.text, /^priority 9 from 192\.0\.2\.0\/24 fwmark 0x1 iif port0 oif port1 prohibit$/);
  await net.removeRule(4, rule.text);
  assert.equal(
    (await net.rules(4))?.some(({ ours }) => ours),
    false,
  );
});

test('a device name with a dot has its sysctls', async () => {
  const { inside, net } = await namespace();
  await run(inside, ['ip', 'link', 'set', 'dev', 'port1', 'name', 'port0.7']);
  await net.setSysctl('net.ipv4.conf.port0/7.forwarding', '1');
  assert.equal(await net.sysctl('net.ipv4.conf.port0/7.forwarding'), '1');
});

test('a watch tells of what others do to links, routes and rules, and not of a neighbour namespace', async () => {
  const { inside, net } = await namespace();
  const ip = (command: string) => () => run(inside, ['ip', ...command.split(' ')]);
  await net.up('port0');
  await net.up('port1');
  await net.addAddress('port0', '192.0.2.1/24');
  await keepsWatch((changed) => net.watch(changed), {
    'a link is made': ip('link add more0 type veth peer name more1'),
    'a link is renamed': ip('link set more0 name more2'),
    'a link gets another MTU': ip('link set port0 mtu 1400'),
    'a link gets another MAC': ip('link set more1 address 02:00:00:00:00:07'),
    'a route is added': ip('route add default via 192.0.2.7'),
    'a route is removed': ip('route del default'),
    'a rule is added': ip('rule add from 192.0.2.9 lookup 7'),
    'a rule is removed': ip('rule del from 192.0.2.9'),
    'a device forwards': () => net.setSysctl('net.ipv4.conf.port0.forwarding', '1'),
    'a link goes down': ip('link set port1 down'),
    'a link is deleted': ip('link del more2'),
  });
  const other = await namespace();
  let told = 0;
  const watch = await net.watch(() => void told++);
  await run(other.inside, ['ip', 'link', 'set', 'port0', 'up']);
  await run(inside, ['ip', 'rule', 'add', 'from', '192.0.2.9', 'lookup', '7']);
  await until('told', () => told > 0);
  assert.equal(told, 1);
  await watch.close();
});
