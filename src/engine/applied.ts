// What is remembered of the last apply: the state, so that `verify` knows what to compare with, and the names it asked for.

import { OpError } from '../error.ts';
import type { Host } from '../drivers/host.ts';
import { fingerprints, reveal, standIn } from '../core/secret.ts';
import type { Trial } from '../drivers/machine/contract.ts';
import type { Facts } from '../core/topology.ts';

/** 0600, as every file that `files` writes: it says what the host does. */
const statePath = '/var/lib/op-dbus/applied.json';
const namesPath = '/var/lib/op-dbus/names.json';

export type Applied = {
  /** The file's path as it was given, for messages. */
  readonly file: string;
  /** Where it is, for the daemon, which watches it; null for what came by stdin. */
  readonly path?: string | null;
  readonly filesFolder: string;
  /** Its credentials by fingerprint (`sealed`): what is compared with it must be so too. */
  readonly text: string;
  /** What the machine was then, as far as another answer would change containers. Not there before 2026-11-24. */
  readonly machine?: Machine;
};

/** Another name server, datapath or proxy program is for the next `apply`: nobody's containers are restarted for it unasked. */
type Machine = Pick<Facts, 'datapath' | 'nameservers'> & { readonly xray: string | null };

export function machineOf({ datapath, nameservers, proxy }: Facts): Machine {
  return { datapath, nameservers, xray: proxy.program === 'xray' ? proxy.path : null };
}

/** The host with the machine as it was when that was applied. */
export function asApplied(host: Host, { machine: then }: Applied): Host {
  if (then === undefined) return host;
  const { datapath, nameservers, xray } = then;
  const machine = {
    ...host.machine,
    datapath: async () => datapath,
    nameservers: async () => nameservers,
    // Not tried at each look: when it can't any more, putting it back says so.
    attempt: async (trial: Trial) =>
      trial === 'clsact' ? ({ result: 'works', detail: '' } as const) : host.machine.attempt(trial),
    program: async (name: string) => (name === 'xray' ? xray : host.machine.program(name)),
  };
  return { ...host, machine };
}

/** Host name → its IPv4 addresses when it was asked for. It is not asked for again: the question goes out in clear. */
export type Resolved = Readonly<Record<string, readonly string[]>>;

/** The names that were asked for; none before the first apply. */
export async function knownNames(host: Host): Promise<Resolved> {
  const text = await host.files.read(namesPath);
  return text === null ? {} : (JSON.parse(text) as Resolved);
}

export function keepNames(host: Host, names: Resolved): Promise<void> {
  return keep(host, namesPath, names);
}

export async function keepApplied(host: Host, applied: Applied): Promise<void> {
  await host.secrets.keep(fingerprints(applied.text));
  await keep(host, statePath, applied);
}

/** The text as it was in the file. What is known no more stays by its fingerprint, for the parser to refuse. */
export async function revealed(host: Host, { text }: Applied): Promise<string> {
  const known = new Map<string, string>();
  for (const one of fingerprints(text)) {
    const secret = await host.secrets.get(one).catch(() => null);
    if (secret !== null) known.set(one, secret);
  }
  return reveal(text, (one) => known.get(one) ?? standIn(one));
}

/** Null when nothing has been applied. */
export async function appliedIfAny(host: Host): Promise<Applied | null> {
  const text = await host.files.read(statePath);
  return text === null ? null : (JSON.parse(text) as Applied);
}

/** @throws OpError `usage` when nothing has been applied. */
export async function lastApplied(host: Host): Promise<Applied> {
  const applied = await appliedIfAny(host);
  if (applied !== null) return applied;
  throw new OpError('usage', 'nothing has been applied on this host', {
    hint: 'op-dbus apply FILE applies a state; op-dbus verify FILE compares with one',
  });
}

/** The names that were asked for stay. */
export function forgetState(host: Host): Promise<void> {
  return host.files.remove(statePath);
}

export async function forgetApplied(host: Host): Promise<void> {
  for (const path of [statePath, namesPath]) await host.files.remove(path);
}

async function keep(host: Host, path: string, value: unknown): Promise<void> {
  const text = `${JSON.stringify(value)}\n`;
  if ((await host.files.read(path)) !== text) await host.files.write(path, text);
}
