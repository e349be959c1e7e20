// What we keep on a host that can't carry a mark of ours: each thing with what was there before, in one file.

import { canonical } from '../core/plan.ts';
import type { Host } from '../drivers/host.ts';
import { OpError } from '../error.ts';

export const keptPath = '/var/lib/op-dbus/kept.json';

type Kept = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** What a kind keeps, by name; each entry is of the shape that the kind wrote. @throws OpError `host` for another file. */
export async function readKept<T>(host: Host, kind: string): Promise<Readonly<Record<string, T>>> {
  const all = await read(host);
  return (all[kind] ?? {}) as Readonly<Record<string, T>>;
}

/** On disk when it resolves; null forgets the thing, and nothing kept is no file. */
export async function writeKept(host: Host, kind: string, name: string, entry: unknown): Promise<void> {
  const all = await read(host);
  const { [name]: _, ...others } = all[kind] ?? {};
  const own = entry === null ? others : { ...others, [name]: entry };
  const { [kind]: _own, ...rest } = all;
  const next = Object.keys(own).length === 0 ? rest : { ...rest, [kind]: own };
  if (Object.keys(next).length === 0) await host.files.remove(keptPath);
  else await host.files.write(keptPath, `${canonical({ version: 1, kept: next })}\n`);
}

async function read(host: Host): Promise<Kept> {
  const text = await host.files.read(keptPath);
  if (text === null) return {};
  try {
    const { version, kept } = JSON.parse(text) as { readonly version?: unknown; readonly kept?: Kept };
    if (version === 1 && kept !== null && typeof kept === 'object') return kept;
  } catch {
    // Told below, as any other text that is none of ours.
  }
  throw new OpError('host', 'is not what op-dbus wrote: what was there before it is not known', {
    at: keptPath,
    hint: `Look at it, and move it away: mv ${keptPath} ${keptPath}.bad`,
  });
}
