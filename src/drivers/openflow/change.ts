// Flows as text, changed on a session in one bundle; a refusal names the flow that it is about (OpenFlow 1.4.1 §6.9).

import { OpError } from '../../error.ts';
import { refused } from './commit.ts';
import type { Flow } from './contract.ts';
import { encodeFlow } from './entry.ts';
import type { Ports } from './oxm/port.ts';
import type { Session } from './session.ts';
import { printFlow } from './text.ts';
import type { FlowMod, RawFlow } from './wire/flow.ts';

/** Deletes `remove` strictly, then adds `add`: all or nothing. @returns what was added. @throws as OpenFlow.bundle. */
export async function changeFlows(
  session: Session,
  bridge: string,
  ports: Ports,
  add: readonly Flow[],
  remove: readonly Flow[],
): Promise<readonly RawFlow[]> {
  const added = add.map((flow) => encodeFlow(flow, ports));
  const mods: FlowMod[] = [];
  for (const flow of remove) mods.push({ command: 'delete-strict', flow: encodeFlow(flow, ports), cookieMask: ALL });
  for (const flow of added) mods.push({ command: 'add', flow });
  await session.commit(mods).catch((error: unknown) => {
    throw blamed(bridge, [...remove, ...add], error);
  });
  return added;
}

/** The switch's ports as they are now. */
export async function portsOf(session: Session): Promise<Ports> {
  const ports = await session.ports();
  const numbers = new Map(ports.map(({ name, number }) => [name, number]));
  const names = new Map(ports.map(({ name, number }) => [number, name]));
  return { number: (name) => numbers.get(name), name: (number) => names.get(number) };
}

/** A delete takes a flow of exactly this cookie. */
const ALL = 0xffff_ffff_ffff_ffffn;

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
