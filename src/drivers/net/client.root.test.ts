// iproute2 and /proc/sys for real, in network namespaces of the tests' own. Needs root.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { type Exec, exec, run } from '../exec.ts';
import { iproute } from './client.ts';
import { netSuite } from './suite.ts';

const held: (() => void)[] = [];
after(() => held.forEach((end) => end()));

/** Runs programs in a network namespace that lasts as long as the process in it; `port0` is there, down. */
async function namespace(): Promise<Exec> {
  const process = spawn('unshare', ['--net', 'sh', '-c', 'echo ready; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  held.push(() => process.kill('SIGKILL'));
  await once(process.stdout, 'data');
  const inside: Exec = (argv, options) => exec(['nsenter', `--net=/proc/${process.pid}/ns/net`, ...argv], options);
  await run(inside, ['ip', 'link', 'add', 'port0', 'type', 'veth', 'peer', 'name', 'port1']);
  await run(inside, ['sysctl', '-qw', 'net.ipv4.ip_forward=0']);
  return inside;
}

netSuite('iproute2 in a namespace', async () => iproute(await namespace()));

test('a sysctl of a namespace is not the machine’s', async () => {
  const machine = await iproute(exec).sysctl('net.ipv4.conf.lo.rp_filter');
  const inside = await namespace();
  await iproute(inside).setSysctl('net.ipv4.conf.lo.rp_filter', machine === '2' ? '1' : '2');
  assert.equal(await iproute(exec).sysctl('net.ipv4.conf.lo.rp_filter'), machine);
});

test('the default route decides the uplink, the lowest metric first', async () => {
  const inside = await namespace();
  const net = iproute(inside);
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

test('a device name with a dot has its sysctls', async () => {
  const inside = await namespace();
  await run(inside, ['ip', 'link', 'set', 'dev', 'port1', 'name', 'port0.7']);
  const net = iproute(inside);
  await net.setSysctl('net.ipv4.conf.port0/7.forwarding', '1');
  assert.equal(await net.sysctl('net.ipv4.conf.port0/7.forwarding'), '1');
});
