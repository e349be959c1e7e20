// Level 2 in the lab: what leaves the VPS for WARP has one size whatever the client does, also when the padding is taken
// away; what leaves by the uplinks has one TTL and DSCP.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startCapture } from '../../src/lab/prove/capture.ts';
import { HOME, type HostName, TARGET, VPS, WARP } from '../../src/lab/topology.ts';
import { home, inHost, labDown, labUp, ok, okIn, sh } from './cli.ts';

before(labUp);
after(labDown);

const file = '/etc/op-dbus/state.json';

/** The IPv4 packets of a frame's sender. */
function from(frames: readonly Buffer[], ip: string): readonly Buffer[] {
  return frames
    .filter((frame) => frame.length > 34 && frame.readUInt16BE(12) === 0x0800)
    .map((frame) => frame.subarray(14))
    .filter((packet) => packet.subarray(12, 16).join('.') === ip);
}

/** How many UDP payloads of which length went to WARP. */
async function toWarp(load: () => Promise<unknown>): Promise<ReadonlyMap<number, number>> {
  const capture = await startCapture('vps', 'eth0', `udp and src host ${VPS} and dst host ${WARP.endpoint}`);
  await load();
  const lengths = from(await capture.stop(), VPS).map((packet) => packet.readUInt16BE(20 + 4) - 8);
  return new Map([...Map.groupBy(lengths, (length) => length)].map(([length, all]) => [length, all.length]));
}

/** What went that is no handshake (148, 92), no keepalive (32), and no data of the size `padded`. */
function bare(lengths: ReadonlyMap<number, number>, padded = 1312): readonly number[] {
  return [...lengths.keys()].filter((length) => ![148, 92, 32, padded].includes(length));
}

/** Up and down by TCP at once, and beside it pings and UDP of many sizes. */
async function mixed(): Promise<void> {
  const curl = `curl -sS --max-time 20 -o /dev/null -w '%{size_download}\\n'`;
  const script = `
    ${curl} http://${TARGET.ip}/bytes/1000000 &
    head -c 1000000 /dev/zero | ${curl} -T - http://${TARGET.ip}/echo &
    for size in 0 1 28 63 64 100 333 500 777 1000 1200 1252; do ping -q -c 3 -i 0.02 -W 1 -s $size ${TARGET.ip} | grep received; done
    wait`;
  const said = await okIn('client', 'bash', '-c', script);
  assert.deepEqual(said.match(/^1000000$/gm), ['1000000', '1000000'], said);
  assert.equal(said.match(/ [1-3] received/g)?.length, 12, said);
}

/** The same, of which nothing must come back; it ends by itself. */
const hopeless = (): Promise<unknown> =>
  inHost('client', [
    'bash',
    '-c',
    `for size in 0 4 28 500 1000; do ping -q -c 2 -i 0.02 -W 0.3 -s $size ${TARGET.ip} & done; wait`,
  ]);

const warpNamespace = 'nsenter --net=/proc/$(lxc-info -n warp-tunnel -pH)/ns/net';

test('under bulk and mixed load all data that leaves for WARP has one size', async (t) => {
  const lengths = await toWarp(mixed);
  t.diagnostic(JSON.stringify([...lengths]));
  assert.ok((lengths.get(1312) ?? 0) > 800);
  assert.deepEqual(bare(lengths), []);
});

test('without its filter the tunnel sends nothing, and diff tells; a device that was made anew too', async () => {
  const taken = {
    'the filter is deleted': `${warpNamespace} tc filter del dev wg-warp egress`,
    'the device is made anew': 'lxc-attach -n warp-tunnel -- systemctl restart wg-quick@wg-warp',
  };
  for (const [what, script] of Object.entries(taken)) {
    await sh(script);
    const lengths = await toWarp(hopeless);
    // A handshake may have been due; a keepalive says nothing.
    assert.deepEqual(bare(lengths, 0), [], what);
    const { code, stdout } = await home('op-dbus', 'diff', file);
    assert.equal(code, 2, what);
    assert.match(stdout, /tc filter add dev wg-warp egress pref 1 .* flowid 1:500$/m, what);
    await ok('op-dbus', 'apply', file);
    await okIn('client', 'ping', '-c', '1', '-W', '5', TARGET.ip);
  }
});

test('aggregates that the hop before may send again are drift', async () => {
  await sh(
    'nsenter --net=/proc/$(lxc-info -n wireguard-gateway -pH)/ns/net ip link set dev internal_100 gso_max_segs 65535',
  );
  assert.match((await home('op-dbus', 'diff', file)).stdout, /ip link set dev internal_100 gso_max_segs 1$/m);
  await ok('op-dbus', 'apply', file);
});

test('whatever TTL and DSCP the client sends with, the uplinks show one', async () => {
  const uplinks: readonly (readonly [HostName, string])[] = [
    ['home', HOME.uplink],
    ['vps', VPS],
  ];
  const captures = await Promise.all(uplinks.map(([host]) => startCapture(host, 'eth0')));
  const hops = [1, 2, 32, 64, 128, 255];
  const pings = hops.map((ttl) => `ping -q -c 2 -i 0.1 -W 1 -Q 0xb8 -t ${ttl} ${TARGET.ip} &`);
  await okIn('client', 'bash', '-c', `${pings.join(' ')} curl -sS http://${TARGET.ip}/bytes/200000 -o /dev/null; wait`);
  for (const [index, [host, ip]] of uplinks.entries()) {
    const packets = from((await captures[index]?.stop()) ?? [], ip);
    assert.ok(packets.length > 50, `${host}: ${packets.length}`);
    const looks = new Set(
      packets.map((packet) => `ttl ${packet[8]} dscp ${(packet[1] ?? 0) >> 2} df ${packet.readUInt16BE(6) >> 13}`),
    );
    assert.deepEqual([...looks], ['ttl 64 dscp 0 df 2'], host);
  }
});

test('classes, and no padding where the file says so', async () => {
  const other = '/tmp/obfuscation.json';
  const applied = async (obfuscation: string): Promise<ReadonlyMap<number, number>> => {
    const edit = `const s = JSON.parse(fs.readFileSync('${file}')); s.plugins.openflow.obfuscation = ${obfuscation}; fs.writeFileSync('${other}', JSON.stringify(s), { mode: 0o600 })`;
    await ok(process.execPath, '-e', edit);
    await ok('op-dbus', 'apply', other, '--files', '/etc/op-dbus/files');
    return toWarp(() =>
      okIn('client', 'bash', '-c', `for size in 100 400 1100; do ping -c 1 -W 5 -s $size ${TARGET.ip}; done`),
    );
  };
  const classes = await applied('{ padding: [256, 576] }');
  assert.deepEqual(
    [...classes.keys()].filter((length) => length > 148).toSorted((a, b) => a - b),
    [288, 608, 1312],
  );
  const none = await applied('{ padding: false }');
  assert.deepEqual(
    [...none.keys()].filter((length) => length > 148).toSorted((a, b) => a - b),
    [160, 464, 1168],
  );
});
