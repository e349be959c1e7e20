// Taking over the networking of a container that somebody else has made in Proxmox, and giving it back as it was.

import { readFile, stat } from 'node:fs/promises';
import { OpError } from '../../../error.ts';
import { type Exec, run } from '../../exec.ts';
import { startTime } from '../../process.ts';
import { hookEnvironment } from '../config.ts';
import type { Definition } from '../contract.ts';
import { listening, noted } from '../live.ts';
import type { Records } from '../record.ts';
import { ofContainer } from '../tidy.ts';
import type { Pct } from './command.ts';
import { nets, wantedNets } from './config.ts';
import type { Confs, numbers, PctEntry } from './entry.ts';
import { setLinks } from './link.ts';

type Given = {
  readonly exec: Exec;
  readonly pct: Pct;
  readonly confs: Confs;
  readonly records: Records<PctEntry>;
  readonly vmids: ReturnType<typeof numbers>;
  readonly home: string;
  readonly lxc: string;
  readonly sockets: string;
  /** Puts the hook and its drop-in in place. */
  readonly install: () => Promise<void>;
};

export type Adoption = {
  /**
   * Replaces its links by ours, at once when it runs; or by others of ours. Nothing else of it is changed.
   * @throws OpError `foreign` when Proxmox knows the id by another name.
   */
  readonly adopt: (name: string, definition: Definition) => Promise<void>;
  /** The links that it had, and no record any more. */
  readonly giveBack: (name: string, entry: PctEntry) => Promise<void>;
};

export function adoption({ exec, pct, confs, records, vmids, home, lxc, sockets, install }: Given): Adoption {
  const hook = `${home}/hook`;

  async function adopt(name: string, definition: Definition): Promise<void> {
    const { id } = definition;
    const [conf, old] = await Promise.all([confs.read(id), records.get(name)]);
    const hostname = conf?.keys['hostname'];
    if (conf === null || hostname !== name)
      throw new OpError('foreign', `container ${id} is ${hostname ?? 'none'} in Proxmox, not ${name}`, {
        at: `container ${name}`,
        hint: 'To take over its networking, give id and name as Proxmox has them.',
      });
    if (old !== null && old.token !== null)
      throw new OpError('internal', `container ${name} is op-dbus's own, and can't be adopted`);
    const record: PctEntry = { version: 1, definition, token: null, before: old?.before ?? nets(conf) };
    await install();
    // First what it had: whatever interrupts us, it is given back.
    await records.put(name, 'definition.json', `${JSON.stringify(record, null, 2)}\n`);
    const wasSocket = old?.definition.mode === 'socket';
    const on = await listening(sockets, `@${lxc}/${id}/command`);
    if (on) await note(name, id);
    if (on && wasSocket && definition.port.device !== old.definition.port.device) await takeOut(name);
    await records.put(name, 'hook.env', hookEnvironment(definition, true));
    await vmids.put(id, name);
    await setLinks(pct, confs, id, wantedNets(definition));
    if (on) await attach(name);
  }

  async function giveBack(name: string, { definition, before }: PctEntry): Promise<void> {
    const { id } = definition;
    if (definition.mode === 'socket' && (await noted(records, name, 'pid')) !== null) await takeOut(name);
    await setLinks(pct, confs, id, before);
    await vmids.remove(id);
    await records.remove(name, ofContainer);
  }

  /** Who started it before there was a hook has noted nothing of it. */
  async function note(name: string, id: number): Promise<void> {
    if ((await noted(records, name, 'pid')) !== null) return;
    const pid = Number(await run(exec, ['lxc-info', '-P', lxc, '-n', String(id), '-p', '-H']));
    const parent = Number(/^.*\) \S (\d+) /s.exec(await readFile(`/proc/${pid}/stat`, 'utf8'))?.[1]);
    const [start, monitor, root] = await Promise.all([
      startTime(pid),
      startTime(parent),
      stat(`/proc/${pid}/root/`, { bigint: true }),
    ]);
    await records.put(name, 'monitor', `${parent} ${monitor}\n`);
    await records.put(name, 'pid', `${pid} ${start} ${root.dev} ${root.ino}\n`);
  }

  async function attach(name: string): Promise<void> {
    const { code, stderr } = await exec([hook, name, 'lxc', 'attach'], { deadline: 30_000 });
    if (code !== 0) throw new OpError('host', `container ${name}: ${stderr.trim() || `exit ${code}`}`);
  }

  /** The switch's port comes back from inside. */
  async function takeOut(name: string): Promise<void> {
    const init = await noted(records, name, 'pid');
    if (init === null) return;
    const { code, stderr } = await exec([hook, name, 'lxc', 'stop', `net:/proc/${init.pid}/ns/net`], {
      deadline: 30_000,
    });
    if (code !== 0) throw new OpError('host', `container ${name}: ${stderr.trim() || `exit ${code}`}`);
    await records.put(name, 'pid', `${init.pid} ${await startTime(init.pid)} ${init.more}\n`);
  }

  return { adopt, giveBack };
}
