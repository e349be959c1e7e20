// Issue 2 §4, points 1 and 2: the client reaches the target through the chain; by SOCKS the short way; whom target sees.

import { OpError } from '../../error.ts';
import { ask, capture } from '../host.ts';
import { TARGET, VPS, WARP, type HostName } from '../topology.ts';
import { row, said, type Step } from './row.ts';

const PINGS = 20;

/** Addresses that target sees, then latency and throughput beside home's own, direct way to target. */
export async function* proveThrough(): AsyncGenerator<Step> {
  const seen = async (name: string, host: HostName, argv: readonly string[], wanted: string) =>
    row(name, async () => {
      const result = await capture(host, argv);
      return { ok: result.code === 0 && result.stdout.trim() === wanted, detail: `target sees ${said(result)}` };
    });
  const curl = ['curl', '-sS', '--max-time', '15'];
  const socks = [...curl, '--socks5', '10.0.0.102:1080', 'https://ifconfig.me'];
  yield await seen('target sees WARP, not the client', 'client', [...curl, 'https://ifconfig.me'], WARP.exit);
  yield await seen('by SOCKS, target sees the VPS', 'home', socks, VPS);
  yield await row('the client pings target', async () => {
    const [through, direct] = [await latency('client'), await latency('home')];
    return { ok: true, detail: `median ${through.toFixed(2)} ms, direct ${direct.toFixed(2)} ms` };
  });
  yield { waiting: 'downloads, some seconds' };
  yield await row('the client downloads from target', async () => {
    const [through, direct] = [await throughput('client', 25_000_000), await throughput('home', 250_000_000)];
    return { ok: true, detail: `${through.toFixed(0)} Mbit/s, direct ${direct.toFixed(0)} Mbit/s` };
  });
}

/** Median round trip in milliseconds. @throws OpError `check` when an answer is missing. */
async function latency(host: HostName): Promise<number> {
  const text = await ask(host, ['ping', '-n', '-c', String(PINGS), '-i', '0.05', '-W', '2', TARGET.ip]);
  const times = [...text.matchAll(/time=([\d.]+) ms/g)].map((match) => Number(match[1])).toSorted((a, b) => a - b);
  if (times.length < PINGS) throw new OpError('check', `${PINGS - times.length} of ${PINGS} pings are lost`);
  return times[PINGS / 2] ?? 0;
}

/**
 * Mbit/s of a download. Its size is `most` bytes, or what a first, short one says to take about two seconds: in a guest
 * without hardware to run on the chain may be a hundred times slower. @throws OpError when less arrives.
 */
async function throughput(host: HostName, most: number): Promise<number> {
  const first = await download(host, most / 100);
  return download(host, worthwhile(first, most));
}

/** The bytes that take two seconds at `speed` Mbit/s, but a hundredth of `most` at least, and `most` at most. */
export function worthwhile(speed: number, most: number): number {
  return Math.round(Math.min(most, Math.max(most / 100, (speed * 1e6 * 2) / 8)));
}

/** Mbit/s of a download of `bytes`. */
async function download(host: HostName, bytes: number): Promise<number> {
  const format = '%{size_download} %{speed_download}';
  const url = `http://target.example.net/bytes/${bytes}`;
  const argv = ['curl', '-sS', '--max-time', '55', '-o', '/dev/null', '-w', format, url];
  const [size, speed] = (await ask(host, argv, { deadline: 60_000 })).split(' ').map(Number);
  if (size !== bytes || speed === undefined) throw new OpError('check', `${size} of ${bytes} bytes arrived`);
  return (speed * 8) / 1e6;
}
