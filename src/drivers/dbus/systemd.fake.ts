// A systemd on a bus in memory, as much of org.freedesktop.systemd1(5) as units and their files need.

import {
  type Bus,
  type Exported,
  refusal,
  type ServedInterface,
  type ServedMethod,
  textOf,
  type Value,
} from './contract.ts';

type FakeUnit = {
  /** Whether its file has an [Install] section. */
  readonly installable: boolean;
  readonly path: string;
  enabled: boolean;
  masked: boolean;
  active: boolean;
};

export type FakeSystemd = {
  readonly units: Map<string, FakeUnit>;
  /** Calls that change something, as `StartUnit cron.service`. */
  readonly done: string[];
  /** The properties of the manager. */
  readonly settings: { level: string; watchdog: bigint; watch: boolean };
  /** What jobs of a unit end with; `done` unless told. */
  readonly results: Map<string, string>;
  /** Puts it on a bus. */
  readonly serve: (bus: Bus) => Promise<void>;
};

const name = 'org.freedesktop.systemd1';
const root = '/org/freedesktop/systemd1';

export function fakeSystemd(): FakeSystemd {
  const units = new Map<string, FakeUnit>([
    ['cron.service', unit({ enabled: true, active: true })],
    ['ssh.service', unit({})],
    ['old.service', unit({ masked: true, enabled: true })],
    ['static.service', unit({ installable: false })],
    ['local.service', unit({ path: '/etc/systemd/system/local.service' })],
  ]);
  const done: string[] = [];
  const results = new Map<string, string>();
  const settings = { level: 'info', watchdog: 0n, watch: true };
  let jobs = 0;

  const serve = async (bus: Bus): Promise<void> => {
    const exported = new Set<string>();
    const load = (id: string): string => {
      const path = `${root}/unit/${id.replaceAll(/[^A-Za-z0-9]/g, (one) => `_${one.charCodeAt(0).toString(16)}`)}`;
      if (!exported.has(path)) bus.export(path, [unitInterface(id, () => units.get(id))]);
      exported.add(path);
      return path;
    };
    const find = (id: Value | undefined): FakeUnit => {
      const found = units.get(textOf(id));
      if (found === undefined) throw refusal(`${name}.NoSuchUnit`, `Unit ${textOf(id)} not found.`);
      return found;
    };
    const files = (member: string, change: (unit: FakeUnit) => void, out: readonly Value[]): ServedMethod['call'] => {
      return async ([ids]) => {
        for (const id of ids as readonly string[]) {
          change(find(id));
          done.push(`${member} ${id}`);
        }
        return out;
      };
    };
    const job = (member: string, active: boolean): ServedMethod => ({
      in: [arg('name', 's'), arg('mode', 's')],
      out: [arg('job', 'o')],
      call: async ([id]) => {
        const found = find(id);
        if (found.masked && active) throw refusal(`${name}.UnitMasked`, `Unit ${textOf(id)} is masked.`);
        jobs += 1;
        const path = `${root}/job/${jobs}`;
        const result = results.get(textOf(id)) ?? 'done';
        if (result === 'done') found.active = active;
        done.push(`${member} ${textOf(id)}`);
        const removed = [jobs, path, textOf(id), result];
        // Quick jobs are over before their number is known.
        if (jobs % 2 === 0) manager?.emit(`${name}.Manager`, 'JobRemoved', removed);
        else setImmediate(() => manager?.emit(`${name}.Manager`, 'JobRemoved', removed));
        return [path];
      },
    });
    const served: ServedInterface = {
      name: `${name}.Manager`,
      methods: {
        Subscribe: { in: [], out: [], call: async () => [] },
        Reload: { in: [], out: [], call: async () => (done.push('Reload'), []) },
        LoadUnit: { in: [arg('name', 's')], out: [arg('unit', 'o')], call: async ([id]) => [load(textOf(id))] },
        GetUnitFileState: {
          in: [arg('name', 's')],
          out: [arg('state', 's')],
          call: async ([id]) => [stateOf(find(id))],
        },
        EnableUnitFiles: {
          in: [arg('files', 'as'), arg('runtime', 'b'), arg('force', 'b')],
          out: [arg('carries', 'b'), arg('changes', 'a(sss)')],
          call: files('EnableUnitFiles', (one) => (one.enabled = true), [true, []]),
        },
        DisableUnitFiles: {
          in: [arg('files', 'as'), arg('runtime', 'b')],
          out: [arg('changes', 'a(sss)')],
          call: files('DisableUnitFiles', (one) => (one.enabled = false), [[]]),
        },
        MaskUnitFiles: {
          in: [arg('files', 'as'), arg('runtime', 'b'), arg('force', 'b')],
          out: [arg('changes', 'a(sss)')],
          call: files('MaskUnitFiles', (one) => (one.masked = true), [[]]),
        },
        UnmaskUnitFiles: {
          in: [arg('files', 'as'), arg('runtime', 'b')],
          out: [arg('changes', 'a(sss)')],
          call: files('UnmaskUnitFiles', (one) => (one.masked = false), [[]]),
        },
        StartUnit: job('StartUnit', true),
        StopUnit: job('StopUnit', false),
        RestartUnit: job('RestartUnit', true),
      },
      properties: {
        Version: { signature: 's', get: () => '252' },
        LogLevel: {
          signature: 's',
          get: () => settings.level,
          set: async (value) => {
            settings.level = textOf(value);
          },
        },
        RuntimeWatchdogUSec: {
          signature: 't',
          get: () => settings.watchdog,
          set: async (value) => {
            settings.watchdog = value as bigint;
          },
        },
        ServiceWatchdogs: {
          signature: 'b',
          get: () => settings.watch,
          set: async (value) => {
            settings.watch = value === true;
          },
        },
      },
      signals: { JobRemoved: [arg('id', 'u'), arg('job', 'o'), arg('unit', 's'), arg('result', 's')] },
    };
    const manager: Exported | undefined = bus.export(root, [served]);
    await bus.request(name);
  };
  return { units, done, settings, results, serve };
}

function unit(given: Partial<FakeUnit>): FakeUnit {
  return { installable: true, path: '/lib/systemd/system/x', enabled: false, masked: false, active: false, ...given };
}

function stateOf({ masked, installable, enabled }: FakeUnit): string {
  if (masked) return 'masked';
  if (!installable) return 'static';
  return enabled ? 'enabled' : 'disabled';
}

function unitInterface(id: string, now: () => FakeUnit | undefined): ServedInterface {
  return {
    name: `${name}.Unit`,
    properties: {
      Id: { signature: 's', get: () => id },
      LoadState: {
        signature: 's',
        get: () => (now()?.masked ? 'masked' : now() === undefined ? 'not-found' : 'loaded'),
      },
      ActiveState: { signature: 's', get: () => (now()?.active ? 'active' : 'inactive') },
      FragmentPath: { signature: 's', get: () => now()?.path ?? '' },
    },
  };
}

function arg(named: string, signature: string): { readonly name: string; readonly signature: string } {
  return { name: named, signature };
}
