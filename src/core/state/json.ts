// JSON text (RFC 8259) to a value with the position of each part. Stricter than JSON.parse: a key may not come twice.

import { type AnyNode, type ObjectNode, parse } from '@humanwhocodes/momoa';
import type { Finding, Path } from './problem.ts';
import { syntaxFault, tooDeep } from './syntax.ts';

/** Both count from 1; the column in UTF-16 units. */
export type Position = { readonly line: number; readonly column: number };

export type Located = {
  /** Plain data; `__proto__` is never a key of it; of a key that comes twice, the first. Null when it can't be read. */
  readonly value: unknown;
  /** False when the text is no JSON: then `findings` says why. */
  readonly readable: boolean;
  /** Where the value at a path is, or its key; of a path that isn't there, where its nearest parent is. */
  readonly position: (path: Path, key?: boolean) => Position;
  /** Syntax errors, duplicate keys, `__proto__`, raw control characters. */
  readonly findings: readonly (Finding & Position)[];
};

/** A byte order mark in front is skipped. Nothing is ever thrown, whatever the text. */
export function readJson(source: string): Located {
  const text = source.startsWith('\ufeff') ? source.slice(1) : source;
  const locate = locator(text);
  const report = (offset: number, path: Path, message: string): Finding & Position => ({
    path,
    message,
    ...locate(offset),
  });
  const deep = tooDeep(text);
  if (deep !== null) return unreadable(report(deep, [], 'nested too deeply: expected at most 50 levels'));
  try {
    const { body } = parse(text);
    const findings: (Finding & Position)[] = [];
    const { value, spot } = build(body, [], body.loc.start.offset, {
      text,
      report: (...finding) => findings.push(report(...finding)),
    });
    return { value, readable: true, findings, position: (path, key) => locate(offsetOf(spot, path, key)) };
  } catch (error) {
    const { offset, message } = syntaxFault(text, error);
    return unreadable(report(offset, [], message));
  }
}

/** Where a value and its key begin, and the same for what it holds. */
type Spot = { readonly value: number; readonly key: number; readonly inner: ReadonlyMap<string | number, Spot> };

type Context = {
  readonly text: string;
  readonly report: (offset: number, path: Path, message: string) => void;
};

function unreadable(finding: Finding & Position): Located {
  return { value: null, readable: false, findings: [finding], position: () => ({ line: 1, column: 1 }) };
}

function build(node: AnyNode, path: Path, key: number, context: Context): { value: unknown; spot: Spot } {
  if (node.type === 'Object') return buildObject(node, path, key, context);
  const leaf = { value: node.loc.start.offset, key, inner: new Map() };
  if (node.type === 'Array') {
    const items = node.elements.map(({ value }, index) =>
      build(value, [...path, index], value.loc.start.offset, context),
    );
    return {
      value: items.map(({ value }) => value),
      spot: { ...leaf, inner: new Map(items.map(({ spot }, index) => [index, spot])) },
    };
  }
  if (node.type === 'String') checkString(node.loc, path, context);
  const plain = node.type === 'String' || node.type === 'Number' || node.type === 'Boolean';
  return { value: plain ? node.value : null, spot: leaf };
}

function buildObject(node: ObjectNode, path: Path, key: number, context: Context): { value: unknown; spot: Spot } {
  const inner = new Map<string, Spot>();
  const value: Record<string, unknown> = {};
  for (const { name: word, value: content } of node.members) {
    const name = word.type === 'String' ? word.value : word.name;
    const place = [...path, name];
    checkString(word.loc, place, context);
    const child = build(content, place, word.loc.start.offset, context);
    if (name === '__proto__') context.report(child.spot.key, place, 'unknown key "__proto__"');
    else if (inner.has(name)) context.report(child.spot.key, place, 'this key comes twice in the same object');
    else value[name] = child.value;
    if (!inner.has(name)) inner.set(name, child.spot);
  }
  return { value, spot: { value: node.loc.start.offset, key, inner } };
}

/** The parser lets raw control characters in strings pass; JSON doesn't. */
function checkString(loc: AnyNode['loc'], path: Path, { text, report }: Context): void {
  for (let offset = loc.start.offset; offset < loc.end.offset; offset++) {
    if (text.charCodeAt(offset) >= 0x20) continue;
    report(
      offset,
      path,
      'a raw control character (a line break, a tab, …) in a string: expected an escape such as \\n',
    );
    return;
  }
}

function offsetOf(root: Spot, path: Path, key = false): number {
  let spot = root;
  for (const [index, step] of path.entries()) {
    const next = spot.inner.get(step);
    if (next === undefined) return spot.value;
    if (key && index === path.length - 1) return next.key;
    spot = next;
  }
  return spot.value;
}

function locator(text: string): (offset: number) => Position {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let [line, end] = [0, starts.length];
    while (end - line > 1) {
      const middle = (line + end) >> 1;
      if ((starts[middle] ?? 0) <= offset) line = middle;
      else end = middle;
    }
    return { line: line + 1, column: offset - (starts[line] ?? 0) + 1 };
  };
}
