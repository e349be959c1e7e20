// What is left over of Proxmox's containers: put aside, half made, without a container; and what all of them share.

import { OpError } from '../../../error.ts';
import type { Records } from '../record.ts';
import { ofContainer, removeHook } from '../tidy.ts';
import { type Pct, told } from './command.ts';
import { carries, type Confs, isUnborn, type Making, type numbers, type PctEntry, removeDropIn } from './entry.ts';
import type { Mounts } from './mount.ts';
import { atWork } from './task.ts';

type Given = {
  readonly pct: Pct;
  readonly confs: Confs;
  readonly records: Records<PctEntry>;
  readonly vmids: ReturnType<typeof numbers>;
  readonly roots: Mounts;
  readonly home: string;
  readonly dropIn: string;
  readonly kept: (name: string) => Promise<PctEntry | null>;
  readonly unfinished: (name: string) => Promise<Making | null>;
};

export type Tidier = {
  /** Removes for good what was put aside or begun under that name. */
  readonly one: (name: string) => Promise<void>;
  /** The same of whatever has that id. */
  readonly clearId: (id: number) => Promise<void>;
  /** All of it, and what all containers share when there is none. */
  readonly all: () => Promise<void>;
};

export function tidier({ pct, confs, records, vmids, roots, home, dropIn, kept, unfinished }: Given): Tidier {
  /** Only what has our token: somebody may have given its number to another one. */
  async function destroy(name: string, id: number, token: string | null): Promise<void> {
    await roots.release(name, id);
    const found = await confs.read(id);
    if (found === null || !(isUnborn(found) || carries(found, token))) return;
    if (isUnborn(found) && (await atWork([id], ['create'])) === null) {
      // It died with the command that had begun it, and has left the lock, and what it had of disks.
      const freed = await pct.attempt('unlock', id, [], { but: 'create' });
      if (freed.code !== 0) throw told('unlock', id, freed);
      await pct.run('destroy', id, ['--purge', '1', '--destroy-unreferenced-disks', '1'], 300_000);
      return;
    }
    // A command that was killed leaves its task at work, which ends by writing our token, or by removing it.
    await pct.unlocked(id);
    const conf = await confs.read(id);
    if (conf === null || !carries(conf, token)) return;
    const done = await pct.attempt('destroy', id, ['--purge', '1'], { deadline: 300_000 });
    // Whoever has done it: a command that was killed may have left the same at work.
    if ((await confs.read(id)) === null) return;
    if (done.code !== 0) throw told('destroy', id, done);
    throw new OpError('host', `container ${id} is still there after pct destroy`);
  }

  async function one(name: string): Promise<void> {
    const [record, aside, made] = await Promise.all([records.get(name), kept(name), unfinished(name)]);
    if (made !== null && record === null) await destroy(name, made.id, made.token);
    if (aside !== null && record === null) await destroy(name, aside.definition.id, aside.token);
    if (made !== null || aside !== null) await records.remove(name, ['making.json', 'aside.json', 'mounted']);
    const here = record === null ? null : await confs.read(record.definition.id);
    // On another node it is still somebody's.
    if (record !== null && (here !== null || (await confs.elsewhere(record.definition.id)))) return;
    await records.remove(name, [...ofContainer, 'mounted']);
  }

  async function clearId(id: number): Promise<void> {
    for (const name of await records.names()) {
      const [aside, made] = await Promise.all([kept(name), unfinished(name)]);
      if (aside?.definition.id === id || made?.id === id) await one(name);
    }
  }

  async function all(): Promise<void> {
    for (const name of await records.names()) await one(name);
    const entries = await Promise.all((await records.names()).map((name) => records.get(name)));
    const ids = new Set(entries.flatMap((entry) => entry?.definition.id ?? []));
    for (const id of await vmids.all()) if (!ids.has(id)) await vmids.remove(id);
    if (ids.size > 0) return;
    await removeDropIn(dropIn);
    await removeHook(home);
  }

  return { one, clearId, all };
}
