// Messages over a socket: handshake, framing and marshalling are dbus-native's (D-Bus Specification, "Message Protocol").

import { createConnection, type Socket } from 'node:net';
import { OpError } from '../../error.ts';
import type { Value } from './contract.ts';
import { type Type, typesOf } from './signature.ts';
import { decode, encode } from './value.ts';

/** Message types and flags, as numbered on the wire. */
export const CALL = 1;
export const RETURN = 2;
export const ERROR = 3;
export const SIGNAL = 4;
export const NO_REPLY = 1;

export type Message = {
  readonly type: number;
  readonly serial: number;
  readonly flags?: number;
  readonly path?: string;
  readonly interface?: string;
  readonly member?: string;
  readonly errorName?: string;
  readonly replySerial?: number;
  readonly destination?: string;
  readonly sender?: string;
  readonly signature?: string;
  readonly body?: readonly Value[];
};

/** A way to the bus. `end` may be called again; `ended` resolves with what broke it, or null after `end`. */
export type Wire = {
  readonly send: (message: Message) => void;
  /** Called for each message that comes; set before anything is sent. */
  readonly receive: (on: (message: Message) => void) => void;
  readonly ended: Promise<OpError | null>;
  readonly end: () => void;
};

/** @throws OpError `host` when nobody answers there, `timeout` when the handshake isn't over after `deadline` ms. */
export async function openSocket(path: string, deadline: number): Promise<Wire> {
  // Its code is run when a bus is used, not at every start.
  const [handshake, codec] = await Promise.all([
    import('dbus-native/lib/handshake.js'),
    import('dbus-native/lib/message.js'),
  ]);
  const socket = createConnection({ path });
  const { promise: ended, resolve } = Promise.withResolvers<OpError | null>();
  let wanted = false;
  let cause: unknown;
  const broken = (error: unknown): void => {
    cause ??= error;
    socket.destroy();
  };
  socket.on('error', broken);
  socket.on('end', () => socket.destroy());
  socket.on('close', () => resolve(wanted ? null : gone(path, cause)));
  await greeted(path, deadline, socket, ended, (done) =>
    handshake.default(socket, { authMethods: ['EXTERNAL'] }, (error) => (error === null ? done() : broken(error))),
  );
  return {
    send: (message) => void socket.write(codec.default.marshall(marshalled(message))),
    receive: (on) => {
      const shapes = { plainValues: false, variants: 'wrap', ayBuffer: false, returnBigInt: true } as const;
      codec.default.unmarshalMessages(socket, (raw) => on(unmarshalled(raw)), shapes, broken, broken);
    },
    ended,
    end: () => {
      wanted = true;
      // What was sent is written out; a bus that doesn't read any more is not waited for.
      socket.end();
      setTimeout(() => socket.destroy(), 1000).unref();
    },
  };
}

/** Waits for the handshake, but not for ever. */
async function greeted(
  path: string,
  deadline: number,
  socket: Socket,
  ended: Promise<OpError | null>,
  greet: (done: () => void) => void,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      socket.destroy();
      reject(new OpError('timeout', `${path}: no message bus has answered within ${deadline / 1000} s`));
    }, deadline);
  });
  const ready = new Promise<null>((resolve) => greet(() => resolve(null)));
  try {
    const broken = await Promise.race([ready, late, ended]);
    if (broken !== null) throw broken;
  } finally {
    clearTimeout(timer);
  }
}

function gone(path: string, cause: unknown): OpError {
  const why = cause instanceof Error ? cause.message : 'it closed the connection';
  return new OpError('host', `the message bus at ${path} is gone: ${why}`, {
    hint: 'Is it running? systemctl status dbus',
    cause,
  });
}

function marshalled({ body, signature = '', ...head }: Message): object {
  if (body === undefined || body.length === 0) return head;
  const types = typesOf(signature);
  return {
    ...head,
    signature,
    body: body.map((value, index) => encode(types[index] as Type, value)),
  };
}

/** A message as it came; without its body when that is nothing we can read. */
export function unmarshalled(raw: object): Message {
  const {
    body = [],
    signature = '',
    ...head
  } = raw as { readonly body?: readonly unknown[]; readonly signature?: string };
  const plain = { ...head, signature, body: [] } as unknown as Message;
  try {
    return { ...plain, body: typesOf(signature).map((type, index) => decode(type, body[index])) };
  } catch {
    // What the bus lets through and we can't read is refused by its signature; the connection must not end by it.
    return plain;
  }
}
