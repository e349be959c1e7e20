// The chain on the kernel's own datapath and WireGuard, in the guest that run.ts boots; nowhere else.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { source } from '../../src/drivers/source.ts';
import { daemonised } from '../../src/lab/host.ts';
import { capture } from '../../src/lab/lab.ts';
import { classify } from '../../src/lab/pcap.ts';
import { startCapture } from '../../src/lab/prove/capture.ts';
import { answersAgain } from '../../src/lab/prove/closed.ts';
import { startProber } from '../../src/lab/prove/prober.ts';
import { marker, tally } from '../../src/lab/prove/row.ts';
import { HOME, SWITCHED, VPS, type HostName } from '../../src/lab/topology.ts';

const STATE = '/etc/op-dbus/state.json';

before(async () => {
  assert.match(await readFile('/proc/cmdline', 'utf8'), / vm\.test=/, 'this is for the guest of npm run test:vm');
});

/** Runs `bin/op-dbus …`, each line that it prints with the seconds since the test began in front. @returns its exit status. */
async function opDbus(...args: readonly string[]): Promise<unknown> {
  const child = spawn(source('bin/op-dbus'), args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const end = once(child, 'exit');
  for await (const line of createInterface({ input: child.stdout }))
    console.log(`${process.uptime().toFixed(0).padStart(4)} s  ${line}`);
  return (await end)[0];
}

/** Runs a program in a lab host, and insists on exit status 0. @returns what it printed. */
async function says(host: HostName, ...argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await capture(host, argv, '', 180_000);
  assert.equal(code, 0, `${argv.join(' ')}: ${stderr}`);
  return stdout.trim();
}

test('the lab comes up', async () => {
  assert.equal(await opDbus('lab', 'up', '--keep'), 0);
});

test("both switches forward in the kernel's datapath", async () => {
  for (const host of SWITCHED) {
    assert.equal(await says(host, 'ovs-vsctl', 'get', 'Bridge', 'ovsbr0', 'datapath_type'), 'system');
    assert.match(await says(host, 'ip', '-d', 'link', 'show', 'ovsbr0'), /\bopenvswitch\b/);
    const shown = await says(host, 'ovs-appctl', 'dpctl/show');
    assert.match(shown, /^system@ovs-system:/);
    assert.match(shown, /port \d+: internal_100 \(internal\)/);
    const [, missed, lost] = /missed:(\d+) lost:(\d+)/.exec(shown) ?? [];
    assert.ok(Number(missed) > 0 && Number(lost) === 0, `of ${missed} packets without a flow ${lost} were lost`);
  }
});

test("every WireGuard device is the kernel's, and there is no wireguard-go", async () => {
  const inside = (name: string) => ['op-dbus', 'exec', name, '--'];
  for (const [host, device, way] of [
    ['client', 'wg0', []],
    ['warp', 'warp0', []],
    ['home', 'wg0', inside('wireguard-gateway')],
    ['home', 'wg-warp', inside('warp-tunnel')],
  ] as const) {
    assert.match(await says(host, ...way, 'ip', '-d', 'link', 'show', device), /^ +wireguard\b/m);
    assert.match(await says(host, ...way, 'wg', 'show', device, 'latest-handshakes'), /\t[1-9]\d+$/);
  }
  for (const pid of await readdir('/proc')) {
    const name = /^\d+$/.test(pid) ? await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '') : '';
    assert.doesNotMatch(name, /wireguard-go/);
  }
});

test('lab prove: every point holds', async () => {
  assert.equal(await opDbus('lab', 'prove'), 0);
});

for (const [how, end] of [
  ['that ends in order', ['ovs-appctl', '-t', 'ovs-vswitchd', 'exit']],
  ['that is killed', ['sh', '-c', 'kill -KILL "$(cat /run/openvswitch/ovs-vswitchd.pid)"']],
] as const)
  test(`a switch ${how} and starts again lets nothing out, and apply brings the chain back`, async () => {
    const word = marker();
    const [uplink, prober] = [await startCapture('home', 'eth0'), await startProber('client', word)];
    try {
      assert.ok((await answersAgain(prober, Date.now())).ok);
      await says('home', ...end);
      await sleep(2000);
      await start('ovs-vswitchd', 'unix:/run/openvswitch/db.sock');
      await sleep(2000);
      const apply = await says('home', 'op-dbus', 'apply', STATE);
      assert.doesNotMatch(apply, /lxc-(stop|start)/);
      const again = await answersAgain(prober, Date.now());
      console.log(`# ${again.detail}`);
      assert.ok(again.ok, again.detail);
      assert.match(await says('home', 'op-dbus', 'apply', STATE), /^Nothing to change/);
    } finally {
      await prober.stop();
    }
    const frames = await uplink.stop();
    const seen = frames.map((frame) => classify(frame, HOME.uplink, VPS)).filter(({ expected }) => !expected);
    assert.equal(tally(seen.map(({ label }) => label)), 'nothing');
    assert.ok(frames.length > 0 && !frames.some((frame) => frame.includes(word)));
  });

test('a database that starts again changes nothing, and the chain carries meanwhile', async () => {
  const prober = await startProber('client', marker());
  try {
    await says('home', 'ovs-appctl', '-t', 'ovsdb-server', 'exit');
    const down = await answersAgain(prober, Date.now());
    await start('ovsdb-server', '/etc/openvswitch/conf.db', '--remote=punix:/run/openvswitch/db.sock');
    assert.ok(down.ok, down.detail);
    assert.match(await says('home', 'op-dbus', 'apply', STATE), /^Nothing to change/);
    assert.ok((await answersAgain(prober, Date.now())).ok);
  } finally {
    await prober.stop();
  }
});

async function start(...argv: readonly [string, ...string[]]): Promise<void> {
  const common = ['--pidfile', '--detach', '--no-chdir', '-vconsole:off', '-vsyslog:off', '-vfile:info', '--log-file'];
  await daemonised('home', [...argv, ...common]);
}

test('lab down leaves no process, device or mount', async () => {
  assert.equal(await opDbus('lab', 'down'), 0);
  assert.equal(await opDbus('lab', 'status'), 1);
  assert.doesNotMatch(await readFile('/proc/self/mounts', 'utf8'), /op-dbus-lab/);
  assert.deepEqual(await readdir('/sys/class/net'), ['lo']);
  for (const pid of await readdir('/proc')) {
    const name = /^\d+$/.test(pid) ? await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '') : '';
    assert.doesNotMatch(name, /^(ovs|ovsdb|lxc|v2ray|systemd)/);
  }
});
