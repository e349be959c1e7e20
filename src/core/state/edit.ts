// Sets members of an object within a JSON text (RFC 8259) and leaves every other character as it was.

import { type ObjectNode, parse, type ValueNode } from '@humanwhocodes/momoa';
import { OpError } from '../../error.ts';
import type { Path } from './problem.ts';

/**
 * `text` with `values` in the object at `path`: a member that is there gets the new value, a new one comes last, spaced as
 * its neighbours are. @throws OpError `internal` when there is no object at `path`; the text must be JSON (`readJson`).
 */
export function setMembers(text: string, path: Path, values: Readonly<Record<string, string | number>>): string {
  const mark = text.startsWith('\ufeff') ? '\ufeff' : '';
  const set = (edited: string, [name, value]: readonly [string, string | number]): string =>
    setMember(edited, path, name, JSON.stringify(value));
  return mark + Object.entries(values).reduce(set, text.slice(mark.length));
}

function setMember(text: string, path: Path, name: string, value: string): string {
  const { members, loc } = objectAt(parse(text).body, path);
  const found = members.find((member) => nameOf(member) === name);
  if (found !== undefined) return splice(text, found.value.loc.start.offset, found.value.loc.end.offset, value);
  const last = members.at(-1);
  const before = members.at(-2);
  const member = (colon: string): string => `${JSON.stringify(name)}${colon}${value}`;
  if (last === undefined) return splice(text, loc.start.offset, loc.end.offset, `{${member(': ')}}`);
  const [start, end] = [last.loc.start.offset, last.loc.end.offset];
  const gap = before === undefined ? text.slice(loc.start.offset + 1, start) : null;
  const between = gap === null ? text.slice(before?.loc.end.offset, start) : `,${gap}`;
  return splice(text, end, end, between + member(text.slice(last.name.loc.end.offset, last.value.loc.start.offset)));
}

function objectAt(body: ValueNode, path: Path): ObjectNode {
  let node: ValueNode | undefined = body;
  for (const step of path) {
    if (node?.type === 'Object') node = node.members.find((member) => nameOf(member) === step)?.value;
    else if (node?.type === 'Array') node = node.elements[Number(step)]?.value;
    else node = undefined;
  }
  if (node?.type === 'Object') return node;
  throw new OpError('internal', `no object at ${path.join('.')}`);
}

function nameOf({ name }: ObjectNode['members'][number]): string {
  return name.type === 'String' ? name.value : name.name;
}

function splice(text: string, start: number, end: number, middle: string): string {
  return text.slice(0, start) + middle + text.slice(end);
}
