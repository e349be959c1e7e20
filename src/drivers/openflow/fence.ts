// Messages that a switch doesn't answer unless it refuses them, and the barrier that says they are done (OpenFlow 1.4.1 §7.3.8).

import type { Connection } from './connection.ts';
import { encodeMessage, TYPE } from './wire/message.ts';

/** What was refused: the place of its message, from 0, and the error's name. */
export type Blame = { readonly index: number; readonly name: string };

/**
 * Sends `count` messages, which have the transaction ids from `first` on, and a barrier, which has the next.
 * @returns what the switch refused, in its order; the rest is done.
 */
export async function fenced(
  connection: Connection,
  what: string,
  first: number,
  messages: readonly Uint8Array[] | Generator<Uint8Array>,
  count: number,
): Promise<readonly Blame[]> {
  const { version } = connection;
  const blame: Blame[] = [];
  await connection.ask({
    what,
    first,
    count: count + 1,
    chunks: chunks(),
    take: (message) => (message.type === TYPE.barrierReply ? true : undefined),
    refused: (xid, { name }) => {
      blame.push({ index: xid - first, name });
      return xid === first + count ? true : undefined;
    },
  });
  return blame;

  function* chunks(): Generator<Uint8Array> {
    yield* messages;
    yield encodeMessage({ version, type: TYPE.barrierRequest, xid: first + count, body: new Uint8Array() });
  }
}
