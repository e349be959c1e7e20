// Keeps sending from where it runs, by IPv4 (UDP, TCP, ICMP), IPv6 (UDP, ICMP) and DNS; prints a JSON line for each answer.
// node probe.ts TARGET TARGET6 ECHO-PORT RESOLVER MARKER — ends when its standard input does.

import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { Resolver } from 'node:dns';

/** One answer: `time` in milliseconds since 1970, `by` what was asked. */
export type Answer = { readonly time: number; readonly by: 'udp' | 'tcp' | 'icmp' | 'udp6' | 'icmp6' | 'dns' };

const EVERY = 100;

if (process.argv.length === 7) {
  const [, , target = '', target6 = '', port = '', resolver = '', marker = ''] = process.argv;
  const timers = [
    udp('udp', createSocket('udp4'), target, Number(port), marker),
    udp('udp6', createSocket('udp6'), target6, Number(port), marker),
    setInterval(() => tcp(target, marker), EVERY),
    setInterval(() => dns(resolver, marker), EVERY),
  ];
  const pings = [ping('icmp', '-4', target), ping('icmp6', '-6', target6)];
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
  return setInterval(() => socket.send(marker, port, target, () => undefined), EVERY);
}

function tcp(target: string, marker: string): void {
  const socket = connect(80, target, () => socket.end(`GET /marker/${marker} HTTP/1.0\r\n\r\n`));
  socket.setTimeout(1000, () => socket.destroy());
  socket.once('data', () => answered('tcp'));
  socket.on('error', () => undefined);
}

function dns(server: string, marker: string): void {
  const resolver = new Resolver({ timeout: 1000, tries: 1 });
  resolver.setServers([server]);
  resolver.resolve4(`${marker}.target.example.net`, (error) => {
    if (error === null) answered('dns');
  });
}

function ping(by: 'icmp' | 'icmp6', family: string, target: string) {
  const child = spawn('ping', [family, '-n', '-i', '0.2', target], { stdio: ['ignore', 'pipe', 'ignore'] });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    for (const _ of text.matchAll(/bytes from/g)) answered(by);
  });
  return child;
}
