// Issue 2 §4, point 6: a second apply changes nothing; down leads back to what was there before the first.

import { capture } from '../host.ts';
import { source } from '../../drivers/source.ts';
import { SWITCHED, type HostName } from '../topology.ts';
import { answersAgain } from './closed.ts';
import { startProber } from './prober.ts';
import { marker, row, said, type Step } from './row.ts';
import { differences, recall, snapshot } from './snapshot.ts';

const STATE = '/etc/op-dbus/state.json';

/** `apply` again in vps and home: `diff` finds nothing (exit 0) before and after. */
export async function* proveUnchanged(): AsyncGenerator<Step> {
  for (const host of SWITCHED.toReversed()) {
    yield { waiting: `diff and apply again in ${host}` };
    yield await row(`${host}: apply again changes nothing`, async () => {
      const before = await snapshot(host);
      const diff = await opDbus(host, ['diff', STATE]);
      const start = performance.now();
      const apply = await opDbus(host, ['apply', STATE]);
      const seconds = ((performance.now() - start) / 1000).toFixed(2);
      const changed = differences(before, await snapshot(host));
      const ok = diff.code === 0 && apply.code === 0 && changed.length === 0;
      return { ok, detail: changed[0] ?? `${seconds} s: ${said(ok || apply.code !== 0 ? apply : diff)}` };
    });
  }
}

/** `down` in home and vps, compared with the snapshot that `remember` kept; then `apply`, so that the lab is whole again. */
export async function* proveDown(): AsyncGenerator<Step> {
  for (const host of SWITCHED) {
    yield { waiting: `down in ${host}` };
    yield await row(`${host}: down leaves what was there before`, async () => {
      const before = await recall(host);
      const down = await opDbus(host, ['down']);
      const left = differences(before, await snapshot(host));
      const detail = left.length === 0 ? said(down) : `${left.length} differ: ${left.slice(0, 8).join('; ')}`;
      return { ok: down.code === 0 && left.length === 0, detail };
    });
  }
  for (const host of SWITCHED.toReversed()) {
    yield { waiting: `apply in ${host}, some ten seconds` };
    yield await row(`${host}: apply after down builds it anew`, async () => {
      const apply = await opDbus(host, ['apply', STATE]);
      return { ok: apply.code === 0, detail: said(apply) };
    });
  }
  const prober = await startProber('client', marker());
  // The client's WireGuard notices only after some seconds that the gateway has forgotten their session.
  yield { waiting: "the client's WireGuard, which gives up its dead session after 15 s" };
  yield await row('the client gets through again', () => answersAgain(prober, Date.now()));
  await prober.stop();
}

function opDbus(host: HostName, args: readonly string[]) {
  return capture(host, [source('bin/op-dbus'), ...args], { deadline: 180_000 });
}
