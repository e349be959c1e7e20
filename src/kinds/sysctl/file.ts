// The values we set and those that were there before, as sysctl(8) -p reads them. Not in /etc/sysctl.d: at boot the host
// must not forward before its filter is loaded; the container hook loads the one and then sets the other.

export const path = '/var/lib/op-dbus/sysctl.conf';

const header =
  '# Written by op-dbus. What each setting was before stands above it, and comes back with `op-dbus down`.';

/** One setting of ours: what it is now by the file, and what it was before us. */
export type Entry = { readonly key: string; readonly value: string; readonly before: string };

/** The settings in the file, by key; null when the file is not ours. No file at all has none. */
export function parse(text: string | null): readonly Entry[] | null {
  if (text === null) return [];
  const [first, ...lines] = text.split('\n');
  if (first !== header) return null;
  const before = new Map(lines.flatMap((line) => pair(/^# before: (\S+) = (.*)$/, line)));
  return lines
    .flatMap((line) => pair(/^([^#\s]\S*) = (.*)$/, line))
    .map(([key, value]) => ({ key, value, before: before.get(key) ?? value }));
}

/** The file's content; null when there is nothing left to say. */
export function print(entries: readonly Entry[]): string | null {
  const sorted = entries.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  const lines = sorted.flatMap(({ key, value, before }) => [`# before: ${key} = ${before}`, `${key} = ${value}`]);
  return lines.length === 0 ? null : `${[header, ...lines].join('\n')}\n`;
}

function pair(form: RegExp, line: string): readonly (readonly [string, string])[] {
  const found = form.exec(line);
  return found?.[1] === undefined || found[2] === undefined ? [] : [[found[1], found[2]]];
}
