// Peers for the tests: a switch that follows a script, and what ovs-ofctl says to a switch (ovs-ofctl(8)).

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exec } from '../exec.ts';
import { Framer } from './wire/frame.ts';
import { begin, encodeMessage, HEAD, type Message, ONF, TYPE, type Version } from './wire/message.ts';

/** What a scripted switch does with a message; its hello is sent before. */
export type Script = (message: Message, socket: Socket, number: number) => void;

/** A switch at `path` that says `hello` and then follows `script`. */
export async function scriptedSwitch<T>(
  { script, hello = helloOf(5) }: { readonly script: Script; readonly hello?: Uint8Array },
  use: (path: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'op-of-'));
  const path = join(folder, 'br.mgmt');
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    const framer = new Framer();
    let number = 0;
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      for (const message of framer.push(chunk)) if (message.type !== TYPE.hello) script(message, socket, number++);
    });
    socket.write(hello);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  try {
    return await use(path);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true, force: true });
  }
}

/** A switch's hello: of `version`, without a bitmap. */
export function helloOf(version: number): Uint8Array {
  return encodeMessage({ version, type: TYPE.hello, xid: 1, body: new Uint8Array() });
}

/** An error of `type` and `code` about `message`. */
export function errorOf(message: Message, type: number, code: number): Uint8Array {
  const { bytes, view } = begin(message.version, TYPE.error, message.xid, HEAD + 4);
  view.setUint16(HEAD, type);
  view.setUint16(HEAD + 2, code);
  return bytes;
}

/** The answer of a switch that has nothing and takes everything. */
export const agreeable: Script = (message, socket) => {
  const { version, type, body } = message;
  const answer = (answerType: number, content: Uint8Array = body): void =>
    void socket.write(encodeMessage({ ...message, type: answerType, body: content }));
  if (type === TYPE.barrierRequest) answer(TYPE.barrierReply);
  else if (type === TYPE.multipartRequest) answer(TYPE.multipartReply, body.subarray(0, 8));
  else if (type === TYPE.bundleControl || (type === TYPE.experimenter && isBundleControl(body))) {
    const content = Uint8Array.from(body);
    const step = version >= 5 ? 5 : 13;
    content[step] = (content[step] ?? 0) + 1;
    answer(type, content);
  }
};

/**
 * The messages, but for hello and what it asks first for its own sake, that `ovs-ofctl -O OpenFlow1x ARGV` sends, `@`
 * in `argv` being the switch. The connection is closed at the first that `last` takes.
 */
export async function saidByOfctl(
  version: Version,
  argv: readonly string[],
  { stdin = '', last = () => false }: { readonly stdin?: string; readonly last?: (message: Message) => boolean } = {},
): Promise<readonly Message[]> {
  const said: Message[] = [];
  const script: Script = (message, socket, number) => {
    const kind = message.type === TYPE.multipartRequest ? ((message.body[0] ?? 0) << 8) | (message.body[1] ?? 0) : null;
    if (kind === TABLE_FEATURES) return void socket.write(tableFeatures(message));
    if (kind !== PORT_DESCRIPTION || argv[0] === 'dump-ports-desc') said.push(message);
    if (last(message)) socket.destroy();
    else agreeable(message, socket, number);
  };
  await scriptedSwitch({ script, hello: helloOf(version) }, async (path) => {
    const args = argv.map((arg) => (arg === '@' ? `unix:${path}` : arg));
    const env = { OVS_RUNDIR: join(path, '..') };
    const result = await exec(['ovs-ofctl', '-O', `OpenFlow1${version - 1}`, ...args], { stdin, env });
    if (result.code !== 0 && said.length === 0) throw new Error(`ovs-ofctl ${argv.join(' ')}: ${result.stderr}`);
  });
  return said;
}

/** What `ovs-ofctl ofp-parse` prints of messages, one text each. */
export async function printed(messages: readonly Uint8Array[]): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'op-of-'));
  try {
    const file = join(folder, 'messages');
    await writeFile(file, Buffer.concat(messages));
    const { stdout } = await exec(['ovs-ofctl', '--no-names', 'ofp-parse', file]);
    return stdout.split(/^(?=OFPT_ERROR|OFPST_)/m);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const TABLE_FEATURES = 12;
const PORT_DESCRIPTION = 13;

function isBundleControl(body: Uint8Array): boolean {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  return view.getUint32(0) === ONF && view.getUint32(4) === 2300;
}

/** One table with the eight properties that ovs-ofctl insists on, all empty. */
function tableFeatures(request: Message): Uint8Array {
  const { bytes, view } = begin(request.version, TYPE.multipartReply, request.xid, HEAD + 8 + 128);
  view.setUint16(HEAD, TABLE_FEATURES);
  view.setUint16(HEAD + 8, 128);
  bytes[HEAD + 16] = 0x74;
  for (let property = 0; property < 8; property++) {
    view.setUint16(HEAD + 72 + property * 8, property * 2);
    view.setUint16(HEAD + 74 + property * 8, 4);
  }
  return bytes;
}
