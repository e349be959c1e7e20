// Both ends of the shaper as real processes on loopback, and between them a stand-in for the proxy that sees each frame.

import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { source } from '../../drivers/source.ts';

export const program = source('dist/op-dbus-shaper');

/** Frames are sent fast, and the other end is given up soon: a test waits for numbers, never for a clock. */
export const usual = {
  mode: 'on-demand',
  frame: 1316,
  up: 2000,
  down: 4000,
  quantum: 50,
  idle: 20,
  silence: 300,
  budget: 0,
};
export type Values = Readonly<Record<string, string | number>>;

export type End = {
  readonly pid: number;
  /** The status file, once it holds what `good` wants. */
  readonly status: (good?: (status: Status) => boolean) => Promise<Status>;
  readonly kill: (signal: NodeJS.Signals) => Promise<void>;
  readonly said: () => string;
};
type Status = { readonly state: string; readonly why: string } & Readonly<Record<string, number>>;

export class Bench {
  readonly folder = mkdtempSync(join(tmpdir(), 'op-dbus-shaper-'));
  readonly #children: ChildProcess[] = [];
  readonly #sockets: Socket[] = [];

  /** A UDP socket on a free port of loopback. */
  async socket(): Promise<Socket> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
    this.#sockets.push(socket);
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return socket;
  }

  /** A port that was free just now. */
  async port(): Promise<number> {
    const socket = await this.socket();
    const { port } = socket.address();
    socket.close();
    return port;
  }

  /** Starts an end. `name` names its folder, where what it keeps survives its process. */
  start(name: string, values: Values): End {
    const folder = join(this.folder, name);
    mkdirSync(folder, { recursive: true });
    rmSync(join(folder, 'status'), { force: true });
    const file = join(folder, 'conf');
    writeFileSync(file, text(values));
    const env = { RUNTIME_DIRECTORY: folder, STATE_DIRECTORY: folder };
    const child = spawn(program, [file], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    this.#children.push(child);
    const closed = once(child, 'close');
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (more: string) => (said += more));
    return {
      pid: child.pid ?? 0,
      said: () => said,
      status: async (good = () => true) => {
        for (;;) {
          const status = read(join(folder, 'status'));
          if (status !== null && good(status)) return status;
          // Before it has written one it does not know the signal yet.
          if (status !== null) child.kill('SIGUSR1');
          await sleep(5);
        }
      },
      kill: async (signal) => {
        child.kill(signal);
        if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await closed;
      },
    };
  }

  end(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    for (const socket of this.#sockets)
      try {
        socket.close();
      } catch {
        // It was closed by the test.
      }
    rmSync(this.folder, { recursive: true });
  }
}

export function text(values: Values): string {
  return Object.entries(values)
    .map(([key, value]) => `${key} ${value}\n`)
    .join('');
}

function read(path: string): Status | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Status;
  } catch {
    return null;
  }
}

/** A WireGuard data message of this length: what wakes the shaper. */
export function data(length: number, mark = 0): Buffer {
  const message = Buffer.alloc(length, mark);
  message[0] = 4;
  return message;
}

/** Waits until `done`, however long that takes. */
export async function until(done: () => boolean): Promise<void> {
  while (!done()) await sleep(2);
}

/** What goes by a proxy between the two ends, as both directions' frames. */
export type Relay = {
  readonly port: number;
  readonly up: Buffer[];
  readonly down: Buffer[];
  /** The client's frames go by another connection from now on, as when the proxy's was cut. */
  readonly cut: () => Promise<void>;
  /** Sends to an end as if it came from the other. */
  readonly inject: (to: 'client' | 'server', frame: Buffer) => void;
  lost: boolean;
};

export async function relay(bench: Bench, server: number): Promise<Relay> {
  const inner = await bench.socket();
  let outer = await bench.socket();
  let client = 0;
  const [up, down]: [Buffer[], Buffer[]] = [[], []];
  const back = (frame: Buffer): void => {
    down.push(frame);
    if (!self.lost) inner.send(frame, client, '127.0.0.1');
  };
  outer.on('message', back);
  inner.on('message', (frame, from) => {
    client = from.port;
    up.push(frame);
    if (!self.lost) outer.send(frame, server, '127.0.0.1');
  });
  const self: Relay = {
    port: inner.address().port,
    up,
    down,
    lost: false,
    cut: async () => {
      outer.off('message', back);
      outer = await bench.socket();
      outer.on('message', back);
    },
    inject: (to, frame) =>
      to === 'client' ? inner.send(frame, client, '127.0.0.1') : outer.send(frame, server, '127.0.0.1'),
  };
  return self;
}
