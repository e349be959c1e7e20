// The flows and meters of a switch's bridges: our own OpenFlow 1.4 (1.3 with an old switch) on each bridge's socket.

import { join } from 'node:path';
import { OpError } from '../../error.ts';
import type { Control } from '../control/contract.ts';
import type { Watch } from '../watch.ts';
import { changeFlows, portsFrom, portsOf } from './change.ts';
import type { Flow, Meter, OpenFlow } from './contract.ts';
import { decodeFlow } from './entry.ts';
import { openMirror } from './mirror.ts';
import { openSession, type Session } from './session.ts';
import { type RawFlow, sameFlow } from './wire/flow.ts';
import type { Meter as RawMeter } from './wire/meter.ts';
import type { Port } from './wire/port.ts';

/** The bridges of the switch whose sockets are in `runDir`, and its conntrack by `control`. */
export function openFlow(runDir: string, control: Control): OpenFlow {
  async function on<T>(bridge: string, action: (session: Session) => Promise<T>): Promise<T> {
    const session = await openSession(join(runDir, `${bridge}.mgmt`));
    try {
      return await action(session);
    } finally {
      await session.close();
    }
  }
  const reads = new Map<string, Read>();
  return {
    flows: (bridge) =>
      on(bridge, async (session) => {
        const [raw, ports] = await Promise.all([session.dump(), session.ports()]);
        const last = reads.get(bridge);
        if (last !== undefined && samePorts(last.ports, ports) && sameFlows(last.raw, raw)) return last.flows;
        const names = portsFrom(ports);
        const flows = raw.map((flow) => decodeFlow(flow, names));
        reads.set(bridge, { raw, ports, flows });
        return flows;
      }),
    bundle: async (bridge, add, remove) => {
      if (add.length + remove.length === 0) return;
      await on(bridge, async (session) => changeFlows(session, bridge, await portsOf(session), add, remove));
    },
    mirror: (bridge, options) => openMirror(join(runDir, `${bridge}.mgmt`), bridge, options),
    watch: (bridge, changed) => watchBridge(join(runDir, `${bridge}.mgmt`), changed),
    meters: (bridge) => on(bridge, async (session) => (await session.meters()).map(plain)),
    putMeters: async (bridge, meters) => {
      if (meters.length > 0) await on(bridge, (session) => session.putMeters(meters.map(raw)));
    },
    removeMeters: async (bridge, ids) => {
      if (ids.length > 0) await on(bridge, (session) => session.removeMeters(ids));
    },
    flushZone: async (zone) => {
      try {
        await control.command('dpctl/flush-conntrack', [`zone=${zone}`]);
      } catch (error) {
        if (error instanceof OpError && /no datapaths exist|datapath not found/.test(error.message)) return;
        throw error;
      }
    },
  };
}

/** On a connection of its own: what we change on others is then told as anybody's. */
async function watchBridge(path: string, changed: () => void): Promise<Watch> {
  const session = await openSession(path);
  let open = true;
  const tell = (): void => {
    if (open) changed();
  };
  const close = (): Promise<void> => {
    open = false;
    return session.close();
  };
  try {
    await session.watchPorts(tell);
    if (session.version >= 5) await session.watch(tell, { brief: true });
  } catch (error) {
    await close();
    throw error;
  }
  return { ended: session.ended, close };
}

/** What a bridge had when it was last read: most often it has the same, and needs no decoding. */
type Read = { readonly raw: readonly RawFlow[]; readonly ports: readonly Port[]; readonly flows: readonly Flow[] };

function samePorts(a: readonly Port[], b: readonly Port[]): boolean {
  return a.length === b.length && a.every(({ name, number }, at) => name === b[at]?.name && number === b[at]?.number);
}

/** In the same order too, which is the switch's. */
function sameFlows(a: readonly RawFlow[], b: readonly RawFlow[]): boolean {
  return a.length === b.length && a.every((flow, at) => sameFlow(flow, b[at] as RawFlow));
}

function raw({ id, unit, rate, burst }: Meter): RawMeter {
  return { id, unit, burst: true, stats: true, bands: [{ rate, burst }] };
}

function plain({ id, unit, burst, bands }: RawMeter): Meter {
  const [band] = bands;
  return band === undefined || !burst || bands.length > 1
    ? { id, unit, rate: 0, burst: 0 }
    : { id, unit, rate: band.rate, burst: band.burst };
}
