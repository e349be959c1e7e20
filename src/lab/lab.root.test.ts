// The lab's hosts, network and servers for real: needs root; makes and removes a lab of its own.

import './testing.ts';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { exec } from '../drivers/exec.ts';
import { capture, down, run, status, up } from './lab.ts';
import { startTime } from '../drivers/process.ts';
import { FOLDER, locked, RECORD } from './record.ts';
import { source } from '../drivers/source.ts';
import { classify } from './pcap.ts';
import { startCapture } from './prove/capture.ts';
import { startProber } from './prove/prober.ts';
import { marker } from './prove/row.ts';
import { differences, snapshot } from './prove/snapshot.ts';
import { HOME, HOSTS, LINKS, VPS, WARP } from './topology.ts';

const quiet = { progress: () => undefined };
let machine = '';

/** What the lab could leave on the machine: links, addresses, routes, tables; mounts, cgroups, processes, a folder. */
async function traces(): Promise<string> {
  const programs = [
    ['ip', '-br', 'addr'],
    ['ip', 'route', 'show', 'table', 'all'],
    ['nft', 'list', 'ruleset'],
    ['find', '/sys/fs/cgroup', '-type', 'd', '-name', basename(FOLDER)],
  ] as const;
  const printed = await Promise.all(programs.map(async (argv) => (await exec(argv)).stdout));
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').filter((line) => line.includes(FOLDER));
  const processes: string[] = [];
  for (const pid of await readdir('/proc')) {
    const line = /^\d+$/.test(pid) ? await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '') : '';
    if (line.includes(`${FOLDER}/`)) processes.push(line);
  }
  return JSON.stringify([...printed, mounts, processes, existsSync(FOLDER)], null, 1);
}

before(async () => {
  await down(() => undefined);
  machine = await traces();
  await up({ ...quiet, keep: true });
});
after(() => down(() => undefined));

async function says(host: (typeof HOSTS)[number], ...argv: string[]): Promise<string> {
  const result = await capture(host, argv);
  assert.equal(result.code, 0, `${argv.join(' ')}: ${result.stderr}`);
  return result.stdout.trim();
}

test('every host is up and has a name, a pid 1 and mounts of its own', async () => {
  assert.equal((await status()).state, 'whole');
  for (const host of HOSTS) {
    assert.equal(await says(host, 'hostname'), host);
    assert.match(await says(host, 'cat', '/proc/1/cmdline'), /host\.sh/);
    assert.equal(await says(host, 'ls', '-A', '/var/lib/lxc', '/etc/wireguard'), '/etc/wireguard:\n\n/var/lib/lxc:');
  }
});

test("names resolve and https works with the lab's authority by plain curl", async () => {
  assert.equal(await says('vps', 'curl', '-sS', 'https://ifconfig.me'), '95.216.30.2');
  assert.match(await says('home', 'curl', '-sS', 'https://www.cloudflare.com/cdn-cgi/trace/'), /^warp=off$/m);
  assert.match(await says('home', 'getent', 'ahostsv4', 'engage.cloudflareclient.com'), /^162\.159\.192\.1 /);
  assert.equal((await capture('vps', ['getent', 'hosts', 'debian.org'])).code, 2);
});

test('IPv6 has a way from home to target, so that a leak of it could be seen', async () => {
  assert.match(await says('home', 'ping', '-c', '1', '-W', '2', '2a04:4e42:50::10'), / 0% packet loss/);
});

test('the lab has no way to the machine or its network: no device but those of the picture, no route out', async () => {
  for (const host of HOSTS) {
    const ends = LINKS.flatMap((link) => [link, link.peer]).filter((end) => end.host === host);
    const devices = (await says(host, 'ls', '/sys/class/net')).split(/\s+/).filter((name) => name !== 'warp0');
    assert.deepEqual(devices.toSorted(), ['lo', ...ends.map((end) => end.device)].toSorted());
  }
  assert.notEqual((await capture('inet', ['ip', 'route', 'get', '8.8.8.8'])).code, 0);
});

test('a capture holds whole frames of both directions, and a leak in it is named', async () => {
  const taken = await startCapture('home', 'eth0');
  const word = marker();
  await says('home', 'curl', '-sS', `http://target.example.net/marker/${word}`);
  const frames = await taken.stop();
  assert.equal(frames.filter((frame) => frame.includes(word)).length, 2);
  const labels = frames.map((frame) => classify(frame, HOME.uplink, VPS)).filter(({ expected }) => !expected);
  assert.ok(labels.some(({ label }) => /^tcp 82\.64\.20\.2:\d+ > 151\.101\.50\.10:80$/.test(label)));
  assert.ok(labels.some(({ label }) => /^udp 82\.64\.20\.2:\d+ > 9\.9\.9\.9:53$/.test(label)));
});

test("the prober hears answers by each way where all are open, and none of the client's where home lets nothing through", async () => {
  for (const [host, wanted] of [
    ['home', ['dns', 'icmp', 'icmp6', 'tcp', 'udp', 'udp6']],
    ['client', []],
  ] as const) {
    const prober = await startProber(host, marker());
    const heard = () => new Set(prober.answersSince(0).map((answer) => answer.by));
    for (let waited = 0; waited < 10_000 && heard().size < wanted.length; waited += 50) await sleep(50);
    if (wanted.length === 0) await sleep(500);
    assert.deepEqual([...heard()].toSorted(), wanted);
    await prober.stop();
  }
});

