// A JSON-RPC connection to ovsdb-server over its unix socket (RFC 7047 §4): requests with a deadline, echo, updates.

import { createConnection, type Socket } from 'node:net';
import { getSystemErrorMessage } from 'node:util';
import { OpError } from '../../error.ts';
import { Framer } from './codec.ts';

/** The name of the switch's database. */
export const DATABASE = 'Open_vSwitch';

/**
 * Connects to the database at `path`. `onUpdate` is told the table updates of every `update` notification, in order.
 * @throws OpError `host` when there is nobody.
 */
export async function dial(path: string, onUpdate: (updates: unknown) => void): Promise<Connection> {
  const socket = createConnection({ path });
  try {
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  } catch (cause) {
    throw new OpError('host', `connecting to the database at ${path}: ${because(cause)}`, {
      hint: 'Open vSwitch must run: apt install openvswitch-switch && systemctl start openvswitch-switch',
      cause,
    });
  }
  return new Connection(socket, onUpdate);
}

/** After any error the connection is dead, and so is every request on it; make another. */
export class Connection {
  readonly #socket: Socket;
  readonly #framer = new Framer();
  readonly #onUpdate: (updates: unknown) => void;
  readonly #pending = new Map<number, Pending>();
  /** Told at the next update (true), at its deadline (false), or of the death. */
  readonly #waiting = new Set<Pending>();
  readonly #end = Promise.withResolvers<OpError>();
  #serial = 0;
  /** Questions that keep the process alive. */
  #open = 0;
  #dead: OpError | null = null;

  constructor(socket: Socket, onUpdate: (updates: unknown) => void) {
    this.#socket = socket;
    this.#onUpdate = onUpdate;
    socket.unref();
    socket.removeAllListeners('error');
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', (cause) =>
      this.#die(new OpError('host', `talking to the database: ${because(cause)}`, { cause })),
    );
    socket.on('close', () => {
      const [code, where] = this.#framer.inside
        ? (['protocol', ' in the middle of a message'] as const)
        : (['host', ''] as const);
      this.#die(new OpError(code, `the database closed the connection${where}`));
    });
  }

  get dead(): boolean {
    return this.#dead !== null;
  }

  /** Why the connection ended; pending until then. It never rejects. */
  get ended(): Promise<OpError> {
    return this.#end.promise;
  }

  /**
   * The result of a call; `use` is given it at once, before the next message is looked at. An idle connection doesn't keep the process alive; one with a request does.
   * @throws OpError `protocol` when the peer refuses the call or talks nonsense, `timeout` after `deadline` ms, `host`
   * when the connection goes.
   */
  request(
    method: string,
    params: readonly unknown[],
    deadline: number,
    use: (result: unknown) => void = () => {},
  ): Promise<unknown> {
    const id = this.#serial++;
    return this.#wait(deadline, ({ resolve, reject }) => {
      const used = (result: unknown): void => {
        use(result);
        resolve(result);
      };
      this.#pending.set(id, { resolve: used, reject });
      this.#socket.write(JSON.stringify({ id, method, params }));
      // Its answer may still come, and what it did isn't known: nothing more is said on this connection.
      return () =>
        this.#die(new OpError('timeout', `the database gave no answer to ${method} within ${deadline / 1000} s`));
    }).finally(() => this.#pending.delete(id));
  }

  /** True at the next update, false when none has come within `deadline` ms. @throws OpError when the connection goes. */
  async updated(deadline: number): Promise<boolean> {
    let mine: Pending | undefined;
    const answer = this.#wait(deadline, (pending) => {
      mine = pending;
      this.#waiting.add(pending);
      return () => pending.resolve(false);
    });
    try {
      return (await answer) === true;
    } finally {
      if (mine !== undefined) this.#waiting.delete(mine);
    }
  }

  /** Resolves when the socket is closed. */
  async close(): Promise<void> {
    this.#die(new OpError('host', 'the connection to the database was closed'));
    if (!this.#socket.closed) await new Promise<void>((resolve) => this.#socket.once('close', () => resolve()));
  }

  async #wait(deadline: number, begin: (pending: Pending) => () => void): Promise<unknown> {
    if (this.#dead !== null) throw this.#dead;
    if (this.#open++ === 0) this.#socket.ref();
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const timer = setTimeout(begin({ resolve, reject }), deadline);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      if (--this.#open === 0) this.#socket.unref();
    }
  }

  #receive(chunk: Uint8Array): void {
    try {
      for (const message of this.#framer.push(chunk)) this.#take(message as Message);
    } catch (error) {
      this.#die(error instanceof OpError ? error : new OpError('internal', String(error), { cause: error }));
    }
  }

  #take({ id, method, params, result, error }: Message): void {
    if (method === 'echo') this.#socket.write(JSON.stringify({ id, result: params, error: null }));
    else if (method === 'update') {
      this.#onUpdate(Array.isArray(params) ? params[1] : undefined);
      for (const waiting of this.#waiting) waiting.resolve(true);
    } else if (method === undefined) {
      const pending = typeof id === 'number' ? this.#pending.get(id) : undefined;
      if (pending === undefined) throw new OpError('protocol', 'the database answered a question nobody asked');
      if (error === null || error === undefined) pending.resolve(result);
      else pending.reject(new OpError('protocol', `the database refused: ${JSON.stringify(error).slice(0, 300)}`));
    }
  }

  #die(error: OpError): void {
    if (this.#dead !== null) return;
    this.#dead = error;
    this.#socket.destroy();
    for (const pending of [...this.#pending.values(), ...this.#waiting]) pending.reject(error);
    this.#end.resolve(error);
  }
}

type Pending = { readonly resolve: (value: unknown) => void; readonly reject: (error: OpError) => void };

type Message = {
  readonly id?: unknown;
  readonly method?: unknown;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: unknown;
};

function because(cause: unknown): string {
  if (cause instanceof Error && 'errno' in cause && typeof cause.errno === 'number')
    return getSystemErrorMessage(cause.errno);
  return String(cause);
}
