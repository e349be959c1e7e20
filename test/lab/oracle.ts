// What programs that others wrote see in a capture: nDPI's ndpiReader (Debian's libndpi-bin) and tshark.

import { exec, run } from '../../src/drivers/exec.ts';

/** Protocol → packets, by the flows' contents: a port alone is no proof (`-d`). Flows of no known protocol are `Unknown`. */
export async function ndpi(file: string): Promise<Readonly<Record<string, number>>> {
  const said = await run(exec, ['ndpiReader', '-d', '-i', file]);
  const found = /^Detected protocols:\n((?:.+\n)+)/m.exec(said)?.[1];
  if (found === undefined) throw new Error(`ndpiReader says nothing of ${file}: ${said}`);
  return counted(found, /^\s*(\S+)\s+packets: (\d+)/gm);
}

/** Protocol as tshark calls it (`tls`, `wg`, `udp`) → frames. */
export async function tshark(file: string): Promise<Readonly<Record<string, number>>> {
  // Segments that come out of order are put in order first: else a record's rest looks like anything.
  const order = ['-o', 'tcp.reassemble_out_of_order:TRUE'];
  return counted(await run(exec, ['tshark', ...order, '-r', file, '-q', '-z', 'io,phs']), /^\s*(\S+)\s+frames:(\d+)/gm);
}

/** What an outsider reads in the headers of the IPv4 packets from `source`: sets of TTLs, DSCP fields and lengths. */
export async function headers(
  file: string,
  source: string,
): Promise<{
  readonly ttl: readonly number[];
  readonly dsfield: readonly number[];
  readonly length: readonly number[];
}> {
  const fields = ['ip.ttl', 'ip.dsfield', 'ip.len'].flatMap((field) => ['-e', field]);
  // Of an ICMP error's packet inside, only the outer values count.
  const argv = ['tshark', '-r', file, '-Y', `ip.src == ${source}`, '-T', 'fields', '-E', 'occurrence=f', ...fields];
  const rows = (await run(exec, argv as [string, ...string[]])).split('\n').filter((line) => line !== '');
  const set = (column: number): readonly number[] =>
    [...new Set(rows.map((line) => Number(line.split('\t')[column])))].toSorted((a, b) => a - b);
  return { ttl: set(0), dsfield: set(1), length: set(2) };
}

function counted(text: string, line: RegExp): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const [, name = '', count] of text.matchAll(line)) sums[name] = (sums[name] ?? 0) + Number(count);
  return sums;
}
