// Keeps sending from where it runs, by IPv4 (UDP, TCP, ICMP), IPv6 (UDP, ICMP) and DNS; prints a JSON line for each probe and
// for each answer. With SOURCE and DEVICE it sends from that address by that device, and UDP by IPv4 only.
// node probe.ts TARGET TARGET6 ECHO-PORT RESOLVER MARKER [SOURCE DEVICE] — ends when its standard input does.

import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { Resolver } from 'node:dns';

/** One answer: `time` in milliseconds since 1970, `by` what was asked. */
export type Answer = { readonly time: number; readonly by: 'udp' | 'tcp' | 'icmp' | 'udp6' | 'icmp6' | 'dns' };

/** One probe that was sent; pings are not told one by one. */
export type Sent = { readonly time: number; readonly sent: Answer['by'] };

const EVERY = 100;

if (process.argv.length >= 7) {
  const [, , target = '', target6 = '', port = '', resolver = '', marker = '', source, device] = process.argv;
  const socket = createSocket('udp4');
  if (source !== undefined) socket.bind({ address: source });
  const timers = [
    udp('udp', socket, target, Number(port), marker),
    ...(source === undefined ? [udp('udp6', createSocket('udp6'), target6, Number(port), marker)] : []),
    setInterval(() => tcp(target, marker, source), EVERY),
    setInterval(() => dns(resolver, marker, source), EVERY),
  ];
  const by = device === undefined ? [] : ['-I', device];
  const pings = [ping('icmp', ['-4', ...by, target], marker), ping('icmp6', ['-6', ...by, target6], marker)];
  process.stdin.resume().once('end', () => {
    for (const timer of timers) clearInterval(timer);
    for (const child of pings) child.kill();
    process.exit(0);
  });
  console.log('{}');
}

function answered(by: Answer['by']): void {
  console.log(JSON.stringify({ time: Date.now(), by } satisfies Answer));
}

function tried(by: Answer['by']): void {
  console.log(JSON.stringify({ time: Date.now(), sent: by } satisfies Sent));
}

function udp(
  by: 'udp' | 'udp6',
  socket: ReturnType<typeof createSocket>,
  target: string,
  port: number,
  marker: string,
) {
  socket.on('message', () => answered(by));
  // Unreachable is an outcome here, not an error.
  socket.on('error', () => undefined);
  return setInterval(() => {
    tried(by);
    socket.send(marker, port, target, () => undefined);
  }, EVERY);
}

function tcp(target: string, marker: string, localAddress: string | undefined): void {
  tried('tcp');
  const from = localAddress === undefined ? {} : { localAddress };
  const socket = connect({ port: 80, host: target, ...from }, () =>
    socket.end(`GET /marker/${marker} HTTP/1.0\r\n\r\n`),
  );
  socket.setTimeout(1000, () => socket.destroy());
  socket.once('data', () => answered('tcp'));
  socket.on('error', () => undefined);
}

function dns(server: string, marker: string, source: string | undefined): void {
  tried('dns');
  const resolver = new Resolver({ timeout: 1000, tries: 1 });
  resolver.setServers([server]);
  if (source !== undefined) resolver.setLocalAddress(source);
  resolver.resolve4(`${marker}.target.example.net`, (error) => {
    if (error === null) answered('dns');
  });
}

/** ping's pattern has 16 bytes at most: the marker's beginning. */
function ping(by: 'icmp' | 'icmp6', where: readonly string[], marker: string) {
  const pattern = Buffer.from(marker).toString('hex').slice(0, 32);
  const child = spawn('ping', ['-n', '-i', '0.2', '-p', pattern, ...where], { stdio: ['ignore', 'pipe', 'ignore'] });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    for (const _ of text.matchAll(/bytes from/g)) answered(by);
  });
  return child;
}
