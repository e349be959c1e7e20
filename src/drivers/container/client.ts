// Containers by plain LXC: unprivileged, made from a cached template, their network set up by our hook (lxc(7)).

import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { doing, OpError } from '../../error.ts';
import { type Exec, exec as realExec, run } from '../exec.ts';
import { confines } from './apparmor.ts';
import { hookEnvironment, lxcConfig, rootFiles } from './config.ts';
import type { Containers, Definition } from './contract.ts';
import { layout, makeRoot, rootPath } from './copy.ts';
import { discard } from './discard.ts';
import { ownMaker } from './maker.ts';
import { ours } from './ours.ts';
import { installHook, queue, replace, writeRoot } from './place.ts';
import { lxcSwitch } from './power.ts';
import { optional, records as openRecords } from './record.ts';
import { base as idBase, reserve, reserved } from './subid.ts';
import { build, treePath } from './template.ts';
import {
  ASIDE,
  allAside,
  anyAside,
  aside,
  hidden,
  type LxcEntry,
  ofContainer,
  putAside,
  removePeers,
  removeShared,
  sweep,
} from './tidy.ts';
import type { Root } from './tree.ts';

export type LxcOptions = {
  readonly exec?: Exec;
  /** Templates: /var/cache/op-dbus/template. */
  readonly cache?: string;
  /** Containers, as `lxc-ls` finds them: /var/lib/lxc. */
  readonly lxc?: string;
  /** Our records and the hook: /var/lib/op-dbus. The hook reads the host's filter in `filter/host.nft`. */
  readonly records?: string;
  /** The folder of subuid and subgid: /etc. */
  readonly etc?: string;
  /** The sockets of the network namespace in which containers are started: /proc/net/unix. */
  readonly sockets?: string;
  /** Milliseconds that a container may take to boot: 60,000. */
  readonly patience?: number;
  /** Milliseconds between two looks of a watch: 2,000. */
  readonly pulse?: number;
};

