// A capture on one interface of a lab host, by tcpdump(8).

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { OpError } from '../../error.ts';
import { pid1 } from '../host.ts';
import { frames } from '../pcap.ts';
import { CGROUP } from '../record.ts';
import type { HostName } from '../topology.ts';

/** Ends the capture and gives its frames. */
export type Capture = { stop(): Promise<readonly Buffer[]> };

/** Starts to capture whole frames, both directions, all or those that `filter` means (pcap-filter(7)); returns once tcpdump listens. */
export async function startCapture(host: HostName, device: string, filter = ''): Promise<Capture> {
  const chunks: Buffer[] = [];
  const { pid } = await pid1(host);
  const { stop } = await listen(host, `/proc/${pid}/ns/net`, device, (chunk) => chunks.push(chunk), filter);
  return {
    stop: async () => {
      const dropped = await stop();
      if (dropped !== 0) throw new OpError('check', `tcpdump in ${host} missed ${dropped} frames`);
      return frames(Buffer.concat(chunks));
    },
  };
}

/** `stop` ends it and tells how many frames the kernel had no room for, NaN when nobody knows. */
export type Listener = { readonly ended: () => boolean; readonly stop: () => Promise<number> };

/**
 * Runs tcpdump on a device of the network namespace that the file `net` is of, and hands on its capture as it comes.
 * Returns once it listens; it ends with `host`. @throws OpError `host` when it doesn't listen.
 */
export async function listen(
  host: HostName,
  net: string,
  device: string,
  take: (chunk: Buffer) => void,
  filter = '',
): Promise<Listener> {
  // The ring has a slot of the longest frame's size for each frame: 64 KiB, what segmentation offload makes, and not tcpdump's 256.
  const ring = ['-s', '66000', '-B', '32768'];
  const options = ['--interface', device, '--immediate-mode', '--packet-buffered', ...ring, '-w', '-', filter];
  // Only the network namespace is entered, so that the process is ours to end; a terminal's Ctrl-C is not for it.
  const child = spawn('nsenter', [`--net=${net}`, 'tcpdump', ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const [exit, said]: [Promise<unknown[]>, string[]] = [once(child, 'close'), []];
  child.stdout.on('data', take);
  child.stderr.setEncoding('utf8').on('data', (text: string) => said.push(text));
  if (child.pid !== undefined) await writeFile(`${CGROUP}/${host}/cgroup.procs`, String(child.pid)).catch(() => {});
  for (let waited = 0; !said.join('').includes('listening on'); waited += 5) {
    if (child.exitCode !== null || waited > 5000)
      throw new OpError('host', `tcpdump in ${host}: ${said.join('').trim()}`);
    await sleep(5);
  }
  return {
    ended: () => child.exitCode !== null || child.signalCode !== null,
    stop: async () => {
      child.kill('SIGINT');
      await exit;
      return Number(/(\d+) packets? dropped by kernel/.exec(said.join(''))?.[1] ?? NaN);
    },
  };
}
