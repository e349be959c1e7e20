// `op-dbus lab prove`: issue 2 §4, points 1 to 6, on a lab that is up.

import { locked } from './record.ts';
import { proveClosed } from './prove/closed.ts';
import { proveCommands } from './prove/commands.ts';
import { proveHidden } from './prove/hidden.ts';
import { proveReady } from './prove/ready.ts';
import type { Row, Step } from './prove/row.ts';
import { proveDown, proveUnchanged } from './prove/same.ts';
import { proveThrough } from './prove/through.ts';

const CHAIN = ['wireguard-gateway', 'warp-tunnel', 'xray-client'] as const;

/** `steps` in order; when a row of a `needed` one doesn't hold, those after it would only wait for what can't come. */
const POINTS: readonly { readonly steps: () => AsyncGenerator<Step>; readonly needed?: true }[] = [
  { steps: proveReady, needed: true },
  { steps: proveThrough, needed: true },
  { steps: proveHidden },
  { steps: () => proveClosed(CHAIN) },
  { steps: proveCommands },
  { steps: proveUnchanged },
  { steps: proveDown },
  { steps: proveThrough },
];

export type Proof = {
  readonly rows: readonly Row[];
  /** Whether it ended early, since what all else stands on doesn't hold. */
  readonly stopped: boolean;
};

/** Proves each point and tells every row as soon as it is known, and what it waits for. Afterwards the lab is as it was. */
export async function prove(tell: (step: Step) => void, points = POINTS): Promise<Proof> {
  return locked(async () => {
    const rows: Row[] = [];
    for (const { steps, needed } of points) {
      const from = rows.length;
      for await (const step of steps()) {
        tell(step);
        if (!('waiting' in step)) rows.push(step);
      }
      if (needed && rows.slice(from).some(({ ok }) => !ok)) return { rows, stopped: true };
    }
    return { rows, stopped: false };
  });
}
