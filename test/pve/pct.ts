// The verbs of pct, their arguments and options (pct(1)). Terminals (enter, console) are refused; there is no attach.

import { parseArguments, type Syntax, verb } from './argument.ts';
import { change } from './change.ts';
import { clone, snapshot, template } from './copy.ts';
import { create, destroy } from './create.ts';
import { Die } from './die.ts';
import { execute, mount, pull, push, unmount } from './file.ts';
import { load, store } from './guest.ts';
import { config, list, pending, status } from './list.ts';
import { locked } from './lock.ts';
import { ruleOf } from './option.ts';
import { needRunning, reboot, start, startable, stop } from './power.ts';
import { needQuorum, type Pve } from './pve.ts';
import type { Rule, Values } from './schema.ts';
import { task } from './task.ts';

type Verb = {
  readonly args?: Readonly<Record<string, Rule>>;
  readonly options?: Readonly<Record<string, Rule>>;
  /** Whether the keys of the configuration are options too. */
  readonly keys?: boolean;
  readonly command?: boolean;
  /** @returns the exit status; 0 for nothing. */
  readonly run: (pve: Pve, given: Given) => Promise<number | void>;
};

type Given = { readonly vmid: number; readonly values: Values; readonly command: readonly string[] };

const string: Rule = { type: 'string' };
const boolean: Rule = { type: 'boolean' };
const vmid: Rule = { type: 'integer', minimum: 100, maximum: 999_999_999 };
const seconds: Rule = { type: 'integer', minimum: 0 };
const snapname: Rule = { type: 'string', pattern: /^[a-z][a-z0-9_-]+$/i, maxLength: 40 };
const dnsName = ruleOf('hostname') as Rule;

