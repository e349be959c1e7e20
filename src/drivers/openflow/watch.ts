// Watching a switch: what changes in its flows and ports, until somebody stops (OpenFlow 1.4.1 §6.4 and §7.3.5.18).

import { OpError } from '../../error.ts';
import type { Connection } from './connection.ts';
import { fenced } from './fence.ts';
import { type Message, malformed, TYPE } from './wire/message.ts';
import { decodeUpdates, encodeMonitorCancel, encodeMonitorRequest, type FlowUpdate, MONITOR } from './wire/monitor.ts';
import { decodePart, MULTIPART } from './wire/multipart.ts';
import { decodePortStatus, type PortChange } from './wire/port.ts';
import { encodePortWatch } from './wire/unasked.ts';

/** Ends the watch: nothing is told once it has resolved. */
export type Stop = () => Promise<void>;

/**
 * Tells `onUpdate` the flows that there are (`initial`), then, once this has resolved, every change until it is
 * stopped or the connection ends. Changes that this connection makes are told as `abbreviated`, the rest in full. From
 * `paused` on the caller doesn't know all; it had better read again after `resumed`. With `brief`, no flow is told that
 * there is at first, and none with its instructions.
 * @throws OpError `host` when the switch offers no more than OpenFlow 1.3, `protocol` when it refuses.
 */
export async function watchFlows(
  connection: Connection,
  onUpdate: (update: FlowUpdate) => void,
  { brief = false }: { readonly brief?: boolean } = {},
): Promise<Stop> {
  if (connection.version < 5)
    throw new OpError('host', 'the switch speaks OpenFlow 1.3, which has no flow monitor', {
      hint: 'Let the bridge speak 1.4: ovs-vsctl add bridge NAME protocols OpenFlow14',
    });
  const id = connection.xids(1);
  const unlisten = connection.listen((message) => void take(message, onUpdate));
  const ask = async (what: string, first: number, request: Uint8Array): Promise<void> => {
    const answer = (message: Message): true | undefined => {
      const found = take(message, onUpdate);
      if (found === 'other') throw malformed(`an answer of type ${message.type} to ${what}`);
      return found === 'last' ? true : undefined;
    };
    await connection.ask({ what, first, count: 1, chunks: [request], take: answer });
  };
  try {
    await ask('watching the flows', id, encodeMonitorRequest(id, id, brief ? BRIEF : FLAGS));
  } catch (error) {
    unlisten();
    throw error;
  }
  return async () => {
    const xid = connection.xids(1);
    await ask('ending a watch', xid, encodeMonitorCancel(xid, id));
    unlisten();
  };
}

/**
 * Tells `onChange` the ports that come, go and change, until it is stopped or the connection ends. One change may be
 * told in several steps.
 */
export async function watchPorts(connection: Connection, onChange: (change: PortChange) => void): Promise<Stop> {
  const { version } = connection;
  const unlisten = connection.listen((message) => {
    if (message.type === TYPE.portStatus) onChange(decodePortStatus(message, version));
  });
  const first = connection.xids(2);
  const [blame] = await fenced(connection, 'watching the ports', first, [encodePortWatch(version, first)], 1);
  if (blame === undefined) return async () => unlisten();
  unlisten();
  throw new OpError('protocol', `watching the ports: the switch refused: ${blame.name}`);
}

const BRIEF = MONITOR.added | MONITOR.removed | MONITOR.modified;
const FLAGS = BRIEF | MONITOR.initial | MONITOR.instructions;

/** Gives the updates in a message to `onUpdate`. @returns whether it is a monitor's, and the last part of it. */
function take(message: Message, onUpdate: (update: FlowUpdate) => void): 'other' | 'more' | 'last' {
  const part = message.type === TYPE.multipartReply ? decodePart(message) : null;
  if (part?.kind !== MULTIPART.flowMonitor) return 'other';
  decodeUpdates(part.body, onUpdate);
  return part.more ? 'more' : 'last';
}
