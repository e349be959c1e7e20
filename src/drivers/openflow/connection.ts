// An OpenFlow connection to one bridge over its unix socket: negotiation, echo, pipelined requests with a deadline (OpenFlow 1.4.1 §6.3).

import { createConnection, type Socket } from 'node:net';
import { getSystemErrorMessage } from 'node:util';
import { OpError } from '../../error.ts';
import { decodeError, type Refusal } from './wire/error.ts';
import { Framer } from './wire/frame.ts';
import { encodeHello, negotiate, spoken } from './wire/hello.ts';
import { encodeMessage, type Message, malformed, TYPE, type Version } from './wire/message.ts';

/** A question to the switch, of one message or many. */
export type Ask<T> = {
  /** For error messages: `reading the flows`. */
  readonly what: string;
  /** The transaction ids of its messages: `count` from `first` on. */
  readonly first: number;
  readonly count: number;
  /** Its messages, any number a chunk, none cut. They are taken as the socket has room. */
  readonly chunks: Iterable<Uint8Array>;
  /** Told each message of the switch with one of its ids, in order; anything but undefined is the result. */
  readonly take: (message: Message) => T | undefined;
  /** Told each error with one of its ids instead of failing with it. */
  readonly refused?: (xid: number, refusal: Refusal) => T | undefined;
};

/** Somebody who is told what the switch says unasked, such as a port's status. */
export type Listener = (message: Message) => void;

/**
 * Connects to the bridge whose socket is `path` and agrees on a version. `deadline` is how many milliseconds the
 * switch may be silent, and read nothing, while a question is open.
 * @throws OpError `host` when there is nobody or no common version, `timeout` when it doesn't say hello.
 */
export async function dial(path: string, deadline: number = 10_000): Promise<Connection> {
  const socket = createConnection({ path });
  try {
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  } catch (cause) {
    throw new OpError('host', `connecting to the switch at ${path}: ${because(cause)}`, {
      hint: 'Is the bridge there, and Open vSwitch running? systemctl start openvswitch-switch',
      cause,
    });
  }
  const connection = new Connection(socket, deadline);
  await connection.greet();
  return connection;
}

/** After any error but a refusal the connection is dead, and so is every question on it; make another. */
export class Connection {
  readonly #socket: Socket;
  readonly #deadline: number;
  readonly #framer = new Framer();
  /** In the order in which they were asked, which is that of the answers. */
  readonly #pending = new Set<Pending>();
  readonly #listeners = new Set<Listener>();
  readonly #end = Promise.withResolvers<OpError>();
  #version: Version | null = null;
  /** Resolves when the socket takes more, or is dead; null while it takes. */
  #room: PromiseWithResolvers<void> | null = null;
  #nextXid = 1;
  #dead: OpError | null = null;

  constructor(socket: Socket, deadline: number) {
    this.#socket = socket;
    this.#deadline = deadline;
    socket.removeAllListeners('error');
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('drain', () => this.#roomy());
    socket.on('error', (cause) =>
      this.#die(new OpError('host', `talking to the switch: ${because(cause)}`, { cause })),
    );
    socket.on('close', () => {
      const where = this.#framer.inside ? ' in the middle of a message' : '';
      this.#die(new OpError('host', `the switch closed the connection${where}`));
    });
  }

  get version(): Version {
    if (this.#version === null) throw new OpError('internal', 'the version was asked for before the hello');
    return this.#version;
  }

  /** Why the connection ended; pending until then. It never rejects. */
  get ended(): Promise<OpError> {
    return this.#end.promise;
  }

  /** Says hello, and awaits the switch's. Once, before anything else. */
  async greet(): Promise<void> {
    const first = this.xids(1);
    this.#version = await this.#ask<Version>({
      what: 'saying hello',
      first,
      count: 1,
      chunks: [encodeHello(first)],
      take: () => undefined,
    });
  }

