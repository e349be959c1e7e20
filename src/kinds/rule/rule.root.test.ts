// The rules with packets, in network namespaces of the tests' own. Needs root.
//
//   inside (10.0.0.102, fd00::102) --- ovsbr0 [host] eth0 --- outside (203.0.113.30, 2001:db8::30)

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { difference } from '../../core/plan.ts';
import { type Exec, exec, run } from '../../drivers/exec.ts';
import { fakeFiles } from '../../drivers/files/fake.ts';
import type { Host } from '../../drivers/host.ts';
import { iproute } from '../../drivers/net/client.ts';
import { passMark } from '../mark.ts';
import { rule } from './index.ts';
import { samples } from './samples.ts';

const held: (() => void)[] = [];
after(() => held.forEach((end) => end()));

type Space = { readonly exec: Exec; readonly pid: number; readonly ip: (words: string) => Promise<string> };

/** A namespace that lasts as long as the process in it; it forwards, both families. */
async function namespace(): Promise<Space> {
  const holder = spawn('unshare', ['--net', 'sh', '-c', 'echo ready; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  held.push(() => holder.kill('SIGKILL'));
  await once(holder.stdout, 'data');
  const pid = holder.pid ?? assert.fail();
  const inside: Exec = (argv, options) => exec(['nsenter', `--net=/proc/${pid}/ns/net`, ...argv], options);
  const sysctls = ['ipv4.ip_forward=1', 'ipv6.conf.all.forwarding=1', 'ipv6.conf.default.accept_dad=0'];
  await run(inside, ['sysctl', '-qw', ...sysctls.map((one) => `net.${one}`)]);
  await run(inside, ['ip', 'link', 'set', 'lo', 'up']);
  return { exec: inside, pid, ip: (words) => run(inside, ['ip', ...words.split(' ')]) };
}

async function wire(
  a: Space,
  device: string,
  addresses: string,
  b: Space,
  peer: string,
  others: string,
): Promise<void> {
  await a.ip(`link add ${device} type veth peer name ${peer} netns ${b.pid}`);
  for (const [space, name, all] of [
    [a, device, addresses],
    [b, peer, others],
  ] as const) {
    for (const address of all.split(' ')) await space.ip(`address add ${address} dev ${name}`);
    await space.ip(`link set ${name} up`);
  }
}

type Net = { readonly host: Host; readonly router: Space; readonly inside: Space; readonly outside: Space };

async function net(): Promise<Net> {
  const [inside, router, outside] = await Promise.all([namespace(), namespace(), namespace()]);
  await wire(router, 'ovsbr0', '10.0.0.1/24 fd00::1/64', inside, 'in0', '10.0.0.102/24 fd00::102/64');
  await wire(router, 'eth0', '203.0.113.10/24 2001:db8::10/64', outside, 'out0', '203.0.113.30/24 2001:db8::30/64');
  await inside.ip('route add default via 10.0.0.1');
  await inside.ip('-6 route add default via fd00::1');
  await outside.ip('route add 10.0.0.0/24 via 203.0.113.10');
  await outside.ip('-6 route add fd00::/64 via 2001:db8::10');
  return { host: { net: iproute(router.exec), files: fakeFiles() } as unknown as Host, router, inside, outside };
}

/** From what is there to a state of the samples. */
async function go(host: Host, sample: number): Promise<void> {
  const changes = difference(await rule.observe(host), samples[sample] ?? []);
  const batch = changes.map(({ name, before, after: wanted }) => {
    return { kind: 'rule', name, before: before as never, after: wanted as never };
  });
  await rule.preflight?.(host, batch, () => {});
  await rule.apply(host, batch, () => {});
  assert.deepEqual(difference(await rule.observe(host), samples[sample] ?? []), []);
}

/** `answered`, `told` that it can't be reached, or `silence`. */
async function ping(from: Space, to: string): Promise<string> {
  const { code, stdout } = await from.exec(['ping', '-n', '-c', '3', '-i', '0.05', '-W', '0.3', to]);
  return code === 0 ? 'answered' : /^From /m.test(stdout) ? 'told' : 'silence';
}

const out = { 4: '203.0.113.30', 6: '2001:db8::30' } as const;

function mark(match: string): string {
  const chain = 'type filter hook prerouting priority dstnat + 10;';
  return `table inet op_dbus {\nchain pass {\n${chain}\n${match} meta mark set meta mark | ${passMark}\n}\n}\n`;
}

/** What the host's filter does with packets from the bridge, and with those for it. */
const filter = `${mark('iifname "ovsbr0"')}${mark('ip daddr 10.0.0.0/24')}`;

for (const [sample, what] of [
  [1, 'a host that forwards for us alone'],
  [2, 'a host that forwarded before'],
] as const)
  test(`${what}: what is marked passes, what is not is dropped in silence, and the host is reached as ever`, async () => {
    const { host, router, inside, outside } = await net();
    const both = async () => [await ping(inside, out[4]), await ping(inside, out[6])];
    assert.deepEqual(await both(), ['answered', 'answered'], 'the probes can be answered');
    await go(host, sample);
    assert.deepEqual(await both(), ['silence', 'silence']);
    assert.equal(await ping(inside, '10.0.0.1'), 'answered');
    assert.equal(await ping(inside, 'fd00::1'), 'answered');
    assert.equal(await ping(outside, '203.0.113.10'), 'answered');
    assert.equal(await ping(router, '203.0.113.30'), 'answered');
    assert.equal(await ping(router, '10.0.0.102'), 'answered');
    await run(router.exec, ['nft', '-f', '-'], { stdin: filter });
    assert.deepEqual(await both(), ['answered', 'silence']);
    await run(router.exec, ['nft', 'flush', 'ruleset']);
    assert.deepEqual(await both(), ['silence', 'silence']);
    await go(host, 0);
    assert.deepEqual(await both(), ['answered', 'answered']);
  });

test('what has nothing to do with our bridges is forwarded where it was before, and nowhere else', async () => {
  const { host, router, outside } = await net();
  const other = await namespace();
  await wire(router, 'eth1', '198.51.100.1/24', other, 'o0', '198.51.100.2/24');
  await other.ip('route add default via 198.51.100.1');
  await outside.ip('route add 198.51.100.0/24 via 203.0.113.10');
  for (const [sample, outcome] of [
    [2, 'answered'],
    [1, 'silence'],
    [2, 'answered'],
  ] as const) {
    await go(host, sample);
    assert.equal(await ping(other, out[4]), outcome);
  }
});

test('a host on which somebody moved the rule of local delivery, or took one of ours away, is not cut off', async () => {
  const { host, router, outside } = await net();
  await go(host, 1);
  await router.ip('rule add priority 100 lookup local');
  await router.ip('rule del priority 0');
  assert.equal(await ping(outside, '203.0.113.10'), 'answered');
  await router.ip('rule del priority 4');
  await router.ip('rule del priority 2');
  assert.equal(await ping(router, '203.0.113.30'), 'answered');
  assert.equal(await ping(outside, '203.0.113.10'), 'answered');
});

test('answers pass a strict check of where they come from only with src_valid_mark', async () => {
  const { host, router, inside } = await net();
  await go(host, 1);
  await run(router.exec, ['nft', '-f', '-'], { stdin: filter });
  for (const check of ['1', '2']) {
    await host.net.setSysctl('net.ipv4.conf.all.rp_filter', check);
    for (const [value, outcome] of [
      ['0', 'silence'],
      ['1', 'answered'],
    ] as const) {
      await host.net.setSysctl('net.ipv4.conf.all.src_valid_mark', value);
      assert.equal(await ping(inside, out[4]), outcome, `rp_filter ${check}, src_valid_mark ${value}`);
    }
  }
});
