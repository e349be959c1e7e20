// The flows and meters of a switch's bridges: our own OpenFlow 1.4 (1.3 with an old switch) on each bridge's socket.

import { join } from 'node:path';
import { OpError } from '../../error.ts';
import type { Control } from '../control/contract.ts';
import { refused } from './commit.ts';
import type { Flow, Meter, OpenFlow } from './contract.ts';
import { decodeFlow, encodeFlow } from './entry.ts';
import type { Ports } from './oxm/port.ts';
import { openSession, type Session } from './session.ts';
import { printFlow } from './text.ts';
import type { FlowMod } from './wire/flow.ts';
import type { Meter as RawMeter } from './wire/meter.ts';

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
  return {
    flows: (bridge) =>
      on(bridge, async (session) => {
        const [flows, ports] = await Promise.all([session.dump(), portsOf(session)]);
        return flows.map((flow) => decodeFlow(flow, ports));
      }),
    bundle: async (bridge, add, remove) => {
      if (add.length + remove.length === 0) return;
      await on(bridge, async (session) => {
        const ports = await portsOf(session);
        const mods = [
          ...remove.map(
            (flow): FlowMod => ({ command: 'delete-strict', flow: encodeFlow(flow, ports), cookieMask: ALL }),
          ),
          ...add.map((flow): FlowMod => ({ command: 'add', flow: encodeFlow(flow, ports) })),
        ];
        await session.commit(mods).catch((error: unknown) => {
          throw blamed(bridge, [...remove, ...add], error);
        });
      });
    },
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

/** A delete takes a flow of exactly this cookie. */
const ALL = 0xffff_ffff_ffff_ffffn;

async function portsOf(session: Session): Promise<Ports> {
  const ports = await session.ports();
  const numbers = new Map(ports.map(({ name, number }) => [name, number]));
  const names = new Map(ports.map(({ name, number }) => [number, name]));
  return { number: (name) => numbers.get(name), name: (number) => names.get(number) };
}

/** The switch's refusal with the flow that it is about. */
function blamed(bridge: string, flows: readonly Flow[], error: unknown): unknown {
  const why = refused(error);
  const flow = why === null || why.index === null ? undefined : flows[why.index];
  if (why === null) return error;
  const hint = why.name === 'OFPBIC_BAD_TABLE_ID' ? { hint: 'A flow sends on to a later table only.' } : {};
  return new OpError('protocol', `${bridge}: ${why.name}${flow === undefined ? '' : `: ${printFlow(flow)}`}`, {
    cause: error,
    ...hint,
  });
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
