// `npm run bench:obfuscation [-- --modes "control,level 0" --sites N --visits N --seed N]`: what home's ISP can tell.
//
// It brings up a lab, gives home's line 50 Mbit/s and 40 ms, and visits synthetic sites in each mode while the uplink is
// captured. nDPI and tshark say what they see, and a classifier tries to tell the sites from sizes and times. Needs a C
// compiler, python3-sklearn, libndpi-bin and tshark. The tables are Markdown; the captures stay in the folder named first.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { exec } from '../../src/drivers/exec.ts';
import { HOME } from '../../src/lab/topology.ts';
import { inHost, labDown, labUp } from '../lab/cli.ts';
import { headers, ndpi, tshark } from '../lab/oracle.ts';
import { captureUplink, carries, during, uplinks } from '../lab/uplink.ts';
import { LINE, startLine } from './obfuscation/line.ts';
import { type Mode, MODES } from './obfuscation/modes.ts';
import { sites } from './obfuscation/sites.ts';
import { classify, type Figures, visitAll } from './obfuscation/visits.ts';
import { head, median, row } from './table.ts';

/** Seconds without a page, from which the traffic at rest is told. */
const IDLE = 20;

const { values } = parseArgs({
  options: {
    modes: { type: 'string', default: MODES.map(({ name }) => name).join() },
    sites: { type: 'string', default: '20' },
    visits: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
  },
});
const [count, times, seed] = [Number(values.sites), Number(values.visits), Number(values.seed)];
const modes = values.modes.split(',').map((text) => {
  const mode = MODES.find(({ name }) => name === text.trim());
  if (mode === undefined) throw new Error(`no mode ${text}; there are: ${MODES.map(({ name }) => name).join(', ')}`);
  return mode;
});

type Result = {
  readonly mode: Mode;
  readonly figures: Figures;
  /** Seconds of the pages that came, in order. */
  readonly loads: readonly number[];
  readonly failed: number;
  /** kbit/s at rest, both ways together. */
  readonly idle: number;
  readonly ndpi: string;
  readonly tshark: string;
  readonly ttl: string;
};

const folder = await mkdtemp(join(tmpdir(), 'obfuscation-'));
console.log(
  `${count} sites, ${times} visits each, seed ${seed}; ${LINE.mbits} Mbit/s, ${LINE.ms} ms; captures: ${folder}\n`,
);
try {
  await labUp();
  await startLine();
  await carries();
  await throughput();
  const results: Result[] = [];
  for (const mode of modes) {
    results.push(await measure(mode));
    console.log(`${mode.name}: done`);
  }
  tell(results);
} finally {
  await labDown();
}

/** The chain as the lab builds it, unshaped, beside home's own way. */
async function throughput(): Promise<void> {
  const speeds = { client: [] as number[], home: [] as number[] };
  for (let round = 0; round < 5; round += 1)
    for (const host of ['client', 'home'] as const) {
      const format = '%{speed_download}';
      const url = 'http://target.example.net/bytes/20000000';
      const { stdout } = await inHost(host, ['curl', '-sS', '-o', '/dev/null', '-w', format, url]);
      speeds[host].push((Number(stdout) * 8) / 1e6);
    }
  const [through, direct] = [median(speeds.client), median(speeds.home)];
  const share = ((through / direct) * 100).toFixed(0);
  console.log(`download: ${through.toFixed(1)} Mbit/s through the chain, ${direct.toFixed(1)} direct: ${share} %\n`);
}

async function measure(mode: Mode): Promise<Result> {
  await mode.enter();
  const outsiders = await ask(mode);
  const file = `${folder}/${mode.name.replaceAll(/\W+/g, '-')}.pcap`;
  const idle = await rest(`${file}.idle`);
  const seen = await visitAll(sites(count, seed), times, seed, mode.pace, file);
  await mode.leave();
  const figures = await classify(file, seen, mode.pace.window, seed);
  const good = seen.filter(({ error }) => error === null);
  const loads = good.map(({ start, end }) => end - start).toSorted((a, b) => a - b);
  return { mode, figures, loads, failed: seen.length - good.length, idle, ...outsiders };
}

/** What nDPI, tshark and the headers say of some pages, and of the connection that carries them from its beginning. */
async function ask({ pace }: Mode): Promise<Pick<Result, 'ndpi' | 'tshark' | 'ttl'>> {
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
    ttl: `${ttl.join(', ')}; ${dsfield.join(', ')}; ${length.length}`,
  };
}

/** A download, an upload, and pings with TTLs of their own. */
async function some(from: Mode['pace']['from']): Promise<void> {
  const curl = 'curl -sS --max-time 20 -o /dev/null';
  const script = [
    `${curl} http://151.101.50.10/bytes/300000`,
    `head -c 100000 /dev/zero | ${curl} --data-binary @- http://151.101.50.10/echo`,
    'for ttl in 2 32 64 128 255; do ping -n -c 1 -W 1 -t $ttl 151.101.50.10; done; true',
  ];
  const { code, stderr } = await inHost(from, ['sh', '-ec', script.join('; ')]);
  if (code !== 0) throw new Error(stderr);
}

/** kbit/s of the uplink while nobody does anything, once what was before has died away. */
async function rest(file: string): Promise<number> {
  await sleep(5000);
  const end = await captureUplink('home', file, 96);
  await sleep(IDLE * 1000);
  await end();
  const { stdout } = await exec(['tshark', '-r', file, '-T', 'fields', '-e', 'frame.len'], { deadline: 120_000 });
  const bytes = stdout.split('\n').reduce((sum, line) => sum + Number(line), 0);
  return (bytes * 8) / IDLE / 1000;
}

function tell(results: readonly Result[]): void {
  const base = results.find(({ mode }) => mode.name === 'level 0');
  const unprotected = results.find(({ mode }) => mode.name === 'control');
  head([
    'mode',
    'accuracy, %',
    'labels mixed up, %',
    'page mean, s',
    'p95, s',
    'p95 to level 0',
    'kB up',
    'kB down',
    'idle, kbit/s',
    'failed',
  ]);
  for (const { mode, figures, loads, idle, failed } of results) {
    const percent = (share: number): string => (share * 100).toFixed(1);
    const ratio = base === undefined ? '' : p95(loads) / p95(base.loads);
    row([
      mode.name,
      `${percent(figures.accuracy)} ± ${percent(figures.deviation)}`,
      percent(figures.permuted),
      mean(loads),
      p95(loads),
      ratio,
      figures.up,
      figures.down,
      idle,
      `${failed}`,
    ]);
  }
  console.log();
  head(['mode', 'what', 'nDPI', 'tshark', "home's TTL; DSCP field; number of packet sizes"]);
  for (const { mode, ndpi: first, tshark: second, ttl } of results) row([mode.name, mode.what, first, second, ttl]);
  if (unprotected !== undefined && unprotected.figures.accuracy < 0.9)
    console.log(
      '\nVOID: the classifier does not tell unprotected sites in 90 % of the visits, so the rest says nothing.',
    );
}

function mean(all: readonly number[]): number {
  return all.reduce((sum, value) => sum + value, 0) / all.length;
}

/** Of values in order. */
function p95(all: readonly number[]): number {
  return all[Math.floor(all.length * 0.95)] ?? Number.NaN;
}
