// What runs inside a container: a unit, its files, and the checker of its program. Kinds `tunnel` and `proxy` are made of it.

import * as z from 'zod';
import { same } from '../core/plan.ts';
import type { Change, Resource } from '../core/resource.ts';
import { fingerprint, fingerprints, placeholder, reveal } from '../core/secret.ts';
import type { Host } from '../drivers/host.ts';
import type { Leaving } from '../drivers/tc/contract.ts';
import { ipLine, tcLines } from '../drivers/tc/text.ts';
import { OpError } from '../error.ts';
import { entering } from './entering.ts';

/**
 * Bounds that ours never reach: what stands in a container's record may have been put there by the container, to make us
 * read without end.
 */
const few = 8;
const word = z
  .string()
  .max(4096)
  .regex(/^\P{Cc}*$/u);
const plainPath = word.regex(/^(\/(?!\.{1,2}(\/|$))[^/]+)+$/);

export const schema = z.strictObject({
  container: word,
  /** The container's distance from the exit: 0 is set up first. */
  order: z.int(),
  /** The systemd unit, without `.service`. */
  unit: word.regex(/^[A-Za-z0-9][\w@.-]*$/),
  /** By absolute path. `text` may hold placeholders of secrets (core/secret.ts). */
  files: z
    .record(plainPath, z.strictObject({ mode: z.int().min(0).max(0o7777), text: z.string() }))
    .refine((files) => Object.keys(files).length <= few),
  /** The program's own checker: an argument vector that names the files by their paths. */
  check: z.array(word).max(few).readonly(),
  /** While this stays the same, `systemctl reload` takes a changed file in place; null: the unit is always restarted. */
  reload: z.string().nullable(),
  active: z.boolean(),
  /** How packets leave devices of the container, by the device's name; the others' as the kernel has it. */
  leaves: z
    .record(
      word,
      z.strictObject({ sizes: z.array(z.int().min(1).max(65535)).max(few).readonly(), single: z.boolean() }),
    )
    .refine((leaves) => Object.keys(leaves).length <= few)
    .optional(),
});

export type Inside = z.output<typeof schema>;

/** Where a container keeps what a kind put into it: a list of specs without `active`. */
export function recordPath(kind: string): string {
  return `/etc/op-dbus/${kind}.json`;
}

const record = z.array(schema.omit({ active: true })).max(few);

/**
 * Every resource of `kind` in the containers that carry our mark. `device` names the network device that a unit makes: a
 * unit without its device is not active, whatever systemd says of one that has run to its end.
 */
export async function observeInside(
  host: Host,
  kind: string,
  device: (unit: string) => string | null = () => null,
): Promise<readonly Resource<Inside>[]> {
  const containers = await host.containers.list();
  const found = await Promise.all(
    containers.map(async ({ name, running }) => {
      const specs = await recorded(host, kind, name);
      const units = specs.map((spec) => spec.unit);
      const active = running ? await despite(alive(host, name, units, device), new Set<string>()) : null;
      return inTurn(specs, async (spec) => ({
        kind,
        name: `${name}/${spec.unit}`,
        spec: {
          ...spec,
          files: await seen(host, name, spec.files),
          active: active === null || active.has(spec.unit),
          ...(running && spec.leaves !== undefined ? { leaves: await leaving(host, name, spec.leaves) } : {}),
        },
      }));
    }),
  );
  return found.flat();
}

/** How packets leave these devices now, as far as they are there. */
async function leaving(host: Host, container: string, asked: NonNullable<Inside['leaves']>): Promise<Inside['leaves']> {
  const found = await inTurn(Object.keys(asked), async (device): Promise<readonly (readonly [string, Leaving])[]> => {
    const now = await despite(host.containers.tc(container).leaving(device), null);
    return now === null ? [] : [[device, now]];
  });
  return Object.fromEntries(found.flat());
}

async function alive(
  host: Host,
  container: string,
  units: readonly string[],
  device: (unit: string) => string | null,
): Promise<ReadonlySet<string>> {
  const [active, devices] = await Promise.all([
    host.containers.activeUnits(container, units),
    host.containers.devices(container),
  ]);
  return new Set(
    [...active].filter((unit) => {
      const needed = device(unit);
      return needed === null || devices.has(needed);
    }),
  );
}