const verbs: Readonly<Record<string, Verb>> = {
  create: {
    args: { vmid, ostemplate: string },
    keys: true,
    options: {
      storage: string,
      password: string,
      'ssh-public-keys': string,
      pool: string,
      start: boolean,
      force: boolean,
      restore: boolean,
      unique: boolean,
      bwlimit: { type: 'number', minimum: 0 },
    },
    run: (pve, { vmid: id, values }) => {
      const { vmid: _, ostemplate = '', storage, start: starting, ...rest } = values;
      const keys = Object.fromEntries(Object.entries(rest).filter(([key]) => ruleOf(key) !== null));
      if (rest['password'] !== undefined && rest['password'].length < 5)
        throw new Die('400 Parameter verification failed.\npassword: value must be at least 5 characters long');
      const making = { template: ostemplate, start: starting === '1', ...(storage === undefined ? {} : { storage }) };
      return create(pve, id, keys, making);
    },
  },
  destroy: {
    args: { vmid },
    options: { force: boolean, purge: boolean, 'destroy-unreferenced-disks': boolean },
    run: (pve, { vmid: id, values }) =>
      destroy(pve, id, {
        force: values['force'] === '1',
        unreferenced: values['destroy-unreferenced-disks'] === '1',
      }),
  },
  set: {
    args: { vmid },
    keys: true,
    options: { delete: string, revert: string, digest: string },
    run: (pve, { vmid: id, values }) => {
      const { vmid: _, delete: removed, revert, digest, ...set } = values;
      const all = (text = ''): readonly string[] => text.split(/[\s,;]+/).filter((one) => one !== '');
      return change(pve, id, {
        set,
        remove: all(removed),
        revert: all(revert),
        ...(digest === undefined ? {} : { digest }),
      });
    },
  },
  start: {
    args: { vmid },
    options: { skiplock: boolean, debug: boolean },
    run: async (pve, { vmid: id, values }) => {
      const skip = values['skiplock'] === '1';
      needQuorum(pve);
      await startable(pve, id, skip);
      return task(pve, 'start', () => start(pve, id, skip));
    },
  },
  stop: {
    args: { vmid },
    options: { skiplock: boolean, 'overrule-shutdown': boolean },
    run: async (pve, { vmid: id, values }) => {
      await needRunning(pve, id);
      return task(pve, 'stop', () => stop(pve, id, 'stop', ['--kill'], values['skiplock'] === '1'));
    },
  },
  shutdown: {
    args: { vmid },
    options: { timeout: seconds, forceStop: boolean },
    run: async (pve, { vmid: id, values }) => {
      await needRunning(pve, id);
      const force = values['forceStop'] === '1' ? [] : ['--nokill'];
      return task(pve, 'shutdown', () => stop(pve, id, 'shutdown', [...force, '--timeout', values['timeout'] ?? '60']));
    },
  },
  reboot: {
    args: { vmid },
    options: { timeout: seconds },
    run: async (pve, { vmid: id, values }) => {
      await needRunning(pve, id);
      return task(pve, 'reboot', () => reboot(pve, id, Number(values['timeout'] ?? 60)));
    },
  },
  config: {
    args: { vmid },
    options: { current: boolean, snapshot: snapname },
    run: (pve, { vmid: id, values: { current, snapshot: name } }) =>
      config(pve, id, { current: current === '1', ...(name === undefined ? {} : { snapshot: name }) }),
  },
  pending: { args: { vmid }, run: (pve, { vmid: id }) => pending(pve, id) },
  status: {
    args: { vmid },
    options: { verbose: boolean },
    run: (pve, { vmid: id, values }) => status(pve, id, values['verbose'] === '1'),
  },
  list: { run: (pve) => list(pve) },
  exec: {
    args: { vmid },
    command: true,
    options: { 'keep-env': boolean },
    run: (pve, { vmid: id, values, command }) => execute(pve, id, command, values['keep-env'] !== '0'),
  },
  enter: { args: { vmid }, run: refuse },
  console: { args: { vmid }, run: refuse },
  push: {
    args: { vmid, file: string, destination: string },
    options: { user: string, group: string, perms: string },
    run: (pve, { vmid: id, values: { file = '', destination = '', ...owner } }) =>
      push(pve, id, file, destination, owner),
  },
  pull: {
    args: { vmid, path: string, destination: string },
    options: { user: string, group: string, perms: string },
    run: (pve, { vmid: id, values: { path = '', destination = '', perms } }) => pull(pve, id, path, destination, perms),
  },
  mount: { args: { vmid }, run: (pve, { vmid: id }) => mount(pve, id) },
  unmount: { args: { vmid }, run: (pve, { vmid: id }) => unmount(pve, id) },
  unlock: {
    args: { vmid },
    run: (pve, { vmid: id }) =>
      locked(pve, id, async () => {
        const found = await load(pve, id);
        const { lock: _, ...values } = found.values;
        await store(pve, id, { ...found, values });
      }),
  },
  snapshot: {
    args: { vmid, snapname },
    options: { description: string },
    run: (pve, { vmid: id, values }) => snapshot(pve, id, values['snapname'] ?? '', values['description']),
  },
  template: { args: { vmid }, run: (pve, { vmid: id }) => template(pve, id) },
  clone: {
    args: { vmid, newid: vmid },
    options: {
      hostname: dnsName,
      description: string,
      full: boolean,
      storage: string,
      snapname,
      target: string,
      pool: string,
    },
    run: (pve, { vmid: id, values: { newid, full, snapname: name, hostname, storage, description } }) =>
      clone(pve, id, Number(newid), {
        full: full === undefined ? null : full === '1',
        ...(hostname === undefined ? {} : { hostname }),
        ...(description === undefined ? {} : { description }),
        ...(storage === undefined ? {} : { storage }),
        ...(name === undefined ? {} : { snapshot: name }),
      }),
  },
};

/** @returns the exit status. @throws Die */
export async function pct(pve: Pve, [given, ...argv]: readonly string[]): Promise<number> {
  const name = verb('pct', Object.keys(verbs), given);
  const { args = {}, options = {}, keys = false, command = false, run } = verbs[name] as Verb;
  const option: Syntax['option'] = (key) =>
    Object.hasOwn(options, key) ? (options[key] ?? null) : keys ? ruleOf(key) : null;
  const parsed = parseArguments(`pct ${name}`, { args, option, command }, argv);
  return (await run(pve, { ...parsed, vmid: Number(parsed.values['vmid']) })) ?? 0;
}

function refuse(): Promise<never> {
  return Promise.reject(new Die('no terminal here: op-dbus has none to give'));
}