  /** Reserves `count` transaction ids and gives the first. 0 is never among them: unasked messages carry it. */
  xids(count: number): number {
    if (this.#nextXid + count > 0xffff_ffff) this.#nextXid = 1;
    const first = this.#nextXid;
    this.#nextXid += count;
    return first;
  }

  /**
   * Asks, without waiting for what was asked before. An idle connection doesn't keep the process alive.
   * @throws OpError `protocol` when the switch refuses or talks nonsense, `timeout` after the deadline, `host` when
   * the connection goes.
   */
  async ask<T>(question: Ask<T>): Promise<T> {
    void this.version;
    return await this.#ask(question);
  }

  /** Adds a listener. @returns what takes it off. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves when the socket is closed. Open questions fail. */
  async close(): Promise<void> {
    this.#die(new OpError('host', 'the connection to the switch was closed'));
    if (!this.#socket.closed) await new Promise<void>((resolve) => this.#socket.once('close', () => resolve()));
  }

  async #ask<T>(question: Ask<T>): Promise<T> {
    if (this.#dead !== null) throw this.#dead;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    // What the switch did with a question that it doesn't answer isn't known: nothing more is said on this connection.
    const late = (): void =>
      this.#die(new OpError('timeout', `${question.what}: no answer of the switch for ${this.#deadline / 1000} s`));
    const pending = { question, resolve, reject, timer: setTimeout(late, this.#deadline) } as Pending;
    if (this.#pending.size === 0) this.#socket.ref();
    this.#pending.add(pending);
    try {
      const [answer] = await Promise.all([promise, this.#write(pending)]);
      return answer;
    } finally {
      clearTimeout(pending.timer);
      this.#pending.delete(pending);
      if (this.#pending.size === 0) this.#socket.unref();
    }
  }

  async #write(pending: Pending): Promise<void> {
    for (const chunk of pending.question.chunks) {
      if (this.#dead !== null) throw this.#dead;
      if (this.#socket.write(chunk)) continue;
      this.#room ??= Promise.withResolvers<void>();
      await this.#room.promise;
      pending.timer.refresh();
    }
  }

  #receive(chunk: Uint8Array): void {
    try {
      for (const message of this.#framer.push(chunk)) if (this.#dead === null) this.#take(message);
    } catch (error) {
      this.#die(error instanceof OpError ? error : new OpError('internal', String(error), { cause: error }));
    }
  }

  #take(message: Message): void {
    const { type, xid, version } = message;
    if (this.#version === null) return this.#greeted(message);
    if (version !== this.#version) throw malformed(`a message of OpenFlow ${spoken(version)}`);
    if (type === TYPE.echoRequest) {
      this.#socket.write(encodeMessage({ ...message, type: TYPE.echoReply }));
      return;
    }
    const pending = this.#asker(xid);
    if (pending !== undefined) return this.#answer(pending, message);
    if (type === TYPE.error) throw new OpError('protocol', `the switch refused: ${decodeError(message).name}`);
    if (type === TYPE.barrierReply || (type === TYPE.multipartReply && xid !== 0))
      throw malformed('an answer to what nobody asked');
    for (const listener of this.#listeners) listener(message);
  }

  #greeted(message: Message): void {
    if (message.type === TYPE.error)
      throw new OpError('host', `the switch refused our hello: ${decodeError(message).name}`);
    if (message.type !== TYPE.hello) throw malformed('something else before its hello');
    this.#version = negotiate(message);
    for (const pending of this.#pending) pending.resolve(this.#version);
  }

  #answer(pending: Pending, message: Message): void {
    // One that waits for its turn isn't late.
    for (const { timer } of this.#pending) timer.refresh();
    const { question } = pending;
    if (message.type !== TYPE.error) {
      const result = question.take(message);
      if (result !== undefined) pending.resolve(result);
      return;
    }
    const refusal = decodeError(message);
    if (question.refused === undefined)
      return pending.reject(new OpError('protocol', `${question.what}: the switch refused: ${refusal.name}`));
    const result = question.refused(message.xid, refusal);
    if (result !== undefined) pending.resolve(result);
  }

  #asker(xid: number): Pending | undefined {
    for (const pending of this.#pending) {
      const { first, count } = pending.question;
      if (xid >= first && xid < first + count) return pending;
    }
    return undefined;
  }

  #roomy(): void {
    this.#room?.resolve();
    this.#room = null;
  }

  #die(error: OpError): void {
    if (this.#dead !== null) return;
    this.#dead = error;
    this.#socket.destroy();
    this.#roomy();
    for (const pending of this.#pending) pending.reject(error);
    this.#end.resolve(error);
  }
}

type Pending = {
  readonly question: Ask<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: OpError) => void;
  readonly timer: NodeJS.Timeout;
};

function because(cause: unknown): string {
  if (cause instanceof Error && 'errno' in cause && typeof cause.errno === 'number')
    return getSystemErrorMessage(cause.errno);
  return String(cause);
}