/** The container wrote this file, perhaps: what can't be read, doesn't parse, or speaks of another is as if it were not there. */
export async function recorded(
  host: Host,
  kind: string,
  container: string,
): Promise<readonly Omit<Inside, 'active'>[]> {
  const text = await despite(host.containers.read(container, recordPath(kind)), null);
  if (text === null) return [];
  try {
    const parsed = record.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data.filter((spec) => spec.container === container) : [];
  } catch {
    return [];
  }
}

/** The files as they are: an unchanged one by its text with placeholders, a changed one by the fingerprint of all of it. */
async function seen(host: Host, container: string, files: Inside['files']): Promise<Inside['files']> {
  type Entry = readonly [string, Inside['files'][string]];
  const entries = await inTurn(Object.entries(files), async ([path, file]): Promise<readonly Entry[]> => {
    const actual = await despite(host.containers.read(container, path), null);
    if (actual === null) return [];
    if (actual === (await revealed(host, file.text).catch(() => null))) return [[path, file]];
    host.secrets.remember(fingerprint(actual), actual);
    return [[path, { ...file, text: placeholder(actual) }]];
  });
  return Object.fromEntries(entries.flat());
}

/** One after the other: a container must not use up what its neighbours need, descriptors and memory. */
async function inTurn<T, R>(list: readonly T[], action: (one: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (const one of list) results.push(await action(one));
  return results;
}

/** `none` for what the container has made unreadable: that is drift of this container, and stops nobody else. */
async function despite<T>(looking: Promise<T>, none: T): Promise<T> {
  try {
    return await looking;
  } catch (error) {
    if (error instanceof OpError && (error.code === 'host' || error.code === 'foreign') && !ownLack(error)) return none;
    throw error;
  }
}

/** Whether it is the machine that has no more, or is broken: no container's fault. */
function ownLack({ cause }: OpError): boolean {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return ['EMFILE', 'ENFILE', 'ENOMEM', 'EIO'].includes(code);
}

/** The text with its secrets. @throws OpError `host` when one is unknown. */
export async function revealed(host: Host, text: string): Promise<string> {
  const secrets = new Map<string, string>();
  for (const one of fingerprints(text)) secrets.set(one, await host.secrets.get(one));
  return reveal(text, (one) => secrets.get(one) ?? '');
}

/** The change as the commands a person would type. */
export function renderInside({ before, after }: Change<Inside>): readonly string[] {
  const { container, unit } = (after ?? before) as Inside;
  const inside = (command: string): string => `op-dbus exec ${container} -- ${command}`;
  if (after === null) {
    const files = Object.keys(before?.files ?? {});
    return [inside(`systemctl disable --now ${unit}`), ...files.map((path) => inside(`rm ${path}`))];
  }
  const files = Object.keys(after.files).filter((path) => !same(before?.files[path], after.files[path]));
  const gone = Object.keys(before?.files ?? {}).filter((path) => !(path in after.files));
  return [
    ...files.map((path) => inside(`tee ${path}`)),
    ...gone.map((path) => inside(`rm ${path}`)),
    ...(files.length > 0 ? [inside(after.check.join(' '))] : []),
    ...(before === null
      ? [inside(`systemctl enable --now ${unit}`)]
      : stays(before, after)
        ? []
        : [inside(`systemctl ${verb(before, after)} ${unit}`)]),
    ...Object.keys({ ...before?.leaves, ...after.leaves }).flatMap((device) => {
      const now = after.leaves?.[device] ?? plain;
      const old = (before !== null && stays(before, after) ? before.leaves?.[device] : null) ?? plain;
      return typed(device, old, now).map((line) => entering(container) + line);
    }),
  ];
}

/** How packets leave a device of which nothing is said. */
export const plain: Leaving = { sizes: [], single: false };

function typed(device: string, old: Leaving, now: Leaving): readonly string[] {
  const lines = same(old.sizes, now.sizes) ? [] : tcLines(device, now, '/usr/local/lib/op-dbus/current/dist/pad.o');
  return [...(old.single === now.single ? [] : [`ip ${ipLine(device, now)}`]), ...lines.map((line) => `tc ${line}`)];
}

/** Whether nothing of it is to be read anew by its unit: all that differs is how packets leave devices. */
export function stays(before: Inside | null, after: Inside): boolean {
  return before !== null && same({ ...before, leaves: null }, { ...after, leaves: null });
}

/** What brings the unit from `before` to `after`. */
export function verb(before: Inside | null, after: Inside): 'restart' | 'reload' | 'stop' {
  if (!after.active) return 'stop';
  return before?.active && after.reload !== null && before.reload === after.reload ? 'reload' : 'restart';
}