export function lxcContainers(options: LxcOptions = {}): Containers {
  const exec = options.exec ?? realExec;
  const cache = options.cache ?? '/var/cache/op-dbus/template';
  const lxc = options.lxc ?? '/var/lib/lxc';
  const home = options.records ?? '/var/lib/op-dbus';
  const etc = options.etc ?? '/etc';
  const sockets = options.sockets ?? '/proc/net/unix';
  const patience = options.patience ?? 60_000;
  const pulse = options.pulse ?? 2000;
  const records = openRecords<LxcEntry>(`${home}/container`);
  const hook = `${home}/hook`;
  const serially = queue();
  const making = new Set<string>();

  const folderOf = (name: string): string => `${lxc}/${records.path(name).split('/').at(-1)}`;
  const exists = async (name: string): Promise<boolean> => (await optional(stat(folderOf(name)))) !== null;
  const { shared, need, running, within } = ours<LxcEntry>({
    ...{ exec, home, lxc, records, sockets, patience, pulse },
    by: lxcSwitch(exec, lxc, records),
    inner: (name) => name,
    there: exists,
    taken: exists,
    foreign,
    base: ({ base }) => base,
    stopped: (name, record, action) => action(stoppedRoot(name, record, folderOf(name))),
  });

  function foreign(name: string): OpError {
    return new OpError('foreign', `container ${name} exists and is not op-dbus's`, {
      at: `container ${name}`,
      hint: `Remove it (lxc-destroy -n ${name}) or give the container another name.`,
    });
  }

  /** Everything but the root itself: hook, tun device node, configuration, records. `folder` is where the container is now. */
  async function settle(name: string, record: LxcEntry, folder: string): Promise<void> {
    const { definition, layout: how, lower, base } = record;
    await serially(() => installHook(home));
    const apparmor = await confines(exec);
    const rootfs = rootPath(how, lower, folderOf(name)).lxc;
    const tun = `${folder}/tun`;
    if ((await optional(stat(tun))) === null) await run(exec, ['mknod', '-m', '0666', tun, 'c', '10', '200']);
    await replace(
      `${folder}/config`,
      lxcConfig(name, definition, { rootfs, hook, tun: `${folderOf(name)}/tun` }, { base, apparmor }),
      0o644,
    );
    await records.put(name, 'hook.env', hookEnvironment(definition));
    await records.put(name, 'definition.json', `${JSON.stringify(record, null, 2)}\n`);
  }

  async function create(name: string, definition: Definition): Promise<void> {
    const [record, there] = await Promise.all([records.get(name), exists(name)]);
    if (there && record === null) throw foreign(name);
    if (there) return configure(name, definition);
    const old = await putAside(lxc, name);
    if (old?.definition.template === definition.template) return restore(name, { ...old, definition });
    const fresh = hidden(lxc, name);
    making.add(name);
    try {
      await assemble(name, definition, fresh);
      // The container is there from this moment on, whole.
      await rename(fresh, folderOf(name));
    } catch (error) {
      await discard(exec, fresh);
      await records.remove(name, ofContainer);
      throw error;
    } finally {
      making.delete(name);
      await serially(release);
    }
  }

  /** Takes back what `destroy` has put aside. */
  async function restore(name: string, record: LxcEntry): Promise<void> {
    const folder = aside(lxc, name);
    const root = stoppedRoot(name, record, folder);
    await writeRoot(root, rootFiles(name, record.definition));
    await settle(name, record, folder);
    await rename(folder, folderOf(name));
    await rm(`${folderOf(name)}/${ASIDE}`, { force: true });
  }

  async function assemble(name: string, definition: Definition, folder: string): Promise<void> {
    const base = await serially(async () => {
      await installHook(home);
      const start = await idBase(etc);
      if (!(await reserved(etc, start))) {
        // Noted first: whatever interrupts us, it is given back.
        await replace(`${home}/subid`, `${start}\n`, 0o600);
        await reserve(etc, start);
      }
      return start;
    });
    const lower = treePath(cache, definition.template, base);
    if ((await optional(stat(lower))) === null)
      throw new OpError('internal', `container ${name}: the template ${definition.template} is not prepared`);
    await Promise.all([lower, lxc].map(passable));
    const how = await layout(exec, lower, lxc);
    await discard(exec, folder);
    await mkdir(folder, { mode: 0o711 });
    await makeRoot(exec, how, { tree: lower, folder, base });
    const id = { '/etc/machine-id': `${randomBytes(16).toString('hex')}\n` };
    const root = stoppedRoot(name, { layout: how, lower, base }, folder);
    await writeRoot(root, { ...rootFiles(name, definition), ...id });
    await settle(name, { version: 1, definition, layout: how, base, lower }, folder);
  }

  async function configure(name: string, definition: Definition): Promise<void> {
    const record = await need(name);
    if (record.definition.template !== definition.template)
      throw new OpError('host', `container ${name}: it was made from the template ${record.definition.template}`, {
        hint: `Remove it first; another template makes another container.`,
      });
    await within(name, (root) => writeRoot(root, rootFiles(name, definition)));
    await settle(name, { ...record, definition }, folderOf(name));
  }

  async function destroy(name: string): Promise<void> {
    const [record, there] = await Promise.all([records.get(name), exists(name)]);
    if (there && record === null) throw foreign(name);
    if (await running(name)) throw new OpError('host', `container ${name} is running`);
    if (there && record !== null) {
      await discard(exec, aside(lxc, name));
      await replace(`${folderOf(name)}/${ASIDE}`, JSON.stringify(record), 0o600);
      // From here on it is not there, and can be had back until somebody tidies up.
      await rename(folderOf(name), aside(lxc, name));
    }
    await discard(exec, `/run/lxc/lock${lxc}/.${name}`);
    await records.remove(name, ofContainer);
    await removePeers(exec, records);
  }

  /** With the last container goes what all of them share. */
  async function release(): Promise<void> {
    const all = await Promise.all((await records.names()).map((name) => records.get(name)));
    const none = making.size === 0 && all.every((record) => record === null);
    if (none && !(await anyAside(lxc))) await removeShared(home, etc);
  }

  async function tidy(): Promise<void> {
    if (making.size > 0) return;
    await sweep(exec, lxc, records);
    await removePeers(exec, records);
    await release();
  }

  return {
    ...shared,
    backend: 'lxc',
    strangers: async () => [],
    prepare: async (template, progress) => {
      const base = await idBase(etc);
      const there = await Promise.all((await records.names()).map((name) => records.get(name)));
      const used = [...there, ...(await allAside(lxc))].flatMap((entry) => entry?.lower ?? []);
      const tree = await build(exec, { cache, template, base, used }, progress);
      if ((await layout(exec, tree, lxc)) === 'copy')
        progress(`template ${template}: ${lxc} can't copy on write, so each container is a full copy`);
    },
    prepared: async (template) => (await optional(stat(treePath(cache, template, await idBase(etc))))) !== null,
    isForeign: async (name) => (await exists(name)) && (await records.get(name)) === null,
    create: (name, definition) => doing(`making container ${name}`, () => create(name, definition)),
    configure,
    destroy,
    tidy: () => serially(tidy),
  };
}

/** The root is mounted by the container's own root, which is nobody on the machine. */
async function passable(path: string): Promise<void> {
  for (let at = path; at !== '/'; at = dirname(at))
    if (((await stat(at)).mode & 1) === 0)
      throw new OpError('host', `${at}: an unprivileged container can't pass through it`, { hint: `chmod o+x ${at}` });
}

function stoppedRoot(
  name: string,
  { layout: how, lower, base }: Omit<LxcEntry, 'version' | 'definition'>,
  folder: string,
): Root {
  const { upper } = rootPath(how, lower, folder);
  return { name, upper, lower: how === 'overlay' ? lower : null, identity: null, base, make: ownMaker(base) };
}
