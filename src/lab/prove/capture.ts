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
  const { pid } = await pid1(host);
  const options = [
    '--interface',
    device,
    '--immediate-mode',
    '--packet-buffered',
    '-s',
    '0',
    '-B',
    '16384',
    '-w',
    '-',
    filter,
  ];
  // Only the network namespace is entered, so that the process is ours to end.
  const child = spawn('nsenter', [`--net=/proc/${pid}/ns/net`, 'tcpdump', ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [exit, chunks, said]: [Promise<unknown[]>, Buffer[], string[]] = [once(child, 'close'), [], []];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.setEncoding('utf8').on('data', (text: string) => said.push(text));
  if (child.pid !== undefined) await writeFile(`${CGROUP}/${host}/cgroup.procs`, String(child.pid));
  for (let waited = 0; !said.join('').includes('listening on'); waited += 5) {
    if (child.exitCode !== null || waited > 5000)
      throw new OpError('host', `tcpdump in ${host}: ${said.join('').trim()}`);
    await sleep(5);
  }
  return {
    stop: async () => {
      child.kill('SIGINT');
      await exit;
      const dropped = /(\d+) packets? dropped by kernel/.exec(said.join(''))?.[1];
      if (dropped !== '0') throw new OpError('check', `tcpdump in ${host} missed ${dropped ?? 'some'} frames`);
      return frames(Buffer.concat(chunks));
    },
  };
}
