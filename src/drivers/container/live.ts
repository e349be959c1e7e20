// What the machine's own /proc tells of running containers, with no program started (proc(5), unix(7)).

import { readFile } from 'node:fs/promises';

/** Names of the containers below `lxc` whose monitor listens, from the file of sockets (/proc/net/unix). */
export async function monitored(sockets: string, lxc: string): Promise<ReadonlySet<string>> {
  const text = await readFile(sockets, 'utf8');
  const found = text.split('\n').flatMap((line) => {
    const path = line.slice(line.indexOf(' @') + 2);
    return path.startsWith(`${lxc}/`) && path.endsWith('/command')
      ? [path.slice(lxc.length + 1, -'/command'.length)]
      : [];
  });
  return new Set(found);
}

/** Names of the network devices that a process sees, or we do; none when the process is gone. */
export async function devices(pid: number | 'self'): Promise<ReadonlySet<string>> {
  // Once the process has ended, the kernel refuses in more than one way.
  const text = await readFile(`/proc/${pid}/net/dev`, 'utf8').catch(() => '');
  return new Set([...text.matchAll(/^ *(\S+?):/gm)].map(([, name = '']) => name));
}