test('a snapshot is the same twice, and names what was added since', async () => {
  const before = await snapshot('home');
  assert.deepEqual(differences(before, await snapshot('home')), []);
  await says('home', 'ip', 'addr', 'add', '10.9.9.9/32', 'dev', 'lo');
  await says('home', 'mkdir', '/var/lib/op-dbus');
  await says('home', 'touch', '/etc/left', '/var/lib/op-dbus/left');
  const found = differences(before, await snapshot('home')).join('\n');
  for (const wanted of [
    /^addresses: \+ lo .*10\.9\.9\.9/m,
    /^files: \+ .* \/etc\/left/m,
    /^own files: \+ .*op-dbus\/left/m,
  ])
    assert.match(found, wanted);
  await says('home', 'ip', 'addr', 'del', '10.9.9.9/32', 'dev', 'lo');
  await says('home', 'rm', '-r', '/etc/left', '/var/lib/op-dbus');
  assert.deepEqual(differences(before, await snapshot('home')), []);
});

test("through WARP's tunnel a device is seen with WARP's exit address", async () => {
  const profile = (await says('home', 'cat', '/etc/op-dbus/wgcf-profile.conf')).replace(/^DNS.*\n/m, '');
  await capture('home', ['cp', '/dev/null', '/etc/wireguard/wgcf.conf']);
  assert.equal((await capture('home', ['tee', '/etc/wireguard/wgcf.conf'], profile)).code, 0);
  await says('home', 'sh', '-c', 'wg-quick up wgcf >/run/wgcf.log 2>&1');
  assert.equal(await says('home', 'curl', '-4sS', 'https://ifconfig.me'), WARP.exit);
  assert.match(
    await says('home', 'curl', '-sS', 'https://cloudflare.com/cdn-cgi/trace'),
    /^ip=104\.28\.10\.10$[^]*^warp=on$/m,
  );
  await says('home', 'sh', '-c', 'wg-quick down wgcf 2>&1');
});

test('home and vps have a switch each', async () => {
  await says('home', 'ovs-vsctl', 'add-br', 'br1', '--', 'set', 'bridge', 'br1', 'datapath_type=netdev');
  assert.match(await says('home', 'ovs-vsctl', 'show'), /Bridge br1/);
  assert.doesNotMatch(await says('vps', 'ovs-vsctl', 'show'), /Bridge br1/);
  await says('home', 'ovs-vsctl', 'del-br', 'br1');
});

test("what a host writes in /etc and /var/lib is its own, and is not the machine's", async () => {
  await says('home', 'touch', '/etc/op-dbus/lab-test', '/etc/lab-test', '/var/lib/lab-test', '/var/lib/lxc/lab-test');
  for (const path of ['/etc/op-dbus/lab-test', '/etc/lab-test', '/var/lib/lab-test', '/var/lib/lxc/lab-test']) {
    assert.equal(existsSync(path), false, path);
    assert.notEqual((await capture('vps', ['ls', path])).code, 0, path);
  }
});

test('a program gets a clean environment, its exit status and no zombie is left of its orphans', async () => {
  process.env['LAB_SECRET'] = 'seen';
  assert.doesNotMatch(await says('home', 'env'), /LAB_SECRET/);
  assert.equal(await run('home', ['sh', '-c', 'exit 7']), 7);
  await says('home', 'sh', '-c', '(sleep 0.05 &) ; (sleep 0.05 &)');
  await sleep(200);
  assert.doesNotMatch(await says('home', 'ps', '-e', '-o', 'stat='), /Z/);
});

test('two at a time: the second is told so', async () => {
  await locked(() =>
    assert.rejects(
      down(() => undefined),
      { code: 'host', message: /another/ },
    ),
  );
  await down(() => undefined);
  assert.equal((await status()).state, 'none');
  await assert.rejects(capture('home', ['true']), { code: 'host', message: /isn't up/ });
});

test('after down nothing is left, and down twice is fine', async () => {
  assert.equal(await traces(), machine);
  await down(() => undefined);
  assert.equal(await traces(), machine);
});

test('a failing up leaves nothing', async () => {
  await assert.rejects(up({ ...quiet, configure: () => Promise.reject(new Error('no')) }), /no/);
  assert.equal(await traces(), machine);
});

test('up works after an up that was killed at any moment, and down cleans up after one', async () => {
  const script = `import { up } from ${JSON.stringify(source('src/lab/lab.ts'))}; await up({ progress() {} });`;
  for (const moment of [80, 160, 240, 350, 500]) {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'ignore' });
    await sleep(moment);
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    if (moment % 160 === 0) await up(quiet);
    await down(() => undefined);
    assert.equal(await traces(), machine, `killed after ${moment} ms`);
  }
});

test('down works without a record, and never ends a process whose pid a stale record names', async () => {
  await up(quiet);
  await rm(RECORD);
  await down(() => undefined);
  assert.equal(await traces(), machine);
  await up(quiet);
  const bystander = spawn('sleep', ['60'], { stdio: 'ignore' });
  const record: unknown = { version: 1, whole: true, hosts: { home: { pid: bystander.pid, start: '1' } } };
  await writeFile(RECORD, JSON.stringify(record));
  await down(() => undefined);
  assert.notEqual(await startTime(bystander.pid ?? 0), null);
  bystander.kill();
});
