// What the machine's own /proc tells of running containers, with no program started (proc(5), unix(7)).

import { readFile } from 'node:fs/promises';
import type { Traffic } from './contract.ts';
import { startTime } from '../process.ts';
import type { Records } from './record.ts';

/** A process that the hook has noted, with what it has noted beside it. */
export type Noted = { readonly pid: number; readonly more: string };

/**
 * Init (`pid`) or LXC's monitor of a container as the hook has noted it; null when there is no such process any more.
 * LXC itself is not asked: its socket is a name that anybody may take while the container is stopped (unix(7)).
 */
export async function noted(records: Records, name: string, file: 'pid' | 'monitor'): Promise<Noted | null> {
  const [pid, start, ...more] = ((await records.text(name, file)) ?? '').trim().split(' ');
  if (!pid || start === undefined || (await startTime(Number(pid))) !== start) return null;
  return { pid: Number(pid), more: more.join(' ') };
}

/** Whether somebody listens on an abstract socket, from the file of sockets (/proc/net/unix), which doesn't say who. */
export async function listening(sockets: string, socket: string): Promise<boolean> {
  return (await readFile(sockets, 'utf8')).split('\n').some((line) => line.endsWith(` ${socket}`));
}

/** Names of the network devices that a process sees, or we do; none when the process is gone. */
export async function devices(pid: number | 'self'): Promise<ReadonlySet<string>> {
  // Once the process has ended, the kernel refuses in more than one way.
  const text = await readFile(`/proc/${pid}/net/dev`, 'utf8').catch(() => '');
  return deviceNames(text);
}

/** The names in the text of /proc/PID/net/dev. */
export function deviceNames(text: string): ReadonlySet<string> {
  return new Set([...text.matchAll(/^ *(\S+?):/gm)].map(([, name = '']) => name));
}

/** Bytes that went through each network device that the process sees; empty when the process is gone (proc_net_dev). */
export async function traffic(pid: number): Promise<ReadonlyMap<string, Traffic>> {
  const text = await readFile(`/proc/${pid}/net/dev`, 'utf8').catch(() => '');
  const lines = text.matchAll(/^ *(\S+?): *(\d+)(?: +\d+){7} +(\d+)/gm);
  return new Map(
    [...lines].map(([, name = '', received, sent]) => [name, { received: Number(received), sent: Number(sent) }]),
  );
}
