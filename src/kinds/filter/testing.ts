// Network namespaces for this kind's root tests: wired by veth pairs, probed by packets, counted by nft. Needs root.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Exec, exec, run } from '../../drivers/exec.ts';
import { iproute } from '../../drivers/net/client.ts';
import { nftables } from '../../drivers/nft/client.ts';

export type Namespace = {
  readonly exec: Exec;
  /** `ip` with these words. */
  readonly ip: (words: string) => Promise<string>;
  /** Loads a table `inet op_dbus`. */
  readonly load: (text: string) => Promise<void>;
  /** The table as nft prints it. */
  readonly list: () => Promise<string | null>;
  /** Counts packets that match `rule` after our filters (hook input, forward) or before them (prerouting). */
  readonly count: (hook: 'prerouting' | 'input' | 'forward', rule: string) => Promise<() => Promise<number>>;
  /** Answers TCP and UDP on these ports of every address with the sender's address, until `end`. */
  readonly serve: (ports: readonly number[]) => Promise<void>;
  /** Sends all probes at once and says what came back; null after 0.3 s of nothing (or a refusal). */
  readonly probe: (...probes: readonly Probe[]) => Promise<readonly (string | null)[]>;
  readonly pid: number;
  readonly end: () => void;
};

export type Probe = {
  readonly protocol: 'tcp' | 'udp' | 'ping';
  readonly from?: string;
  /** The sender's port, to send twice on one connection (UDP). */
  readonly fromPort?: number;
  readonly to: string;
  readonly port?: number;
  /** Bytes of a datagram's content. */
  readonly bytes?: number;
  /** An answer is expected: waited for 5 s instead of 0.3 s. */
  readonly sure?: true;
};

/** The probe, expected to be answered. */
export function sure(probe: Probe): Probe {
  return { ...probe, sure: true };
}

/** A namespace with `lo` up and forwarding on, that lasts until `end`. */
export async function namespace(): Promise<Namespace> {
  const holder = spawn('unshare', ['--net', 'sh', '-c', 'echo ready; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  const enter = ['nsenter', `--net=/proc/${holder.pid}/ns/net`] as const;
  const inside: Exec = (argv, options) => exec([...enter, ...argv], options);
  const nft = nftables(exec, enter);
  const ended = [(): unknown => holder.kill('SIGKILL')];
  await run(inside, ['ip', 'link', 'set', 'lo', 'up']);
  await run(inside, ['sysctl', '-qw', ...sysctls]);
  return {
    exec: inside,
    ip: (words) => run(inside, ['ip', ...words.split(' ')]),
    load: (text) => nft.replace('op_dbus', text),
    list: () => nft.table('op_dbus'),
    count: async (hook, rule) => {
      const priority = hook === 'prerouting' ? 'raw' : '10';
      const text = `table inet seen {\n\tchain c {\n\t\ttype filter hook ${hook} priority ${priority};\n\t\t${rule} counter\n\t}\n}`;
      await nft.replace('seen', text);
      return async () => Number(/packets (\d+)/.exec(await run(inside, ['nft', 'list', 'table', 'inet', 'seen']))?.[1]);
    },
    serve: async (ports) => {
      // A socket for each address: an answer must come from the address that was asked.
      const links = await iproute(inside).links();
      const own = links.flatMap(({ addresses }) => addresses.map((address) => address.replace(/\/.*/, '')));
      const server = spawn(enter[0], [enter[1], process.execPath, '-e', answer, JSON.stringify({ ports, own })], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      ended.push(() => server.kill('SIGKILL'));
      await once(server.stdout, 'data');
    },
    probe: async (...probes) =>
      JSON.parse(await run(inside, [process.execPath, '-e', ask, JSON.stringify(probes)])) as readonly (
        | string
        | null
      )[],
    pid: holder.pid ?? 0,
    end: () => ended.forEach((end) => end()),
  };
}

/** A veth pair between two namespaces, with addresses (IPv4 or IPv6, with prefix) at both ends, both up. */
export async function wire(
  a: Namespace,
  aDevice: string,
  aAddresses: readonly string[],
  b: Namespace,
  bDevice: string,
  bAddresses: readonly string[],
): Promise<void> {
  await a.ip(`link add ${aDevice} type veth peer name ${bDevice} netns ${b.pid}`);
  for (const [side, device, addresses] of [
    [a, aDevice, aAddresses],
    [b, bDevice, bAddresses],
  ] as const) {
    for (const address of addresses) await side.ip(`address add ${address} dev ${device}`);
    await side.ip(`link set ${device} up`);
  }
}

/** As in our containers: routers without reverse-path filters and redirects; IPv6 addresses are usable at once. */
const sysctls = [
  'net.ipv4.ip_forward=1',
  'net.ipv6.conf.all.forwarding=1',
  'net.ipv4.conf.all.rp_filter=0',
  'net.ipv4.conf.default.rp_filter=0',
  'net.ipv4.conf.all.send_redirects=0',
  'net.ipv4.conf.default.send_redirects=0',
  'net.ipv6.conf.default.accept_dad=0',
];

const answer = `
const net = require('node:net'), dgram = require('node:dgram');
const { ports, own } = JSON.parse(process.argv[1]);
const ready = ports.flatMap((port) => [
  new Promise((done) => net.createServer((s) => { s.on('error', () => {}); s.end(s.remoteAddress); }).listen(port, '0.0.0.0', done)),
  ...own.map((address) => new Promise((done) => {
    const s = dgram.createSocket('udp4');
    s.on('message', (_, from) => s.send(from.address, from.port, from.address, () => {}));
    s.bind(port, address, done);
  })),
]);
Promise.all(ready).then(() => console.log('ready'));
`;

const ask = `
const net = require('node:net'), dgram = require('node:dgram'), { execFile } = require('node:child_process');
const probe = ({ protocol, from, fromPort, to, port, bytes = 5, sure }) => new Promise((done) => {
  setTimeout(() => done(null), sure ? 5000 : 300);
  if (protocol === 'ping') {
    execFile('ping', ['-n', '-c', '1', '-W', sure ? '5' : '0.25', ...(from ? ['-I', from] : []), to], (error) => done(error ? null : to));
  } else if (protocol === 'tcp') {
    const socket = net.connect({ host: to, port, localAddress: from });
    socket.on('data', (data) => done(String(data)));
    socket.on('error', () => done(null));
  } else {
    const socket = dgram.createSocket(net.isIPv6(to) ? 'udp6' : 'udp4');
    socket.on('message', (data, sender) => done(data + ' from ' + sender.address + ':' + sender.port));
    socket.on('error', () => done(null));
    socket.bind({ address: from, port: fromPort }, () => socket.send(Buffer.alloc(bytes), port, to, () => {}));
  }
});
Promise.all(JSON.parse(process.argv[1]).map(probe)).then((answers) => { console.log(JSON.stringify(answers)); process.exit(); });
`;
