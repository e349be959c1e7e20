// What is wrong in the file: found by path, reported by line and column.

/** Keys and indices from the root of the file. */
export type Path = readonly (string | number)[];

/** A finding before its position is known. `key`: it is about the key at the path, not its value. */
export type Finding = { readonly path: Path; readonly message: string; readonly hint?: string; readonly key?: boolean };

/** Line and column count from 1, in UTF-16 units. `path` is relative to `plugins`, `lxc.containers[1].network.ipv4`. */
export type Problem = {
  readonly line: number;
  readonly column: number;
  readonly path: string;
  readonly message: string;
  readonly hint?: string;
};

/** `state.json:14:27 lxc.containers[1].network.ipv4`, as OpError's `at` wants it. */
function at(file: string, { line, column, path }: Problem): string {
  return `${file}:${line}:${column}${path === '' ? '' : ` ${path}`}`;
}

/** `state.json:14:27 lxc.containers[1].network.ipv4: expected …` and, on a second line, the hint. */
export function show(file: string, problem: Problem): string {
  const hint = problem.hint === undefined ? '' : `\n  ${problem.hint}`;
  return `${at(file, problem)}: ${problem.message}${hint}`;
}

/** By position; of two at one place the shorter path first. */
export function compare(a: Problem, b: Problem): number {
  return a.line - b.line || a.column - b.column || order(a.path, b.path) || order(a.message, b.message);
}

/** `lxc.containers[1].network.ipv4`; keys that aren't plain words are quoted, `["a b"]`. */
export function showPath(path: Path): string {
  return path.map((step, index) => showStep(step, index === 0)).join('');
}

/** Text from the file in quotation marks, shortened, without anything a terminal could take for a command. */
export function quote(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 57)}…` : text;
  return JSON.stringify(short).replaceAll(
    /[^\x20-\x7e…]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function showStep(step: string | number, first: boolean): string {
  if (typeof step === 'number') return `[${step}]`;
  if (!/^[A-Za-z_$][A-Za-z0-9_$-]{0,59}$/.test(step)) return `[${quote(step)}]`;
  return first ? step : `.${step}`;
}

function order(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
