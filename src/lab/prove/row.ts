// One line of proof, and small pieces that the proofs share.

import { randomBytes } from 'node:crypto';
import type { ExecResult } from '../../drivers/exec.ts';
import { wrap } from '../../error.ts';

/** What was claimed, whether it held, what was seen. */
export type Row = { readonly name: string; readonly ok: boolean; readonly detail: string };

/** What a proof yields: a row as soon as it is known, or what it is about to wait for. */
export type Step = Row | { readonly waiting: string };

/** A row from a check; whatever the check throws is the row's detail. */
export async function row(name: string, check: () => Promise<Omit<Row, 'name'>>): Promise<Row> {
  try {
    return { name, ...(await check()) };
  } catch (error) {
    return { name, ok: false, detail: wrap('proving it', error).message };
  }
}

/** A word that nothing else in the lab can hold by chance; also fit for a DNS label. */
export function marker(): string {
  return `m${randomBytes(12).toString('hex')}`;
}

/** The last line of what a program printed, else its complaint. */
export function said(result: ExecResult): string {
  const text = result.stdout.trim() || result.stderr.trim();
  return text.split('\n').at(-1) || `exit ${result.code}`;
}

/** Counts equal words, most frequent first: `12 × arp, 3 × tls`. */
export function tally(words: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  const sorted = [...counts].toSorted(([, a], [, b]) => b - a);
  const shown = sorted.slice(0, 6).map(([word, count]) => `${count} × ${word}`);
  return [...shown, ...(sorted.length > 6 ? [`and ${sorted.length - 6} more`] : [])].join(', ') || 'nothing';
}
