// What every proof stands on: the links carry, both profiles are applied, the client has a handshake with the gateway.

import { setTimeout as sleep } from 'node:timers/promises';
import { source } from '../../drivers/source.ts';
import { capture } from '../host.ts';
import { HOME, SWITCHED, TARGET, VPS, type HostName } from '../topology.ts';
import { row, said, type Step } from './row.ts';

const STATE = '/etc/op-dbus/state.json';
/** Seconds that a client may take whose WireGuard has just lost its session. */
const HANDSHAKE = 20;

export async function* proveReady(): AsyncGenerator<Step> {
  for (const [from, to, what] of [
    ['client', HOME.lan, 'home'],
    ['home', VPS, 'the VPS'],
    ['home', TARGET.ip, 'target'],
  ] as const)
    yield await row(`links: ${from} reaches ${what}`, () => reaches(from, to));
  for (const host of SWITCHED)
    yield await row(`${host}: is as its state file says`, async () => {
      const diff = await capture(host, [source('bin/op-dbus'), 'diff', STATE], { deadline: 60_000 });
      return { ok: diff.code === 0, detail: said(diff) };
    });
  yield { waiting: `the client's handshake with the gateway, up to ${HANDSHAKE} s` };
  yield await row('the client has a handshake with the gateway', handshake);
}

async function reaches(from: HostName, to: string) {
  const ping = await capture(from, ['ping', '-n', '-c', '1', '-W', '2', to]);
  return { ok: ping.code === 0, detail: / time=[\d.]+ ms/.exec(ping.stdout)?.[0].trim() ?? `no answer from ${to}` };
}

async function handshake() {
  for (const end = Date.now() + HANDSHAKE * 1000; Date.now() < end; await sleep(50)) {
    // A tunnel without traffic makes none.
    await capture('client', ['ping', '-n', '-c', '1', '-W', '1', TARGET.ip]);
    const { stdout, stderr } = await capture('client', ['wg', 'show', 'wg0', 'latest-handshakes']);
    const time = Number(/\t(\d+)$/m.exec(stdout)?.[1] ?? 0);
    if (time > 0) return { ok: true, detail: `${Math.max(0, Math.round(Date.now() / 1000 - time))} s ago` };
    if (stderr !== '') return { ok: false, detail: stderr.trim() };
  }
  return { ok: false, detail: `none within ${HANDSHAKE} s` };
}
