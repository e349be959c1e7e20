// The switch's control socket: JSON-RPC 1.0, one command a connection (ovs-appctl(8); OVS lib/unixctl).

import { readFile } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { getSystemErrorMessage } from 'node:util';
import { OpError } from '../../error.ts';
import { Framer } from '../ovsdb/codec.ts';
import type { Control } from './contract.ts';

/** The switch whose sockets and pid file are in `runDir`; `deadline` is milliseconds for a command. */
export function controlSocket(runDir: string, deadline: number = 10_000): Control {
  return { command: async (name, args = []) => await call(await socketOf(runDir), name, args, deadline) };
}

const HINT = 'Is Open vSwitch running? systemctl start openvswitch-switch';

/** The socket is named after the process, so a switch that was started anew has another. */
async function socketOf(runDir: string): Promise<string> {
  const path = join(runDir, 'ovs-vswitchd.pid');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new OpError('host', `reading ${path}: ${because(cause)}`, { hint: HINT, cause });
  }
  const pid = text.trim();
  if (!/^\d{1,10}$/.test(pid)) throw new OpError('host', `${path} holds no process number`, { hint: HINT });
  return join(runDir, `ovs-vswitchd.${pid}.ctl`);
}

async function call(path: string, name: string, args: readonly string[], deadline: number): Promise<string> {
  const socket = createConnection({ path });
  const timer = setTimeout(
    () => socket.destroy(new OpError('timeout', `${name}: no answer of the switch within ${deadline / 1000} s`)),
    deadline,
  );
  try {
    socket.write(JSON.stringify({ id: 0, method: name, params: args }));
    return text(name, await reply(socket));
  } catch (cause) {
    if (cause instanceof OpError) throw cause;
    throw new OpError('host', `asking the switch at ${path}: ${because(cause)}`, { hint: HINT, cause });
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

async function reply(socket: Socket): Promise<unknown> {
  const framer = new Framer();
  for await (const chunk of socket) {
    const [message] = framer.push(chunk as Uint8Array);
    if (message !== undefined) return message;
  }
  throw new OpError('host', `the switch closed the connection${framer.inside ? ' in the middle of its answer' : ''}`);
}

function text(name: string, message: unknown): string {
  const { result, error } = message as { readonly result?: unknown; readonly error?: unknown };
  if (typeof error === 'string') throw new OpError('protocol', `${name}: ${error.trim()}`);
  if (typeof result === 'string' && (error === null || error === undefined)) return result;
  throw new OpError('protocol', `${name}: an answer that is no text`);
}

function because(cause: unknown): string {
  if (cause instanceof Error && 'errno' in cause && typeof cause.errno === 'number')
    return getSystemErrorMessage(cause.errno);
  return String(cause);
}
