// Shaping on demand in the lab, both ends: the chain carries, what the ISP sees is frames, and past the shaper goes nothing.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { classify } from '../../src/lab/pcap.ts';
import { startCapture } from '../../src/lab/prove/capture.ts';
import { answersAgain } from '../../src/lab/prove/closed.ts';
import { type Prober, startProber } from '../../src/lab/prove/prober.ts';
import { marker } from '../../src/lab/prove/row.ts';
import { HOME, TARGET, VPS, WARP } from '../../src/lab/topology.ts';
import { home, inHost, labDown, labUp, ok, okIn } from './cli.ts';

const file = '/etc/op-dbus/state.json';
const shaping = { mode: 'on-demand' };
const endpoint = 'engage.cloudflareclient.com:2408';

let prober: Prober | null = null;
before(labUp);
after(async () => {
  await prober?.stop();
  await labDown();
});

type State = {
  plugins: { lxc: { containers: { name: string; config: { xray: Record<string, unknown> } }[] } };
};

/** Puts it into the state of a host, beside the proxy, and applies that. */
async function shape(host: 'home' | 'vps', shaper: Record<string, unknown> | undefined): Promise<void> {
  const state = JSON.parse(await okIn(host, 'cat', file)) as State;
  const proxy = state.plugins.lxc.containers.find(({ name }) => name.startsWith('xray'));
  assert.ok(proxy);
  proxy.config.xray = { ...proxy.config.xray, shaper };
  const written = await inHost(host, ['dd', `of=${file}`, 'status=none'], JSON.stringify(state));
  assert.equal(written.code, 0);
  await okIn(host, 'op-dbus', 'apply', file);
}

type Status = { readonly state: string } & Readonly<Record<string, number>>;

async function status(host: 'home' | 'vps'): Promise<Status> {
  const container = host === 'home' ? 'xray-client' : 'xray-server';
  const text = await okIn(host, 'op-dbus', 'exec', container, '--', 'cat', '/run/op-dbus-shaper/status');
  return JSON.parse(text) as Status;
}

/** Until the burst of what went before is over. */
async function quiet(): Promise<void> {
  for (;;) {
    const before = (await status('home')).frames_out ?? 0;
    await sleep(1000);
    if (((await status('home')).frames_out ?? 0) - before <= 2) return;
  }
}

async function fetched(path: string): Promise<string> {
  const { stdout } = await inHost('client', ['curl', '-sS', '--max-time', '30', `http://${TARGET.ip}${path}`]);
  return stdout;
}

async function carries(): Promise<void> {
  prober ??= await startProber('client', marker());
  const { ok: good, detail } = await answersAgain(prober, Date.now());
  assert.ok(good, detail);
}

/** While `fault` holds nothing is answered, and neither home's uplink carries anything but TLS to the VPS nor the VPS's WARP. */
async function shut(fault: () => Promise<unknown>): Promise<void> {
  const running = prober;
  assert.ok(running);
  await fault();
  // What was under way before may still arrive.
  await sleep(500);
  const from = Date.now();
  const captures = await Promise.all([startCapture('home', 'eth0'), startCapture('vps', 'eth0')]);
  await sleep(2000);
  const [uplink = [], vps = []] = await Promise.all(captures.map((capture) => capture.stop()));
  assert.deepEqual(running.answersSince(from), []);
  assert.deepEqual(
    uplink.map((frame) => classify(frame, HOME.uplink, VPS)).filter(({ expected }) => !expected),
    [],
  );
  // What WARP itself sends to the VPS is its own affair.
  const toWarp = vps.filter((frame) => frame.subarray(30, 34).join('.') === WARP.endpoint);
  assert.equal(toWarp.length, 0);
}

/** Bytes of TCP payload in each frame of home's uplink that has any. */
function payloads(frames: readonly Buffer[]): readonly number[] {
  return frames
    .filter((frame) => frame.readUInt16BE(12) === 0x0800 && frame[23] === 6)
    .map((frame) => frame.readUInt16BE(16) - 20 - ((frame[46] ?? 0) >> 4) * 4)
    .filter((length) => length > 0);
}

