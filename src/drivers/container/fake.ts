// Containers in memory, with the semantics of the real ones: files, packet filters, foreign ones in the way.

import { OpError } from '../../error.ts';
import type { ExecOptions, ExecResult } from '../exec.ts';
import { type FakeNft, fakeNft } from '../nft/fake.ts';
import type { Leaving } from '../tc/contract.ts';
import { noticed, watchers } from '../watch.fake.ts';
import { device, rootFiles } from './config.ts';
import type { Container, Containers, Definition, FileOptions, Stranger, Traffic } from './contract.ts';
import { treePath } from './template.ts';

type FakeFile =
  | { readonly kind: 'file'; readonly content: string; readonly options: FileOptions }
  | { readonly kind: 'link'; readonly target: string };

type FakeContainer = {
  readonly definition: Definition;
  readonly running: boolean;
  /** Path → file or link; folders are there when something is in them. */
  readonly files: Map<string, FakeFile>;
};

/** Answers `exec`; without it every program ends with status 0 and says nothing. */
export type Script = (name: string, argv: readonly string[], options: ExecOptions) => ExecResult | Promise<ExecResult>;

export type FakeContainers = Containers & {
  readonly containers: Map<string, FakeContainer>;
  /** Names of containers that are not ours. */
  readonly foreign: Set<string>;
  /** What somebody else has made and can be adopted, by name; it stays when it is given back. */
  readonly others: Map<string, Stranger>;
  /** Names of running containers whose switch port was made anew behind their backs, until they start again. */
  readonly detached: Set<string>;
  /** Network devices that went behind the driver's back, as `CONTAINER/DEVICE`. */
  readonly lost: Set<string>;
  /** Names of containers that an interrupted command left half made. */
  readonly leftover: Set<string>;
  /** What was destroyed, until somebody tidies up. */
  readonly aside: ReadonlyMap<string, unknown>;
  /** What went through a device, as `CONTAINER/DEVICE`; nothing unless told. */
  readonly counters: Map<string, Traffic>;
  /** How packets leave a device otherwise than unless told, as `CONTAINER/DEVICE`; tests lose it behind the driver's back. */
  readonly leavings: Map<string, Leaving>;
  /** All that was run inside, in order. */
  readonly ran: { readonly name: string; readonly argv: readonly string[] }[];
  /** What the namespaces of running containers hold; tests flush tables behind the driver's back with it. */
  readonly live: Map<string, FakeNft>;
  /** What to do before a container starts; throwing makes the start fail. */
  onStart: (name: string) => void | Promise<void>;
};

/**
 * `active` holds the units that run, as `CONTAINER/UNIT`; a script that plays systemctl may change it. One of wg-quick has
 * its device.
 */
