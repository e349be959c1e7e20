// A table's text as nft prints it: one block, lines inside it indented (nft(8)).

import { OpError } from '../../error.ts';

/**
 * Insists that `text` is a `table inet NAME {…}` block and nothing besides, so that replacing one table can't touch
 * another (`flush ruleset` is a command of the same language).
 * @throws OpError `check` naming the line.
 */
export function block(name: string, text: string): string {
  const lines = text.split('\n');
  const odd = (index: number, why: string): OpError =>
    new OpError('check', `table inet ${name}, line ${index + 1}: ${why}: ${lines[index] ?? ''}`);
  if (lines[0] !== `table inet ${name} {`) throw odd(0, `expected "table inet ${name} {"`);
  if (lines.at(-1) !== '}') throw odd(lines.length - 1, 'expected the closing brace');
  let depth = 0;
  for (const [index, line] of lines.entries()) {
    depth += count(line, '{') - count(line, '}');
    const last = index === lines.length - 1;
    if (depth < (last ? 0 : 1) || (last && depth > 0)) throw odd(index, 'braces do not match');
    if (!last && index > 0 && line !== '' && !/^\s/.test(line)) throw odd(index, 'expected an indented line');
  }
  return text;
}

function count(line: string, sign: string): number {
  return line.split(sign).length - 1;
}