test('with shaping at both ends the chain carries, and verify, status and diff say so', async () => {
  await shape('vps', { ...shaping, endpoint });
  await shape('home', shaping);
  assert.match(await fetched('/'), new RegExp(`^${WARP.exit}`));
  assert.match(await ok('op-dbus', 'verify'), /ok +xray-client: the shaper and the VPS's agree: /);
  assert.match(await okIn('vps', 'op-dbus', 'verify'), /ok +xray-server: the shaper takes clients: 1 client/);
  assert.match(await ok('op-dbus', 'status'), /✓ +shaper +up/);
  assert.equal((await home('op-dbus', 'diff', file)).code, 0);
});

test('idle it costs 20 kbit/s at most, and each TLS record that there is holds a frame', async () => {
  await quiet();
  const seconds = 8;
  const capture = await startCapture('home', 'eth0');
  await sleep(seconds * 1000);
  const frames = await capture.stop();
  const bits = 8 * frames.reduce((sum, { length }) => sum + length, 0);
  console.log(`# idle cover: ${(bits / seconds / 1000).toFixed(1)} kbit/s in ${frames.length} packets`);
  assert.ok(frames.length >= 6, 'it is never silent');
  assert.ok(bits <= 20_000 * seconds, `${bits} bits in ${seconds} s`);
  assert.ok(Math.min(...payloads(frames)) > 1316);
});

test('pages of one byte and of forty thousand are bursts of whole quanta, in frames of one size', async () => {
  for (const path of ['/bytes/1', '/bytes/40000']) {
    const before = await status('home');
    const capture = await startCapture('home', 'eth0');
    await fetched(path);
    await sleep(1000);
    await quiet();
    const frames = await capture.stop();
    const after = await status('home');
    const [up, down] = (['frames_out', 'frames_in'] as const).map((key) => (after[key] ?? 0) - (before[key] ?? 0));
    const quanta = Math.floor((up ?? 0) / 600);
    console.log(`# ${path}: ${quanta} quanta, ${up} frames up, ${down} down`);
    assert.ok(quanta >= 2 && (up ?? 0) % 600 < 10 && (down ?? 0) % 1200 < 10, `${up} up, ${down} down`);
    const lengths = payloads(frames).filter((length) => length <= 1316);
    // Segments are cut where the stream is sent, so few are the rest of one that came before.
    assert.ok(lengths.length < frames.length / 20, `${lengths.length} of ${frames.length} are shorter than a frame`);
  }
});

test('without the shaper in 102, hung or gone, nothing passes; once it is back all goes on', async () => {
  await carries();
  const inside = (...argv: string[]) => ok('op-dbus', 'exec', 'xray-client', '--', ...argv);
  await shut(() => inside('systemctl', 'kill', '--signal=SIGSTOP', 'shaper'));
  await inside('systemctl', 'kill', '--signal=SIGCONT', 'shaper');
  await carries();
  await shut(() => inside('systemctl', 'stop', 'shaper'));
  assert.match((await home('op-dbus', 'status')).stdout, /✗ +shaper +down\n +waits for shaper, which is not active/);
  await inside('systemctl', 'start', 'shaper');
  await carries();
});

test('nobody in 102 but the shaper reaches the proxy’s inlet, root as little as others', async () => {
  const send = (...as: string[]) =>
    home('op-dbus', 'exec', 'xray-client', '--', ...as, 'bash', '-c', 'echo x >/dev/udp/127.0.0.1/12409');
  assert.equal((await send('setpriv', '--reuid=proxy', '--clear-groups')).code, 0);
  assert.notEqual((await send()).code, 0);
  assert.notEqual((await send('setpriv', '--reuid=daemon', '--clear-groups')).code, 0);
});

test('without the shaper at the VPS nothing passes, and once it is back all goes on', async () => {
  const inside = (...argv: string[]) => okIn('vps', 'op-dbus', 'exec', 'xray-server', '--', ...argv);
  await shut(() => inside('systemctl', 'stop', 'shaper'));
  await inside('systemctl', 'start', 'shaper');
  await carries();
});

test('ends that are not the same are told by verify, status and nothing passes, until they are', async () => {
  await shut(() => shape('vps', { ...shaping, endpoint, down: 900 }));
  const { code, stdout } = await home('op-dbus', 'verify');
  assert.equal(code, 1);
  const why = /the same shaping at both ends: the VPS has version=1 .*down=900.*; here .*down=1200/;
  assert.match(stdout, why);
  assert.match((await home('op-dbus', 'status')).stdout, why);
  await shape('vps', { ...shaping, endpoint });
  await carries();
});

test('turned off at both ends it is gone, and the chain carries as before', async () => {
  await shape('vps', undefined);
  await shape('home', undefined);
  await carries();
  assert.equal((await home('op-dbus', 'diff', file)).code, 0);
  const left = await home('op-dbus', 'exec', 'xray-client', '--', 'systemctl', 'cat', 'shaper');
  assert.notEqual(left.code, 0);
});
