// The program that pads, on a device without Ethernet header, as a tunnel's is: needs root. It wants dist/pad.o (npm run build).

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { type Exec, exec, run } from '../exec.ts';
import { keepsWatch } from '../watch.suite.ts';
import { trafficControl } from './client.ts';
import type { Tc } from './contract.ts';

/** Opens tun0, gives it addresses of both families, and tells of each packet of UDP: its own length, and that with which it left. */
const reader = `
  open(my $tun, '+<', '/dev/net/tun') or die "tun: $!";
  my $request = pack('a16 s x22', 'tun0', 0x1001);
  ioctl($tun, 0x400454ca, $request) or die "TUNSETIFF: $!";
  system('ip link set tun0 up mtu 1500 txqueuelen 9000; ip address add 10.9.0.1/24 dev tun0; ip -6 address add fd00:9::1/64 dev tun0 nodad') == 0 or die;
  $| = 1;
  print "ready\\n";
  while (sysread($tun, my $packet, 70000)) {
    my $version = unpack('C', $packet) >> 4;
    my $own = $version == 4 ? unpack('x2 n', $packet) : 40 + unpack('x4 n', $packet);
    my $protocol = unpack($version == 4 ? 'x9 C' : 'x6 C', $packet);
    my $tail = substr($packet, $own) =~ /[^\\0]/ ? 'dirty' : 'zero';
    print "$version $own ", length($packet), " $tail\\n" if $protocol == 17;
  }
`;

/** Sends one UDP datagram for each size of IP packet, by IPv4 and IPv6, and says when it has done. */
const sender = `
  use Socket qw(:all);
  for my $to (['10.9.0.2', AF_INET, 28], ['fd00:9::2', AF_INET6, 48]) {
    my ($ip, $family, $headers) = @$to;
    socket(my $s, $family, SOCK_DGRAM, 0) or die $!;
    setsockopt($s, IPPROTO_IP, 10, 3) if $family == AF_INET;
    my $where = $family == AF_INET ? pack_sockaddr_in(9, inet_aton($ip)) : pack_sockaddr_in6(9, inet_pton(AF_INET6, $ip));
    for my $size ($headers .. $ARGV[0]) { send($s, 'x' x ($size - $headers), 0, $where) }
  }
`;

type Seen = { readonly version: number; readonly own: number; readonly length: number; readonly tail: string };

let inside: Exec;
let tc: Tc;
let seen: Seen[] = [];
const ends: (() => void)[] = [];

before(async () => {
  const child = spawn('unshare', ['--net', 'perl', '-e', reader], { stdio: ['ignore', 'pipe', 'inherit'] });
  ends.push(() => child.kill('SIGKILL'));
  let rest = '';
  const ready = once(child.stdout, 'data');
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = `${rest}${text}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const [version, own, length, tail = ''] = line.split(' ');
      if (tail !== '') seen.push({ version: Number(version), own: Number(own), length: Number(length), tail });
    }
  });
  await ready;
  const enter = ['nsenter', `--net=/proc/${child.pid}/ns/net`] as const;
  inside = (argv, options) => exec([...enter, ...argv], options);
  tc = trafficControl(exec, enter);
});
after(() => ends.forEach((end) => end()));

/** What left, in order, once `packets` of them have. */
async function left(packets: number, send: () => Promise<unknown>): Promise<readonly Seen[]> {
  seen = [];
  await send();
  for (let waited = 0; seen.length < packets && waited < 200; waited += 1)
    await new Promise((done) => setTimeout(done, 10));
  return seen;
}

const all = (size: number) => run(inside, ['perl', '-e', sender, String(size)]);

test('packets of every size leave with the one size, zeros behind their end, by IPv4 and IPv6', async () => {
  await tc.leave('tun0', { sizes: [1500], single: true });
  const found = await left(2926, () => all(1500));
  assert.deepEqual([...new Set(found.map(({ length, tail }) => `${length} ${tail}`))], ['1500 zero']);
  const sizes = (version: number) => found.filter((one) => one.version === version).map(({ own }) => own);
  assert.deepEqual(sizes(4), range(28, 1500));
  assert.deepEqual(sizes(6), range(48, 1500));
});

test('with classes each goes into the next, and what is longer than the largest is dropped', async () => {
  await tc.leave('tun0', { sizes: [256, 576, 1280], single: true });
  const found = await left(2486, () => all(1500));
  assert.equal(found.length, 1280 - 27 + 1280 - 47);
  for (const { own, length } of found) assert.equal(length, own <= 256 ? 256 : own <= 576 ? 576 : 1280, `${own}`);
});

test('an aggregate is dropped whole', async () => {
  const burst = `
    use Socket qw(:all);
    socket(my $s, AF_INET, SOCK_DGRAM, 0) or die $!;
    setsockopt($s, 17, 103, pack('i', $ARGV[0])) or die "UDP_SEGMENT: $!";
    send($s, 'x' x $ARGV[1], 0, pack_sockaddr_in(9, inet_aton('10.9.0.2')));
  `;
  const send = (segment: number, bytes: number) => run(inside, ['perl', '-e', burst, String(segment), String(bytes)]);
  await run(inside, ['ip', 'link', 'set', 'tun0', 'gso_max_segs', '65535']);
  // The control: without the filter its last packet leaves shorter.
  await tc.leave('tun0', { sizes: [], single: false });
  const bare = await left(2, () => send(400, 700));
  assert.deepEqual(
    bare.map(({ own }) => own),
    [428, 328],
  );
  await tc.leave('tun0', { sizes: [1280], single: false });
  // The one behind it leaves, so the aggregate would have before it.
  const found = await left(1, async () => {
    await send(400, 700);
    await send(400, 300);
  });
  assert.deepEqual(
    found.map(({ own, length }) => [own, length]),
    [[328, 1280]],
  );
});

test('what leaves is told as it was set, and not when somebody has changed it', async () => {
  const wanted = { sizes: [256, 1280], single: true };
  const plain = { sizes: [], single: false };
  assert.equal(await tc.leaving('tun7'), null);
  await assert.rejects(tc.leave('tun7', wanted), { code: 'host', message: /tun7/ });
  for (let twice = 0; twice < 2; twice += 1) {
    await tc.leave('tun0', wanted);
    assert.deepEqual(await tc.leaving('tun0'), wanted);
  }
  const spoilt = [
    ['tc', 'filter', 'del', 'dev', 'tun0', 'egress', 'pref', '3'],
    ['tc', 'filter', 'del', 'dev', 'tun0', 'egress'],
    ['tc', 'qdisc', 'del', 'dev', 'tun0', 'clsact'],
  ] as const;
  for (const argv of spoilt) {
    await tc.leave('tun0', wanted);
    await run(inside, argv);
    assert.deepEqual(await tc.leaving('tun0'), { sizes: [], single: true }, argv.join(' '));
  }
  await tc.leave('tun0', wanted);
  await run(inside, ['ip', 'link', 'set', 'tun0', 'gso_max_segs', '17']);
  assert.deepEqual(await tc.leaving('tun0'), { ...wanted, single: false });
  for (let twice = 0; twice < 2; twice += 1) {
    await tc.leave('tun0', plain);
    assert.deepEqual(await tc.leaving('tun0'), plain);
  }
});

test('a watch tells of filters that come and go', async () => {
  await keepsWatch((changed) => tc.watch(changed), {
    'a filter is attached': () => tc.leave('tun0', { sizes: [1280], single: true }),
    'the filter goes': () => tc.leave('tun0', { sizes: [], single: true }),
  });
});

function range(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
