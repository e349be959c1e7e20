// What would keep a unit from being as declared, found before anything is changed.

import type { Change } from '../../core/resource.ts';
import type { Bus } from '../../drivers/dbus/contract.ts';
import type { Host } from '../../drivers/host.ts';
import { OpError } from '../../error.ts';
import { dropInPath, type Entry, entries, isOurs, none } from './entry.ts';
import { type Live, look } from './manager.ts';
import type { Spec } from './schema.ts';

/** @throws AggregateError of OpErrors, each with its place in the file. */
export async function preflight(host: Host, batch: readonly Change<Spec>[]): Promise<void> {
  const [bus, kept] = await Promise.all([host.dbus.system(), entries(host)]);
  const found = await Promise.all(
    batch.map(async ({ name, after }) => (after === null ? [] : problems(host, bus, name, after, kept[name] ?? none))),
  );
  const [first, ...more] = found.flat();
  if (first !== undefined) throw more.length === 0 ? first : new AggregateError([first, ...more]);
}

async function problems(host: Host, bus: Bus, name: string, spec: Spec, entry: Entry): Promise<readonly OpError[]> {
  const at = `systemd.units[${JSON.stringify(name)}]`;
  const error = (key: string, message: string, hint: string): OpError =>
    new OpError('host', message, { at: key === '' ? at : `${at}.${key}`, hint });
  if (/^op-?dbus/i.test(name)) return [error('', "op-dbus's own unit", 'op-dbus keeps its own units itself.')];
  const live = await look(bus, name);
  if (live.load === 'not-found')
    return [
      error(
        '',
        `there is no unit ${name} on this host`,
        `Is its package installed? systemctl list-unit-files '${name}'`,
      ),
    ];
  if (live.id !== name && !live.masked)
    return [error('', `${name} is another name of ${live.id}`, `Write "${live.id}" in the file.`)];
  if (live.load === 'error' || live.load === 'bad-setting')
    return [error('', `systemd can't read ${name}`, `See why: systemctl status ${name}`)];
  return [...files(spec, live, entry, error), ...(await foreign(host, name, spec, entry))];
}

type Say = (key: string, message: string, hint: string) => OpError;

function files(spec: Spec, live: Live, entry: Entry, error: Say): readonly OpError[] {
  const found: OpError[] = [];
  const { id: name } = live;
  const kept = entry.properties.masked;
  // What is no longer declared goes back to what it was before us.
  const masked = spec.masked ?? (kept?.ours.includes(live.masked) ? kept.before : live.masked);
  for (const key of ['enabled', 'active'] as const)
    if (spec[key] === true && masked) found.push(error(key, `${name} is masked`, 'Declare "masked": false as well.'));
  if (live.file.endsWith('-runtime') && (spec.enabled !== null || spec.masked !== null))
    found.push(
      error('', `${name} is ${live.file}: until the next boot only`, `Take it back: systemctl revert ${name}`),
    );
  else if (spec.enabled === true && !['enabled', 'disabled'].includes(live.file) && !live.masked)
    found.push(
      error(
        'enabled',
        `${name} can't be enabled: it is ${live.file || 'without a file'}`,
        'Leave "enabled" out; "active" may be what is meant.',
      ),
    );
  if (spec.masked === true && !live.masked && live.path.startsWith('/etc/systemd/system/'))
    found.push(
      error(
        'masked',
        `${name} can't be masked: ${live.path} is where the mask would be`,
        'Declare "enabled": false and "active": false instead.',
      ),
    );
  return found;
}

async function foreign(host: Host, unit: string, { dropIns }: Spec, entry: Entry): Promise<readonly OpError[]> {
  const others = Object.keys(dropIns).filter((name) => !entry.dropIns.includes(name));
  const texts = await Promise.all(others.map((name) => host.files.read(dropInPath(unit, name))));
  return others.flatMap((name, index) => {
    const text = texts[index] ?? null;
    if (text === null || isOurs(text)) return [];
    const at = dropInPath(unit, name);
    return [
      new OpError('foreign', `${at} exists and is not op-dbus's`, { at, hint: `Move it away: mv ${at} ${at}.mine` }),
    ];
  });
}
