// systemd's manager (org.freedesktop.systemd1(5)): units looked at, unit files changed, jobs run to their end.

import { type Bus, type Place, refusalOf, textOf, type Value } from '../../drivers/dbus/contract.ts';
import { OpError } from '../../error.ts';

const manager: Place = {
  destination: 'org.freedesktop.systemd1',
  path: '/org/freedesktop/systemd1',
  interface: 'org.freedesktop.systemd1.Manager',
};

/** systemd gives a unit 90 s to start or stop, unless the unit says otherwise. */
const JOB = 180_000;
const RELOAD = 90_000;

export type Live = {
  /** The unit's own name: another one when it was asked for by an alias. */
  readonly id: string;
  /** `loaded`, `not-found`, `masked`, `bad-setting`, `error`. */
  readonly load: string;
  /** `enabled`, `disabled`, `static`, `masked`, …; empty when there is no file. */
  readonly file: string;
  /** Where its file lies; empty without one. */
  readonly path: string;
  readonly enabled: boolean;
  readonly active: boolean;
  readonly masked: boolean;
};

/** A unit as it is; one that there is not is `not-found`. */
export async function look(bus: Bus, name: string): Promise<Live> {
  const [path] = await bus.call({ ...manager, member: 'LoadUnit', signature: 's', args: [name], reply: 'o' });
  const unit = { ...manager, path: textOf(path), interface: 'org.freedesktop.systemd1.Unit' };
  const property = async (key: string): Promise<string> => textOf((await bus.get(unit, key)).value);
  const [id, load, active, fragment, file] = await Promise.all([
    property('Id'),
    property('LoadState'),
    property('ActiveState'),
    property('FragmentPath'),
    fileState(bus, name),
  ]);
  return {
    ...{ id, load, file, path: fragment },
    enabled: file === 'enabled',
    // A service that systemd starts again and again is `activating`.
    active: ['active', 'reloading', 'refreshing'].includes(active),
    masked: file.startsWith('masked'),
  };
}

async function fileState(bus: Bus, name: string): Promise<string> {
  try {
    const args = { member: 'GetUnitFileState', signature: 's', args: [name], reply: 's' };
    return textOf((await bus.call({ ...manager, ...args }))[0]);
  } catch (error) {
    // No file: by whatever name this version of systemd says so.
    if (refusalOf(error) === null) throw error;
    return '';
  }
}

export async function enable(bus: Bus, name: string, on: boolean): Promise<void> {
  if (on) await change(bus, 'EnableUnitFiles', 'asbb', [[name], false, false], 'ba(sss)');
  else await change(bus, 'DisableUnitFiles', 'asb', [[name], false], 'a(sss)');
}

export async function mask(bus: Bus, name: string, on: boolean): Promise<void> {
  if (on) await change(bus, 'MaskUnitFiles', 'asbb', [[name], false, false], 'a(sss)');
  else await change(bus, 'UnmaskUnitFiles', 'asb', [[name], false], 'a(sss)');
}

/** Makes systemd read its files again: only then it knows of changed ones. */
export async function reload(bus: Bus): Promise<void> {
  await change(bus, 'Reload', '', [], '');
}

async function change(
  bus: Bus,
  member: string,
  signature: string,
  args: readonly Value[],
  reply: string,
): Promise<void> {
  await bus.call({ ...manager, member, signature, args, reply, deadline: RELOAD });
}

/**
 * Runs a job of the unit to its end.
 * @throws OpError `check` when it fails, `timeout` when it doesn't end.
 */
export async function job(bus: Bus, verb: 'Start' | 'Stop' | 'Restart', name: string): Promise<void> {
  await subscribe(bus);
  const results = new Map<string, string>();
  let wake: () => void = () => {};
  const match = { sender: manager.destination, path: manager.path, interface: manager.interface, member: 'JobRemoved' };
  // Heard before it is asked for: a job may be over before its number comes back.
  const stop = await bus.listen(match, ({ signature, args }) => {
    if (signature !== 'uoss') return;
    results.set(textOf(args[1]), textOf(args[3]));
    wake();
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    const [path] = await bus.call({
      ...manager,
      member: `${verb}Unit`,
      signature: 'ss',
      args: [name, 'replace'],
      reply: 'o',
    });
    const late = new Promise<never>((_, reject) => {
      const error = new OpError('timeout', `${verb.toLowerCase()} ${name}: not over after ${JOB / 1000} s`);
      timer = setTimeout(reject, JOB, error);
    });
    const gone = bus.ended.then((why) => Promise.reject(why ?? new OpError('host', 'the message bus is gone')));
    gone.catch(() => {});
    while (!results.has(textOf(path)))
      await Promise.race([new Promise<void>((resolve) => (wake = resolve)), late, gone]);
    const result = results.get(textOf(path)) ?? '';
    if (result === 'done') return;
    throw new OpError('check', `${verb.toLowerCase()} ${name}: ${result}`, { hint: `See why: journalctl -u ${name}` });
  } finally {
    clearTimeout(timer);
    await stop().catch(() => {});
  }
}

/** Without it systemd sends no signals of jobs. */
async function subscribe(bus: Bus): Promise<void> {
  try {
    await bus.call({ ...manager, member: 'Subscribe' });
  } catch (error) {
    if (refusalOf(error) !== 'org.freedesktop.systemd1.AlreadySubscribed') throw error;
  }
}
