// The root of a stopped container: mounted by `pct mount`, which locks it, for as long as it is looked at (pct(1)).

import { readFile } from 'node:fs/promises';
import { OpError } from '../../../error.ts';
import { queue } from '../place.ts';
import { locked, type Pct, told } from './command.ts';

export type Mounts = {
  /** Runs `action` with the folder of the root. Several may do so at the same time. */
  readonly hold: <T>(name: string, id: number, action: (folder: string) => Promise<T>) => Promise<T>;
  /** Gives the container free, as every other command of Proxmox's wants it. */
  readonly release: (name: string, id: number) => Promise<void>;
  readonly releaseAll: () => Promise<void>;
};

type Given = {
  readonly pct: Pct;
  /** /var/lib/lxc. */
  readonly lxc: string;
  readonly lockOf: (id: number) => Promise<string | null>;
  /** What is noted on disk as long as we have it mounted, so that the mount of a command that was killed is known as ours. */
  readonly note: {
    readonly set: (name: string) => Promise<void>;
    readonly has: (name: string) => Promise<boolean>;
    readonly clear: (name: string) => Promise<void>;
  };
  /** Milliseconds that it stays mounted for whoever comes next. */
  readonly linger: number;
};

type Root = {
  readonly turn: ReturnType<typeof queue>;
  /** Whether it is mounted, and is for us to unmount. */
  up: 'no' | 'ours' | 'theirs';
  users: number;
  timer: NodeJS.Timeout | null;
};

export function mounts({ pct, lxc, lockOf, note, linger }: Given): Mounts {
  const roots = new Map<number, Root>();

  function rootOf(id: number): Root {
    const root = roots.get(id) ?? { turn: queue(), up: 'no', users: 0, timer: null };
    roots.set(id, root);
    return root;
  }

  async function mount(name: string, id: number): Promise<Root['up']> {
    const ours = await note.has(name);
    if ((await lockOf(id)) === 'mounted') {
      if (await isMounted(id)) return ours ? 'ours' : 'theirs';
      // The machine was started anew meanwhile, and the lock has stayed.
      if (!ours) throw locked(id, 'mounted');
      await unmount(name, id);
    }
    await note.set(name);
    await pct.run('mount', id);
    // What is written there otherwise would be on the machine's own disk.
    if (!(await isMounted(id))) throw new OpError('host', `pct mount ${id} has mounted nothing on ${lxc}/${id}/rootfs`);
    return 'ours';
  }

  async function isMounted(id: number): Promise<boolean> {
    const mounts = await readFile('/proc/self/mountinfo', 'utf8');
    return mounts.split('\n').some((line) => line.split(' ')[4] === `${lxc}/${id}/rootfs`);
  }

  async function unmount(name: string, id: number): Promise<void> {
    if ((await lockOf(id)) === 'mounted') {
      const result = await pct.attempt('unmount', id, [], { but: 'mounted' });
      if (result.code !== 0) throw told('unmount', id, result);
    }
    await note.clear(name);
  }

  async function release(name: string, id: number): Promise<void> {
    const root = rootOf(id);
    if (root.timer !== null) clearTimeout(root.timer);
    await root.turn(async () => {
      if (root.users > 0) return;
      // A command that was killed may have left it mounted.
      if (root.up === 'ours' || (root.up === 'no' && (await note.has(name)))) await unmount(name, id);
      root.up = 'no';
      names.delete(id);
    });
  }

  const names = new Map<number, string>();
  return {
    release,
    releaseAll: async () => {
      for (const [id, name] of names) await release(name, id);
    },
    hold: async (name, id, action) => {
      const root = rootOf(id);
      names.set(id, name);
      root.users += 1;
      try {
        await root.turn(async () => {
          if (root.up === 'no') root.up = await mount(name, id);
        });
        return await action(`${lxc}/${id}/rootfs`);
      } finally {
        root.users -= 1;
        if (root.timer !== null) clearTimeout(root.timer);
        // Who needs it free says so; this is for those who come after us.
        root.timer = setTimeout(() => void release(name, id).catch(() => {}), linger).unref();
      }
    },
  };
}
