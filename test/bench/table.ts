// The form of a benchmark's figures: medians, beside the peer's of the same run, as a Markdown table.

import { performance } from 'node:perf_hooks';

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Milliseconds of wall time by what was done: one value a round. */
export type Times = Map<string, number[]>;

/** Adds what `action` takes to the values of `name`. */
export async function clock<T>(times: Times, name: string, action: () => Promise<T> | T): Promise<T> {
  const started = performance.now();
  const result = await action();
  add(times, name, performance.now() - started);
  return result;
}

export function add(times: Times, name: string, value: number): void {
  const values = times.get(name) ?? [];
  values.push(value);
  times.set(name, values);
}

export function row(cells: readonly (string | number)[]): void {
  console.log(`| ${cells.map((cell) => (typeof cell === 'number' ? rounded(cell) : cell)).join(' | ')} |`);
}

export function head(cells: readonly string[]): void {
  row(cells);
  row(cells.map(() => '---'));
}

function rounded(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}
