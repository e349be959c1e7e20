// Containers by Proxmox's pct(1): made from its templates on its storage, kept as it has them; their networking is ours.

import { randomBytes } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { doing, OpError } from '../../../error.ts';
import { exec as realExec, type Exec } from '../../exec.ts';
import { hookEnvironment, rootFiles } from '../config.ts';
import type { Container, Containers, Definition } from '../contract.ts';
import { flock } from '../flock.ts';
import { ownMaker } from '../maker.ts';
import { ours } from '../ours.ts';
import { installHook, queue, writeRoot } from '../place.ts';
import { records as openRecords } from '../record.ts';
import { listening } from '../live.ts';
import { ofContainer } from '../tidy.ts';
import { hasRecipe } from '../template.ts';
import type { Root } from '../tree.ts';
import { adoption } from './adopt.ts';
import { locked, pctCommand } from './command.ts';
import { bindLines, rootId, wantedNets, withRaw } from './config.ts';
import { carries, confs as openConfs, installDropIn, isUnborn, type Making, numbers, type PctEntry } from './entry.ts';
import { setLinks } from './link.ts';
import { mounts } from './mount.ts';
import { pctSwitch } from './power.ts';
import { settled } from './task.ts';
import { fetchTemplate, offered, storages, storedTemplate } from './template.ts';
import { tidier } from './tidy.ts';

export type PctOptions = {
  readonly exec?: Exec;
  /** Proxmox's cluster file system: /etc/pve. */
  readonly pve?: string;
  /** Where LXC has its containers, by number: /var/lib/lxc. */
  readonly lxc?: string;
  /** Our records and the hook: /var/lib/op-dbus. */
  readonly records?: string;
  /** /usr/share/lxc/config/common.conf.d/60-op-dbus.conf. */
  readonly dropIn?: string;
  /** The folder of Proxmox's locks: /run/lock/lxc. */
  readonly locks?: string;
  /** See LxcOptions. */
  readonly sockets?: string;
  readonly patience?: number;
  readonly pulse?: number;
  /** Milliseconds that a task of Proxmox's is waited for: 60,000. */
  readonly lockPatience?: number;
};

