// The chain on the wire: what programs that others wrote call it on home's uplink and on the VPS's, and which sizes pass it.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { HOME, TARGET } from '../../src/lab/topology.ts';
import { labDown, labUp, ok, okIn } from './cli.ts';
import { headers, ndpi, tshark } from './oracle.ts';
import { source } from '../../src/drivers/source.ts';
import { startPlain, stopPlain } from './plain.ts';
import { carries, during, uplinks } from './uplink.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wire-'));
  await labUp();
  await carries();
});
after(async () => {
  await labDown();
  await rm(folder, { recursive: true });
});

/** Neighbours are asked for on every link. */
const link = ['arp', 'icmpv6'];
const below = ['eth', 'ip', 'ipv6', 'tcp'];

/** Bulk, names, and pings of every sort of TTL; what dies on the way is no loss here. */
async function talkThrough(): Promise<void> {
  await okIn('client', 'curl', '-sS', '--max-time', '15', '-o', '/dev/null', `http://${TARGET.ip}/bytes/2000000`);
  await okIn('client', 'getent', 'hosts', 'target.example.net');
  const pings = [1, 2, 32, 64, 128, 255].map((ttl) => `ping -n -c 1 -W 1 -t ${ttl} ${TARGET.ip} &`);
  await okIn('client', 'sh', '-c', `${pings.join(' ')} wait`);
}

test("nDPI and tshark call home's uplink TLS, and find WireGuard from the VPS on", async () => {
  const { home, vps } = await uplinks(folder, talkThrough);
  const seen = { home: await ndpi(home), vps: await ndpi(vps) };
  console.log('#', JSON.stringify(seen), JSON.stringify(await tshark(home)));
  assert.deepEqual(
    Object.keys(seen.home).filter((name) => name !== 'ICMPV6'),
    ['TLS'],
  );
  assert.ok((seen.vps['WireGuard'] ?? 0) > 100 && (seen.vps['TLS'] ?? 0) > 100, 'the VPS is where it changes');
  const frames = await tshark(home);
  const known = [...below, ...link, 'tls', 'tcp.segments'];
  assert.deepEqual(
    Object.keys(frames).filter((name) => !known.includes(name)),
    [],
  );
  assert.ok((frames['tls'] ?? 0) > 100);
  assert.ok(((await tshark(vps))['wg'] ?? 0) > 100, "tshark knows WARP's WireGuard when it sees it");
  const told = await headers(home, HOME.uplink);
  assert.deepEqual([told.ttl.length, told.dsfield], [1, [0]], `TTLs ${told.ttl.join()}`);
  console.log(
    `# from home: TTL ${told.ttl.join()}, ${told.length.length} sizes from ${told.length[0]} to ${told.length.at(-1)}`,
  );
});

test('an ordinary WireGuard tunnel on the same uplink is WireGuard to both: they would have told', async () => {
  await startPlain();
  const file = `${folder}/plain.pcap`;
  try {
    const curl = ['curl', '-sS', '--max-time', '15', '-o', '/dev/null', `http://${TARGET.ip}/bytes/500000`];
    await during('home', file, async () => void (await ok(...curl)));
  } finally {
    await stopPlain();
  }
  assert.ok(((await ndpi(file))['WireGuard'] ?? 0) > 100);
  assert.ok(((await tshark(file))['wg'] ?? 0) > 100);
});

/** Outcome → sizes, as ranges. Bytes of payload: with the headers, 1,252 are the MTU's 1,280. */
async function datagrams(protocol: 'udp' | 'icmp', discover: 'dont' | 'want' | 'do', ...sizes: readonly string[]) {
  const said = await okIn('client', 'perl', source('test/lab/sizes.pl'), protocol, TARGET.ip, discover, ...sizes);
  return Object.fromEntries(
    said
      .trim()
      .split('\n')
      .map((line) => line.split(' ')),
  ) as Readonly<Record<string, string>>;
}

test('UDP of every size up to 3,000 bytes, and of more, comes and its answer too: whole, or in pieces', async () => {
  for (const discover of ['want', 'dont'] as const) {
    const seen = await datagrams('udp', discover, '1-3000', '5000', '20000', '37000');
    assert.deepEqual(seen, { echoed: '1-3000,5000,20000,37000' }, discover);
  }
});

test('what is too large to be put together again is refused, and what may not be cut as well: the sender is told', async () => {
  assert.deepEqual(await datagrams('udp', 'dont', '38000', '65000'), { refused: '38000,65000' });
  assert.deepEqual(await datagrams('udp', 'do', '1-3000', '65000'), { echoed: '1-1252', refused: '1253-3000,65000' });
});

test('a client whose tunnel has a larger MTU than the chain learns it from the first packet that does not fit', async () => {
  await okIn('client', 'ip', 'link', 'set', 'wg0', 'mtu', '1420');
  try {
    const sizes = ['1200-1500', '3000'];
    assert.deepEqual(await datagrams('udp', 'do', ...sizes), { echoed: '1200-1252', refused: '1253-1500,3000' });
    await okIn('client', 'ip', 'route', 'flush', 'cache');
    assert.deepEqual(await datagrams('udp', 'dont', ...sizes), { echoed: '1200-1500,3000' });
    await okIn('client', 'ip', 'route', 'flush', 'cache');
    const post = [process.execPath, source('test/lab/post.ts'), TARGET.ip, '1200-1500', '65000'] as const;
    assert.equal(await okIn('client', ...post), '302 of 302');
  } finally {
    await okIn('client', 'ip', 'link', 'set', 'wg0', 'mtu', '1280');
    await okIn('client', 'ip', 'route', 'flush', 'cache');
  }
});

test('pings of every sort of size are answered, or refused', async () => {
  const sizes = ['1', '500', '1230-1260', '1472-1473', '3000', '10000'];
  assert.deepEqual(await datagrams('icmp', 'dont', ...sizes), { echoed: sizes.join() });
  const whole = { echoed: '1,500,1230-1252', refused: '1253-1260,1472-1473,3000,10000' };
  assert.deepEqual(await datagrams('icmp', 'do', ...sizes), whole);
});

test('TCP carries every size up to 3,000 bytes, and of more', async () => {
  const sizes = ['1-3000', '10000', '20000', '40000', '65000'];
  assert.equal(await okIn('client', process.execPath, source('test/lab/post.ts'), TARGET.ip, ...sizes), '3004 of 3004');
});
