// What outsiders say of home's uplink: nDPI, tshark, whoever reads headers, and whoever only looks whether it is quiet.

import { setTimeout as sleep } from 'node:timers/promises';
import { exec } from '../../../src/drivers/exec.ts';
import { HOME, TARGET } from '../../../src/lab/topology.ts';
import { inHost } from '../../lab/cli.ts';
import { headers, ndpi, tshark } from '../../lab/oracle.ts';
import { captureUplink, during, uplinks } from '../../lab/uplink.ts';
import type { Mode } from './modes.ts';

/** Seconds without a page, from which the traffic at rest is told. */
const IDLE = 20;

export type Outsiders = {
  /** The protocols that they name, but for what carries them. */
  readonly ndpi: string;
  readonly tshark: string;
  /** Of what home sends: its TTLs, its DSCP fields, how many sizes its packets have. */
  readonly headers: string;
};

/** What nDPI, tshark and the headers say of some pages, and of the connection that carries them from its beginning. */
export async function outsiders({ pace }: Mode, folder: string): Promise<Outsiders> {
  const talk = (): Promise<void> => some(pace.from);
  let file = `${folder}/outsiders.pcap`;
  if (pace.from === 'home') await during('home', file, talk);
  else file = (await uplinks(folder, talk)).home;
  const carriers = new Set(['eth', 'ip', 'ipv6', 'tcp', 'udp', 'arp', 'icmpv6', 'tcp.segments', '_ws.short']);
  const named = (counts: Readonly<Record<string, number>>): string =>
    Object.keys(counts)
      .filter((name) => !carriers.has(name) && name !== 'ICMPV6')
      .join(', ');
  const { ttl, dsfield, length } = await headers(file, HOME.uplink);
  return {
    ndpi: named(await ndpi(file)),
    tshark: named(await tshark(file)),
    headers: `${ttl.join(', ')}; ${dsfield.join(', ')}; ${length.length}`,
  };
}

/** A download, an upload, and pings with TTLs of their own. */
async function some(from: Mode['pace']['from']): Promise<void> {
  const curl = 'curl -sS --max-time 20 -o /dev/null';
  const script = [
    `${curl} http://${TARGET.ip}/bytes/300000`,
    `head -c 100000 /dev/zero | ${curl} --data-binary @- http://${TARGET.ip}/echo`,
    `for ttl in 2 32 64 128 255; do ping -n -c 1 -W 1 -t $ttl ${TARGET.ip} || :; done`,
  ];
  const { code, stderr } = await inHost(from, ['sh', '-ec', script.join('; ')]);
  if (code !== 0) throw new Error(stderr);
}

/** kbit/s of the uplink while nobody does anything, once what was before has died away. */
export async function rest(file: string): Promise<number> {
  await sleep(5000);
  const end = await captureUplink('home', file, 96);
  await sleep(IDLE * 1000);
  await end();
  const { stdout } = await exec(['tshark', '-r', file, '-T', 'fields', '-e', 'frame.len'], { deadline: 120_000 });
  const bytes = stdout.split('\n').reduce((sum, line) => sum + Number(line), 0);
  return (bytes * 8) / IDLE / 1000;
}
