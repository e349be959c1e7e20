// Visits to the sites, one after the other, while home's uplink is captured.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { exec, run } from '../../../src/drivers/exec.ts';
import { source } from '../../../src/drivers/source.ts';
import { inside } from '../../../src/lab/host.ts';
import { HOME, TARGET, type HostName } from '../../../src/lab/topology.ts';
import { captureUplink } from '../../lab/uplink.ts';
import type { Loaded } from './load.ts';
import { seeded, shuffled } from './random.ts';
import { type Site, visit } from './sites.ts';

export type Pace = {
  /** The host whose browser it is. */
  readonly from: HostName;
  /** Seconds from a visit's start that belong to its trace. */
  readonly window: number;
  /** Seconds of rest after a page has come; with `whole`, at least the window's end is waited for. */
  readonly rest: number;
  readonly whole: boolean;
};

export type Seen = Loaded & { readonly site: number };

/** Visits every site `times` times in an order that the seed gives; the trace goes into `file`. */
export async function visitAll(
  sites: readonly Site[],
  times: number,
  seed: number,
  pace: Pace,
  file: string,
): Promise<readonly Seen[]> {
  const random = seeded(seed);
  const order = shuffled(
    random,
    sites.flatMap((_, site) => Array.from({ length: times }, () => site)),
  );
  const argv = [process.execPath, source('test/bench/obfuscation/load.ts'), TARGET.ip, 'target.example.net'];
  const [program, ...args] = await inside(pace.from, argv);
  const browser = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(browser, 'exit');
  const answers = createInterface({ input: browser.stdout })[Symbol.asyncIterator]();
  const end = await captureUplink('home', file, 96);
  const seen: Seen[] = [];
  try {
    for (const site of order) {
      browser.stdin.write(`${JSON.stringify(visit(sites[site] as Site, random))}\n`);
      const { value, done } = await answers.next();
      if (done === true) throw new Error('the browser has ended');
      const loaded = JSON.parse(value as string) as Loaded;
      seen.push({ site, ...loaded });
      const left = pace.whole ? loaded.start + pace.window - Date.now() / 1000 : 0;
      await sleep(Math.max(pace.rest, left) * 1000);
    }
  } finally {
    browser.stdin.end();
    await ended;
    const missed = await end();
    if (missed !== 0) console.log(`${missed} frames were missed by the capture`);
  }
  return seen;
}

export type Figures = {
  /** Shares from 0 to 1; `permuted` is the accuracy where the labels mean nothing. */
  readonly accuracy: number;
  readonly deviation: number;
  readonly permuted: number;
  /** kB of a trace, on the mean. */
  readonly up: number;
  readonly down: number;
};

/** What a classifier makes of it. Debian's python3-sklearn does the work. */
export async function classify(file: string, seen: readonly Seen[], window: number, seed: number): Promise<Figures> {
  await writeFile(`${file}.json`, JSON.stringify(seen));
  const script = source('test/bench/obfuscation/classify.py');
  const argv = ['/usr/bin/python3', script, file, `${file}.json`, HOME.uplink, `${window}`, `${seed}`];
  return JSON.parse(await run(exec, argv as [string, ...string[]], { deadline: 900_000 })) as Figures;
}