export function pctContainers(options: PctOptions = {}): Containers {
  const exec = options.exec ?? realExec;
  const lxc = options.lxc ?? '/var/lib/lxc';
  const home = options.records ?? '/var/lib/op-dbus';
  const dropIn = options.dropIn ?? '/usr/share/lxc/config/common.conf.d/60-op-dbus.conf';
  const locks = options.locks ?? '/run/lock/lxc';
  const sockets = options.sockets ?? '/proc/net/unix';
  const confs = openConfs(options.pve ?? '/etc/pve');
  const records = openRecords<PctEntry>(`${home}/container`);
  const vmids = numbers(home);
  const lockPatience = options.lockPatience ?? 60_000;
  const pct = pctCommand(exec, confs.lockOf, lockPatience);
  const serially = queue();
  const making = new Set<string>();

  const roots = mounts({
    ...{ pct, lxc, lockOf: confs.lockOf, linger: 300 },
    note: {
      set: (name) => records.put(name, 'mounted', ''),
      has: async (name) => (await records.text(name, 'mounted')) !== null,
      clear: (name) => records.remove(name, ['mounted']),
    },
  });

  async function there(name: string, { definition }: PctEntry): Promise<boolean> {
    return (await confs.read(definition.id))?.keys['hostname'] === name;
  }

  /** Containers of this node without a record of ours. */
  async function others(): Promise<readonly { readonly id: number; readonly name: string }[]> {
    const [all, names] = await Promise.all([confs.all(), records.names()]);
    const own = new Map<number, { readonly name: string; readonly token: string | null }>();
    for (const name of names) {
      const [record, aside, made] = await Promise.all([records.get(name), kept(name, 'aside.json'), unfinished(name)]);
      for (const one of [record, aside])
        if (one !== null) own.set(one.definition.id, { name, token: one === aside ? one.token : null });
      if (made !== null && !own.has(made.id)) own.set(made.id, { name, token: made.token });
    }
    return [...all].flatMap(([id, conf]) => {
      const mine = own.get(id);
      const name = conf.keys['hostname'] ?? `CT${id}`;
      if (
        mine !== undefined &&
        (mine.token === null ? mine.name === name : carries(conf, mine.token) || isUnborn(conf))
      )
        return [];
      return [{ id, name }];
    });
  }

  const kept = async (name: string, file: 'aside.json'): Promise<PctEntry | null> =>
    parsed<PctEntry>(await records.text(name, file));
  const unfinished = async (name: string): Promise<Making | null> =>
    parsed<Making>(await records.text(name, 'making.json'));

  function foreign(name: string, id?: number): OpError {
    const which = id === undefined ? `container ${name}` : `container ${id} ${name}`;
    return new OpError('foreign', `${which} exists and is not op-dbus's`, {
      at: `container ${name}`,
      hint: 'Give the container another name and id in the file. To take over the networking of one that is there, give both as Proxmox has them.',
    });
  }

  const { shared, need, running, within } = ours<PctEntry>({
    ...{ exec, home, lxc, records, sockets },
    patience: options.patience ?? 60_000,
    pulse: options.pulse ?? 2000,
    by: pctSwitch(pct, (name, id) => roots.release(name, id)),
    inner: (_, { id }) => String(id),
    there,
    taken: async (name) => (await others()).some((other) => other.name === name),
    foreign,
    base,
    stopped: async (name, entry, action) => {
      const { id } = entry.definition;
      return roots.hold(name, id, async (upper) => action(await rootAt(name, id, upper)));
    },
  });

  let left: Promise<void> | null = null;
  /** A command that was killed has left pct at work: what it starts, stops or sets is neither as before nor as after. Once is enough. */
  function leftovers(): Promise<void> {
    left ??= ourIds()
      .then((ids) => settled(ids, lockPatience))
      .catch((error: unknown) => {
        left = null;
        throw error;
      });
    return left;
  }

  async function ourIds(): Promise<readonly number[]> {
    const entries = await Promise.all((await records.names()).map((name) => records.get(name)));
    return entries.flatMap((entry) => entry?.definition.id ?? []);
  }

  async function base({ definition }: PctEntry): Promise<number> {
    const conf = await confs.read(definition.id);
    return conf === null ? 100_000 : rootId(conf);
  }

  async function rootAt(name: string, id: number, upper: string): Promise<Root> {
    const conf = await confs.read(id);
    const first = conf === null ? 100_000 : rootId(conf);
    return { name, upper, lower: null, identity: null, base: first, make: ownMaker(first) };
  }

  const { adopt, giveBack } = adoption({ exec, pct, confs, records, vmids, home, lxc, sockets, install });

  async function install(): Promise<void> {
    await serially(async () => {
      await installHook(home);
      await installDropIn(dropIn, `${home}/hook`);
    });
  }

  async function create(name: string, definition: Definition): Promise<void> {
    if (definition.made === 'adopted') return adopt(name, definition);
    const record = await records.get(name);
    if (record !== null && (await there(name, record))) return configure(name, definition);
    const other = (await others()).find((one) => one.name === name || one.id === definition.id);
    if (other !== undefined) throw foreign(name === other.name ? name : other.name, other.id);
    making.add(name);
    try {
      if (!(await restored(name, definition))) await make(name, definition);
    } finally {
      making.delete(name);
    }
  }

  /** Takes back what `destroy` has put aside; what can't be taken back, and has the id, goes. */
  async function restored(name: string, definition: Definition): Promise<boolean> {
    const old = await kept(name, 'aside.json');
    const same = old?.definition.template === definition.template && old.definition.id === definition.id;
    if (old === null || !same || (await confs.read(definition.id)) === null) {
      await tidyUp.clearId(definition.id);
      await tidyUp.one(name);
      return false;
    }
    await settle(name, { ...old, definition }, old.definition);
    await records.remove(name, ['aside.json']);
    return true;
  }

  async function make(name: string, definition: Definition): Promise<void> {
    const { id, template } = definition;
    const volume = await storedTemplate(exec, template);
    if (volume === null) throw new OpError('internal', `container ${name}: the template ${template} is not prepared`);
    const [storage] = await storages(exec, 'rootdir');
    if (storage === undefined)
      throw new OpError('host', `container ${name}: no storage takes the roots of containers`, {
        hint: 'pvesm status shows them; pvesm set NAME --content rootdir,images',
      });
    const token = `op-dbus-${randomBytes(8).toString('hex')}`;
    await records.put(name, 'making.json', JSON.stringify({ id, token } satisfies Making));
    try {
      const notes = `Made by op-dbus, which removes it by this mark: ${token}`;
      const more = ['--hostname', name, '--unprivileged', '1', '--features', 'nesting=1', '--storage', storage.name];
      const size = ['--memory', '512', '--swap', '0', '--dev0', '/dev/net/tun,mode=0666'];
      const marks = ['--tags', 'op-dbus', '--description', notes];
      await pct.run('create', id, [volume, ...more, ...size, ...marks], 600_000);
      await settle(name, { version: 1, definition, token, before: {} }, null);
      await records.remove(name, ['making.json']);
    } catch (error) {
      await tidyUp.one(name).catch(() => {});
      throw error;
    }
  }

  /** Everything but the root itself: configuration, files of the root, hook, records. `old` is what it was before. */
  async function settle(name: string, record: PctEntry, old: Definition | null): Promise<void> {
    const { definition } = record;
    const { id } = definition;
    await install();
    await roots.release(name, id);
    const start = { onboot: definition.autostart ? '1' : '0', startup: `order=${definition.order}` };
    const keys = (await confs.read(id))?.keys ?? {};
    const differing = Object.entries(start).filter(([key, value]) => (keys[key] ?? '0') !== value);
    if (differing.length > 0)
      await pct.run(
        'set',
        id,
        differing.flatMap(([key, value]) => [`--${key}`, value]),
      );
    await setLinks(pct, confs, id, wantedNets(definition));
    await setRaw(id, old === null ? [] : bindLines(old), bindLines(definition));
    await vmids.put(id, name);
    await records.put(name, 'hook.env', hookEnvironment(definition, true));
    const files = (root: Root): Promise<void> => writeRoot(root, { ...unmanaged, ...rootFiles(name, definition) });
    // Not by `within`: it isn't listed yet.
    if (await running(name)) await within(name, files);
    else await roots.hold(name, id, async (upper) => files(await rootAt(name, id, upper)));
    await roots.release(name, id);
    await records.put(name, 'definition.json', `${JSON.stringify(record, null, 2)}\n`);
  }

  /** LXC's own keys can't be set by pct: the file is replaced, as Proxmox would do it. */
  async function setRaw(id: number, old: readonly string[], fresh: readonly string[]): Promise<void> {
    if (old.join('\n') === fresh.join('\n')) return;
    await pct.unlocked(id);
    const unlock = await flock(`${locks}/pve-config-${id}.lock`, () => {}, 10);
    try {
      const before = (await confs.text(id)) ?? '';
      const lock = await confs.lockOf(id);
      if (lock !== null) throw locked(id, lock);
      await writeFile(`${confs.path(id)}.tmp.op-dbus`, withRaw(before, old, fresh), { mode: 0o640 });
      await rename(`${confs.path(id)}.tmp.op-dbus`, confs.path(id));
    } finally {
      unlock();
    }
  }

  /** What is told at boot is Proxmox's to say: a command that was killed may have set it and written nothing down. */
  async function asProxmoxHasIt(container: Container): Promise<Container> {
    const { definition } = container;
    const keys = definition.made === 'adopted' ? null : (await confs.read(definition.id))?.keys;
    if (keys === null || keys === undefined) return container;
    const order = Number(/(?:^|,)order=(\d+)/.exec(keys['startup'] ?? '')?.[1] ?? definition.order);
    return { ...container, definition: { ...definition, autostart: keys['onboot'] === '1', order } };
  }

  async function configure(name: string, definition: Definition): Promise<void> {
    const record = await need(name);
    if (record.token === null) return adopt(name, definition);
    const { id, template } = record.definition;
    if (id !== definition.id)
      throw new OpError('host', `container ${name} is ${id} in Proxmox, and keeps that number`, {
        hint: `Leave "id": ${id}, or give the new container another name.`,
      });
    if (template !== definition.template)
      throw new OpError('host', `container ${name}: it was made from the template ${template}`, {
        hint: `Remove it first; another template makes another container.`,
      });
    await settle(name, { ...record, definition }, record.definition);
  }

  async function destroy(name: string): Promise<void> {
    const record = await records.get(name);
    const present = record !== null && (await there(name, record));
    if (record === null && (await others()).some((other) => other.name === name)) throw foreign(name);
    if (record?.token === null) return present ? giveBack(name, record) : records.remove(name, ofContainer);
    if (await running(name)) throw new OpError('host', `container ${name} is running`);
    if (record !== null && present) {
      const { id } = record.definition;
      await roots.release(name, id);
      await pct.run('set', id, ['--onboot', '0']);
      // From here on it is not there, and can be had back until somebody tidies up.
      await records.put(name, 'aside.json', JSON.stringify(record));
    }
    if (record !== null) await vmids.remove(record.definition.id);
    await records.remove(name, ofContainer);
  }

  const tidyUp = tidier({
    pct,
    confs,
    records,
    vmids,
    roots,
    home,
    dropIn,
    kept: (n) => kept(n, 'aside.json'),
    unfinished,
  });

  return {
    ...shared,
    backend: 'pct',
    list: async () => {
      await leftovers();
      return Promise.all((await shared.list()).map(asProxmoxHasIt));
    },
    prepare: (template, progress) => fetchTemplate(exec, template, progress),
    prepared: async (template) => {
      if ((await storedTemplate(exec, template)) !== null) return true;
      if (!hasRecipe(template)) await offered(exec, template);
      return false;
    },
    strangers: async () => {
      const adopted = (await Promise.all((await records.names()).map((name) => records.get(name)))).flatMap((record) =>
        record?.token === null ? record.definition.id : [],
      );
      const all = await confs.all();
      const free = new Set((await others()).map(({ id }) => id));
      const found = [...all].filter(
        ([id, { keys }]) => (free.has(id) || adopted.includes(id)) && keys['template'] !== '1',
      );
      return Promise.all(
        found.map(async ([id, { keys }]) => ({
          id,
          name: keys['hostname'] ?? `CT${id}`,
          running: await listening(sockets, `@${lxc}/${id}/command`),
        })),
      );
    },
    isForeign: async (name, id) => (await others()).some((other) => other.name === name || other.id === id),
    create: (name, definition) => doing(`making container ${name}`, () => create(name, definition)),
    configure,
    destroy,
    tidy: () => serially(async () => (making.size > 0 ? undefined : tidyUp.all())),
    close: async () => {
      await shared.close();
      // What stays mounted is noted, and the next command gives it free.
      await roots.releaseAll().catch(() => {});
    },
  };
}

/** Proxmox rewrites these at each start unless a file of this name is beside them (it would offer the host's resolver). */
const unmanaged = Object.fromEntries(
  ['hostname', 'hosts', 'resolv.conf'].map((file) => [`/etc/.pve-ignore.${file}`, '']),
);

function parsed<T>(text: string | null): T | null {
  return text === null ? null : (JSON.parse(text) as T);
}
