// "Did you mean …": the known word that an unknown one is closest to.

/**
 * The one of `known` within a third of its length (at most 3 edits) of `word`, else one that begins with it; case, `_`
 * and `-` don't count.
 */
function closest(word: string, known: readonly string[]): string | undefined {
  if (word.length > 64) return undefined;
  const ranked = known
    .map((candidate) => ({ candidate, distance: distance(plain(word), plain(candidate)) }))
    .filter(({ candidate, distance: edits }) => edits <= Math.min(3, Math.floor(candidate.length / 3)))
    .toSorted((a, b) => a.distance - b.distance);
  return ranked[0]?.candidate ?? known.find((candidate) => word.length > 4 && plain(candidate).startsWith(plain(word)));
}

/** The hint itself, to be spread into a finding; nothing when no word is close. */
export function didYouMean(word: string, known: readonly string[]): { readonly hint?: string } {
  const found = closest(word, known);
  return found === undefined ? {} : { hint: `Did you mean "${found}"?` };
}

function plain(word: string): string {
  return word.toLowerCase().replaceAll(/[_-]/g, '');
}

/** Levenshtein's distance, one row at a time. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++)
      next.push(Math.min((row[j] ?? 0) + Number(a[i] !== b[j]), (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    row = next;
  }
  return row[b.length] ?? 0;
}