export function fakeContainers(
  script: Script = () => ({ code: 0, stdout: '', stderr: '' }),
  active: Set<string> = new Set(),
): FakeContainers {
  const { watch, tell, end } = watchers();
  noticed(active, tell);
  const containers = noticed(new Map<string, FakeContainer>(), tell);
  const foreign = new Set<string>();
  const others = new Map<string, Stranger>();
  const detached = noticed(new Set<string>(), tell);
  const lost = noticed(new Set<string>(), tell);
  const leavings = noticed(new Map<string, Leaving>(), tell);
  const leftover = new Set<string>();
  const ran: { readonly name: string; readonly argv: readonly string[] }[] = [];
  const kept = new Map<string, FakeNft>();
  const live = new Map<string, FakeNft>();
  const prepared = new Set<string>();
  const aside = new Map<string, FakeContainer>();

  function need(name: string): FakeContainer {
    const found = containers.get(name);
    if (found !== undefined) return found;
    if (foreign.has(name) || others.has(name))
      throw new OpError('foreign', `container ${name} exists and is not op-dbus's`);
    throw new OpError('host', `container ${name}: there is none`);
  }

  function set(name: string, definition: Definition, { running, files }: Omit<FakeContainer, 'definition'>): void {
    const own = definition.made === 'adopted' ? {} : rootFiles(name, definition);
    for (const [path, content] of Object.entries(own))
      files.set(path, { kind: 'file', content, options: { mode: 0o644, uid: 0, gid: 0 } });
    containers.set(name, { definition, running, files });
  }

  async function configure(name: string, definition: Definition): Promise<void> {
    const found = need(name);
    if (found.definition.template !== definition.template)
      throw new OpError('host', `container ${name}: it was made from the template ${found.definition.template}`);
    set(name, definition, found);
  }

  async function stop(name: string): Promise<void> {
    containers.set(name, { ...need(name), running: false });
    live.get(name)?.end(new OpError('host', `container ${name} is not running`));
    live.delete(name);
    for (const key of leavings.keys()) if (key.startsWith(`${name}/`)) leavings.delete(key);
    detached.delete(name);
  }

  const self: FakeContainers = {
    containers,
    backend: 'lxc',
    foreign,
    others,
    detached,
    lost,
    leftover,
    aside,
    counters: new Map(),
    leavings,
    ran,
    live,
    onStart: () => {},
    prepare: async (template, progress) => {
      treePath('/', template, 0);
      if (!prepared.has(template)) progress(`template ${template}: building`);
      prepared.add(template);
    },
    prepared: async (template) => {
      treePath('/', template, 0);
      return prepared.has(template);
    },
    list: async () =>
      [...containers]
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, { running, definition }]): Container => {
          return { name, running, attached: !detached.has(name), definition };
        }),
    isForeign: async (name, id) => foreign.has(name) || stranger(name, id),
    strangers: async () => [...others.values()].toSorted((a, b) => a.id - b.id),
    create: async (name, definition) => {
      if (containers.has(name)) return configure(name, definition);
      if (definition.made === 'adopted') return adopt(name, definition);
      if (foreign.has(name) || stranger(name, definition.id)) need(name);
      if (!prepared.has(definition.template))
        throw new OpError('internal', `container ${name}: the template ${definition.template} is not prepared`);
      const old = aside.get(name);
      const back = old?.definition.template === definition.template ? old.files : new Map<string, FakeFile>();
      aside.delete(name);
      set(name, definition, { running: false, files: back });
    },
    configure,
    destroy: async (name) => {
      if (foreign.has(name)) need(name);
      const found = containers.get(name);
      if (found?.definition.made === 'adopted') return void containers.delete(name);
      if (found?.running) throw new OpError('host', `container ${name} is running`);
      if (found !== undefined) aside.set(name, found);
      containers.delete(name);
    },
    start: async (name) => {
      const found = need(name);
      if (found.running) return;
      await self.onStart(name);
      const nft = fakeNft();
      for (const [table, text] of kept.get(name)?.tables ?? []) await nft.replace(table, text);
      live.set(name, nft);
      containers.set(name, { ...found, running: true });
    },
    stop,
    reattach: async (name) => {
      if (!need(name).running) throw new OpError('host', `container ${name}: attach: it isn't running`);
      detached.delete(name);
    },
    attach: async (name, argv) => ['attach', name, ...argv],
    exec: async (name, argv, options = {}) => {
      if (!need(name).running) throw new OpError('host', `container ${name} is not running`);
      ran.push({ name, argv });
      // A device that is made anew leaves as devices do.
      if (['restart', 'stop'].includes(argv[1] ?? '')) leavings.delete(`${name}/${argv[2]?.replace('wg-quick@', '')}`);
      return script(name, argv, options);
    },
    activeUnits: async (name, units) =>
      new Set(need(name).running ? units.filter((unit) => active.has(`${name}/${unit}`)) : []),
    devices: async (name) => {
      const { running, definition } = need(name);
      const made = [...active].flatMap((unit) => unit.split(`${name}/wg-quick@`)[1] ?? []);
      const all = ['lo', device(definition).inner, ...made];
      return new Set(running ? all.filter((one) => !lost.has(`${name}/${one}`)) : []);
    },
    traffic: async (name) =>
      new Map(
        [...(await self.devices(name))].map((one) => [
          one,
          self.counters.get(`${name}/${one}`) ?? { received: 0, sent: 0 },
        ]),
      ),
    read: async (name, path) => {
      const { files } = need(name);
      if (!walk(name, files, path, false)) return null;
      const found = files.get(path);
      if (found === undefined && isFolder(files, path))
        throw new OpError('host', `${name}:${path} is not a regular file`);
      return found?.kind === 'file' ? found.content : null;
    },
    write: async (name, path, content, options) => put(name, path, { kind: 'file', content, options }),
    link: async (name, path, target) => put(name, path, { kind: 'link', target }),
    remove: async (name, path) => {
      const { files } = need(name);
      if (!walk(name, files, path, false)) return;
      if (isFolder(files, path)) throw new OpError('host', `${name}:${path} is a folder`);
      files.delete(path);
    },
    filter: (name) => {
      const now = (): FakeNft => live.get(name) ?? kept.get(name) ?? fakeNft();
      return {
        table: (table) => now().table(table),
        watch: async (changed) => {
          const found = live.get(name);
          if (found === undefined) throw new OpError('host', `container ${name} is not running`);
          return found.watch(changed);
        },
        replace: async (table, text) => {
          await live.get(name)?.replace(table, text);
          const store = kept.get(name) ?? fakeNft();
          await store.replace(table, text);
          kept.set(name, store);
        },
        remove: async (table) => {
          await live.get(name)?.remove(table);
          await kept.get(name)?.remove(table);
          if (kept.get(name)?.tables.size === 0) kept.delete(name);
        },
      };
    },
    tc: (name) => {
      const there = async (device: string): Promise<boolean> => (await self.devices(name)).has(device);
      return {
        leaving: async (device) => ((await there(device)) ? (leavings.get(`${name}/${device}`) ?? plain) : null),
        leave: async (device, leaving) => {
          if (!(await there(device))) throw new OpError('host', `Cannot find device "${device}"`);
          leavings.set(`${name}/${device}`, leaving);
        },
        watch: async (changed) => {
          if (!need(name).running) throw new OpError('host', `container ${name} is not running`);
          return watch(changed);
        },
      };
    },
    filters: async () => [...kept.keys()].toSorted(),
    tidy: async () => {
      leftover.clear();
      aside.clear();
    },
    watch: (_, changed) => watch(changed),
    close: async () => end(new OpError('host', 'the containers were closed')),
  };
  return self;

  function stranger(name: string, id: number): boolean {
    return [...others.values()].some(
      (other) => !containers.has(other.name) && (other.name === name || other.id === id),
    );
  }

  function adopt(name: string, definition: Definition): void {
    const other = others.get(name);
    if (other?.id !== definition.id)
      throw new OpError('foreign', `container ${definition.id} is not ${name}`, { at: `container ${name}` });
    set(name, definition, { running: other.running, files: new Map() });
  }

  function put(name: string, path: string, file: FakeFile): void {
    const { files } = need(name);
    walk(name, files, path, true);
    if (isFolder(files, path)) throw new OpError('host', `${name}:${path} is a folder`);
    files.set(path, file);
  }
}

const plain: Leaving = { sizes: [], single: false };

/** Whether the folder that holds `path` may be entered. */
function walk(name: string, files: ReadonlyMap<string, FakeFile>, path: string, make: boolean): boolean {
  if (!path.startsWith('/') || path.endsWith('/') || path.split('/').includes('..'))
    throw new OpError('internal', `${name}:${path}: expected an absolute path without ..`);
  const parts = path.split('/').slice(1, -1);
  for (const [index, part] of parts.entries()) {
    const found = files.get(`/${parts.slice(0, index + 1).join('/')}`);
    if (found?.kind === 'link')
      throw new OpError('foreign', `${name}:${path} passes through the symbolic link ${part}`);
    if (found !== undefined && make)
      throw new OpError('foreign', `${name}:${path} passes through ${part}, which is no folder`);
    if (found !== undefined) return false;
  }
  return true;
}

function isFolder(files: ReadonlyMap<string, FakeFile>, path: string): boolean {
  return [...files.keys()].some((other) => other.startsWith(`${path}/`));
}
