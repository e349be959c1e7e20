// Puts the units in place, takes them away, and tells what systemd says of them (systemctl(1)).

import { dirname } from 'node:path';
import type { Host } from '../../drivers/host.ts';
import { run } from '../../drivers/exec.ts';
import { OpError } from '../../error.ts';
import { DAEMON, reportPath } from '../report.ts';
import { isShut, reopen } from './block.ts';
import { blocker, isOurs, pastFolder, pathOf, policy, service, unitTexts } from './unit.ts';

const names = [service, blocker] as const;
const written = [policy, ...names] as const;

/** One unit as systemd sees it. */
type UnitState = {
  readonly name: string;
  /** `loaded`, or `not-found` when there is no such unit. */
  readonly load: string;
  /** Whether it starts at boot: `enabled`, `disabled`; empty without a unit. */
  readonly enabled: string;
  /** `active`, `inactive`, `failed`, `activating`… and what that means for a service, like `running`. */
  readonly active: string;
  readonly sub: string;
  /** 0 when no process of it runs. */
  readonly pid: number;
  /** How often it was started again by itself. */
  readonly restarts: number;
};

export type ServiceState = { readonly units: readonly UnitState[]; readonly shut: boolean };

/**
 * Writes both units and the bus's policy, enables both units, and starts the daemon; `changed` is what had to be done, a line each. The blocker is for
 * the next boot. The daemon is started anew when its unit is another one than before.
 * @throws OpError `foreign` when a file of that name is not ours, `host` without systemd: both leave all as it is.
 */
export async function install(host: Host, folder: string): Promise<readonly string[]> {
  await needSystemd(host, folder);
  const texts = Object.entries(unitTexts(folder));
  const before = await ours(host);
  const done: string[] = [];
  // First, so that enabling the blocker can't shut a host that is at work.
  await host.files.write(`${pastFolder}/installed`, '');
  for (const [name, text] of texts)
    if (before.get(name) !== text) {
      await host.files.write(pathOf(name), text, 0o644);
      done.push(`wrote ${pathOf(name)}`);
    }
  if (done.length > 0) await systemctl(host, 'daemon-reload');
  if (before.get(policy) !== unitTexts(folder)[policy]) await tellBus(host);
  const { units } = await serviceState(host);
  const idle = units.filter(({ enabled }) => enabled !== 'enabled').map(({ name }) => name);
  if (idle.length > 0) {
    await systemctl(host, 'enable', ...idle);
    done.push(...idle.map((name) => `enabled ${name}`));
  }
  const daemon = units.find(({ name }) => name === service);
  const renewed = before.get(service) !== unitTexts(folder)[service];
  if (daemon?.active !== 'active' || renewed) {
    await systemctl(host, daemon?.active === 'active' ? 'restart' : 'start', service);
    done.push(`started ${service}`);
  }
  return done;
}

/**
 * Stops the daemon, which leaves the data path as it is, and removes all that `install` and the units have made.
 * @returns what was done, a line each. @throws as `install`.
 */
export async function uninstall(host: Host, folder: string): Promise<readonly string[]> {
  await needSystemd(host, folder);
  const found = await ours(host);
  const done: string[] = [];
  for (const name of names)
    if (found.has(name)) {
      await systemctl(host, 'disable', '--now', name);
      await host.files.remove(pathOf(name));
      done.push(`removed ${pathOf(name)}`);
    }
  if (found.has(policy)) {
    await host.files.remove(pathOf(policy));
    await tellBus(host);
    done.push(`removed ${pathOf(policy)}`);
  }
  if (found.size > 0) {
    await systemctl(host, 'daemon-reload');
    // Quiet where it hasn't failed; else systemd would go on showing a unit that is gone.
    await host.exec(['systemctl', 'reset-failed', ...names]);
  }
  if (await reopen(host)) done.push('forwarding is no longer shut');
  await host.files.remove(`${pastFolder}/installed`);
  await host.files.sweep(pastFolder);
  // What a daemon that was killed leaves; not another's, who runs without systemd.
  if (!(await host.machine.held(DAEMON))) await host.files.remove(reportPath);
  await host.files.sweep(dirname(reportPath));
  return done;
}

/** @throws OpError `host` without systemd. */
export async function serviceState(host: Host): Promise<ServiceState> {
  return { units: await Promise.all(names.map((name) => unitState(host, name))), shut: await isShut(host) };
}

/** @throws OpError `host` when systemd is not the first process here. */
export async function needSystemd({ files }: Host, folder: string): Promise<void> {
  // As sd_booted(3) tells.
  if ((await files.mode('/run/systemd/system')) !== null) return;
  throw new OpError('host', 'systemd is not the first process of this machine, so it can start nothing of ours', {
    hint: `Have whatever starts services here run: ${folder}/bin/op-dbus daemon`,
  });
}

/** The texts of our files that are there. @throws OpError `foreign` for a file that isn't ours. */
async function ours({ files }: Host): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const name of written) {
    const path = pathOf(name);
    const text = await files.read(path);
    if (text === null) continue;
    if (!isOurs(text))
      throw new OpError('foreign', `${path} exists and is not op-dbus's`, {
        at: path,
        hint: `Move it away: mv ${path} /root/`,
      });
    found.set(name, text);
  }
  return found;
}

const keys = ['LoadState', 'UnitFileState', 'ActiveState', 'SubState', 'MainPID', 'NRestarts'] as const;

async function unitState({ exec }: Host, name: string): Promise<UnitState> {
  const text = await run(exec, ['systemctl', 'show', '--property', keys.join(','), name]);
  const said = new Map(text.split('\n').map((line) => line.split('=', 2) as [string, string]));
  const [load, enabled, active, sub, pid, restarts] = keys.map((key) => said.get(key) ?? '');
  return {
    ...{ name, load: load ?? '', enabled: enabled ?? '', active: active ?? '', sub: sub ?? '' },
    ...{ pid: Number(pid), restarts: Number(restarts) },
  };
}

/** A bus that isn't there, or has seen it by itself, is none to tell. */
async function tellBus({ exec }: Host): Promise<void> {
  await exec(['systemctl', 'reload', 'dbus.service']);
}

/** The daemon says that it is ready when it has looked, and put right what it may: no deadline. */
async function systemctl({ exec }: Host, ...args: readonly string[]): Promise<void> {
  const { code, stderr } = await exec(['systemctl', ...args], { deadline: null });
  // Its first line tells; the others are advice.
  if (code !== 0)
    throw new OpError('host', `systemctl ${args.join(' ')}: ${stderr.split('\n')[0] || `exit ${code}`}`, {
      hint: `journalctl -u ${service} -n 20`,
    });
}
