// `npm run bench:obfuscation [-- --modes "control,level 0" --sites N --visits N --seed N]`: what home's ISP can tell.
//
// It brings up a lab, gives home's line 50 Mbit/s and 40 ms, and visits synthetic sites in each mode while the uplink is
// captured. nDPI and tshark say what they see, and a classifier tries to tell the sites from sizes and times. Needs a C
// compiler, python3-sklearn, libndpi-bin and tshark. The tables are Markdown; the captures stay in the folder named first.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { labDown, labUp, okIn } from '../lab/cli.ts';
import { carries } from '../lab/uplink.ts';
import { LINE, startLine } from './obfuscation/line.ts';
import { type Mode, MODES } from './obfuscation/modes.ts';
import { outsiders, type Outsiders, rest } from './obfuscation/outsiders.ts';
import { sites } from './obfuscation/sites.ts';
import { classify, type Figures, visitAll } from './obfuscation/visits.ts';
import { head, median, row } from './table.ts';

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

type Result = Outsiders & {
  readonly mode: Mode;
  readonly figures: Figures;
  /** Seconds of the pages that came, in order. */
  readonly loads: readonly number[];
  readonly failed: number;
  /** kbit/s at rest, both ways together. */
  readonly idle: number;
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
      const said = await okIn(host, 'curl', '-sS', '-o', '/dev/null', '-w', format, url);
      speeds[host].push((Number(said) * 8) / 1e6);
    }
  const [through, direct] = [median(speeds.client), median(speeds.home)];
  const share = ((through / direct) * 100).toFixed(0);
  console.log(`download: ${through.toFixed(1)} Mbit/s through the chain, ${direct.toFixed(1)} direct: ${share} %\n`);
}

async function measure(mode: Mode): Promise<Result> {
  await mode.enter();
  const said = await outsiders(mode, folder);
  const file = `${folder}/${mode.name.replaceAll(/\W+/g, '-')}.pcap`;
  const idle = await rest(`${file}.idle`);
  const seen = await visitAll(sites(count, seed), times, seed, mode.pace, file);
  await mode.leave();
  const figures = await classify(file, seen, mode.pace.window, seed);
  const good = seen.filter(({ error }) => error === null);
  const loads = good.map(({ start, end }) => end - start).toSorted((a, b) => a - b);
  return { mode, figures, loads, failed: seen.length - good.length, idle, ...said };
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
  for (const { mode, ndpi, tshark, headers } of results) row([mode.name, mode.what, ndpi, tshark, headers]);
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
