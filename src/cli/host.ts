// The real host: every driver with its default paths.

import { existsSync } from 'node:fs';
import { lxcContainers } from '../drivers/container/client.ts';
import { pctContainers } from '../drivers/container/pct/client.ts';
import { systemBus } from '../drivers/dbus/client.ts';
import { exec } from '../drivers/exec.ts';
import { nodeFiles } from '../drivers/files/client.ts';
import type { Host } from '../drivers/host.ts';
import { thisMachine } from '../drivers/machine/client.ts';
import { iproute } from '../drivers/net/client.ts';
import { nftables } from '../drivers/nft/client.ts';
import { controlSocket } from '../drivers/control/client.ts';
import { openFlow } from '../drivers/openflow/client.ts';
import { connectOvsdb } from '../drivers/ovsdb/client.ts';
import { optionalOvsdb } from '../drivers/ovsdb/optional.ts';
import { secretStore } from '../drivers/secret/client.ts';
import { LOCK, locked } from '../drivers/lock.ts';
import { expire } from '../engine/confirm.ts';
import { because, OpError } from '../error.ts';
import { note } from './output.ts';

/** Where Open vSwitch has its sockets. */
const RUN_DIR = '/run/openvswitch';

/** `onThisHost`, while no other command of ours changes it; `stop` is raised by the first Ctrl-C, SIGTERM or SIGHUP. */
export async function changingThisHost<T>(action: (host: Host, stop: AbortSignal) => Promise<T>): Promise<T> {
  needRoot();
  return locked(LOCK, 'op-dbus command', () =>
    interruptible((stop) =>
      onThisHost(async (host) => {
        // Who can't have it undone is still to be able to keep it, or to leave.
        const undone = await expire(host, () => {}).catch((error: unknown) => {
          note(`a change that nobody confirmed can't be undone: ${because(error)}`);
          return null;
        });
        if (undone !== null) note(`"${undone.action}" was not confirmed until ${undone.until}, and is undone`);
        return action(host, stop);
      }),
    ),
  );
}

function needRoot(): void {
  if (process.getuid?.() !== 0)
    throw new OpError('host', 'root is needed to look at and change the host', { hint: 'Run it with sudo.' });
}

/** What is under way ends whole: a signal stops the next step, a second one everything. */
async function interruptible<T>(action: (stop: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const on = (): void => {
    note('finishing this step; once more to stop at once');
    for (const signal of signals) process.off(signal, on);
    stop.abort();
  };
  for (const signal of signals) process.on(signal, on);
  try {
    return await action(stop.signal);
  } finally {
    for (const signal of signals) process.off(signal, on);
  }
}

/** `onThisMachine`, as root. @throws OpError `host` without. */
export async function onThisHost<T>(action: (host: Host) => Promise<T>): Promise<T> {
  needRoot();
  return onThisMachine(action);
}

/**
 * Runs `action` with the drivers of this machine and closes what they hold open. Much can't be read without root.
 * `deadline` is milliseconds for an answer of the switch and its database.
 */
export async function onThisMachine<T>(action: (host: Host) => Promise<T>, deadline = 10_000): Promise<T> {
  const files = nodeFiles();
  const control = controlSocket(RUN_DIR, deadline);
  const machine = thisMachine(exec, files);
  const socket = `${RUN_DIR}/db.sock`;
  // A switch that never ran has no database, and so no bridge of ours.
  const installed = async (): Promise<boolean> => [socket, '/etc/openvswitch/conf.db'].some((path) => existsSync(path));
  // Wherever Proxmox is, containers are its own.
  const proxmox = (await machine.program('pct')) !== null;
  const host: Host = {
    ovsdb: optionalOvsdb(connectOvsdb(socket, { deadline }), installed),
    openflow: openFlow(RUN_DIR, control),
    control,
    net: iproute(exec),
    nft: nftables(exec),
    containers: proxmox ? pctContainers({ exec }) : lxcContainers({ exec }),
    files,
    secrets: secretStore(undefined, files),
    machine,
    dbus: systemBus(),
    exec,
  };
  try {
    return await action(host);
  } finally {
    await host.dbus.close();
    await host.containers.close();
    await host.ovsdb.close();
  }
}
