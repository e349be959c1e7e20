// ovs-ofctl as an oracle, in few processes: what it sends for a flow's text, and what it prints for bytes (OpenFlow 1.4 §7.3.4.1).

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exec, run } from '../../exec.ts';
import { decodeInstructions, encodeInstructions } from './instruction.ts';
import { encodeMatch } from './match.ts';
import { unnamed } from './port.ts';
import { decodeMatch } from './print.ts';

/** A flow as it stands in a flow_mod: OXM TLVs without header and padding, and instructions. */
type Wire = { readonly match: Uint8Array; readonly instructions: Uint8Array };

/**
 * Where the codec and ovs-ofctl differ on flows' texts, ports by number: in the bytes that they make of the text, and in
 * the text that they make of the bytes. Nothing when they agree.
 */
export async function compare(flows: readonly { match: string; actions: string }[]): Promise<readonly string[]> {
  const lines = flows.map(({ match, actions }) => `table=0,${match}${match === '' ? '' : ','}actions=${actions}`);
  const wires = await sentFor(lines);
  const printed = await printedFor(wires);
  if (wires.length !== flows.length || printed.length !== flows.length)
    return [`${flows.length} flows, ${wires.length} sent, ${printed.length} printed`];
  return flows.flatMap(({ match, actions }, index) => {
    const [wire, [matchText, actionsText] = ['', '']] = [wires[index] as Wire, printed[index]];
    const own = [
      [hexOf(encodeMatch(match, unnamed)), hexOf(wire.match)],
      [hexOf(encodeInstructions(actions, unnamed, match)), hexOf(wire.instructions)],
      [decodeMatch(wire.match, unnamed), matchText],
      [decodeInstructions(wire.instructions, unnamed), actionsText],
    ];
    return own
      .filter(([ours, theirs]) => ours !== theirs)
      .map(([ours, theirs]) => `${lines[index]}: ${ours} / ${theirs}`);
  });
}

/** What ovs-ofctl sends to a switch that only listens, flow by flow. @throws Error with what it says when it refuses. */
async function sentFor(flows: readonly string[]): Promise<readonly Wire[]> {
  const folder = await mkdtemp(join(tmpdir(), 'op-oxm-'));
  const wires: Wire[] = [];
  const server = createServer((socket) => listen(socket, (message) => void wires.push(flowMod(message))));
  try {
    const path = join(folder, 'switch');
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const argv = ['ovs-ofctl', '--no-names', '-O', 'OpenFlow14', 'add-flows', `unix:${path}`, '-'] as const;
    await run(exec, argv, { stdin: `${flows.join('\n')}\n` });
    return wires;
  } finally {
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** How ovs-ofctl prints flows, ports by number: `match actions=…`, both without what surrounds them. */
async function printedFor(wires: readonly Wire[]): Promise<readonly (readonly [string, string])[]> {
  const folder = await mkdtemp(join(tmpdir(), 'op-oxm-'));
  const file = join(folder, 'messages');
  try {
    await writeFile(file, Buffer.concat(wires.map(flowModOf)));
    return texts(await run(exec, ['ovs-ofctl', '--no-names', 'ofp-parse', file]));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function texts(output: string): readonly (readonly [string, string])[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith('OFPT_'))
    .map((line) => {
      const found = /^OFPT_FLOW_MOD \(OF1\.4\) \(xid=0x0\): ADD (?:(.*) )?actions=(.*)$/.exec(line);
      if (line.includes('***decode error')) return [line, line] as const;
      if (found === null) throw new Error(`ovs-ofctl printed ${line}`);
      return [found[1] ?? '', found[2] ?? ''] as const;
    });
}

function listen(socket: Socket, onFlowMod: (message: Buffer) => void): void {
  let rest = Buffer.alloc(0);
  socket.write(Buffer.from('0500000800000000', 'hex'));
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    let at = 0;
    while (rest.length - at >= 8 && rest.length - at >= rest.readUInt16BE(at + 2)) {
      const message = rest.subarray(at, at + rest.readUInt16BE(at + 2));
      at += message.length;
      if (message[1] === FLOW_MOD) onFlowMod(Buffer.from(message));
      if (message[1] === BARRIER) socket.write(reply(message, BARRIER + 1));
      if (message[1] === ECHO) socket.write(reply(message, ECHO + 1));
    }
    rest = rest.subarray(at);
  });
}

const FLOW_MOD = 14;
const BARRIER = 20;
const ECHO = 2;

function reply(request: Buffer, type: number): Buffer {
  const answer = Buffer.from(request.subarray(0, 8));
  answer[1] = type;
  answer.writeUInt16BE(8, 2);
  return answer;
}

function flowMod(message: Buffer): Wire {
  const length = message.readUInt16BE(50);
  return {
    match: Uint8Array.from(message.subarray(52, 48 + length)),
    instructions: Uint8Array.from(message.subarray(48 + Math.ceil(length / 8) * 8)),
  };
}

function flowModOf({ match, instructions }: Wire): Uint8Array {
  const length = 4 + match.length;
  const padded = Math.ceil(length / 8) * 8;
  const message = Buffer.alloc(48 + padded + instructions.length);
  message.set([5, FLOW_MOD]);
  message.writeUInt16BE(message.length, 2);
  message[30] = 0x80;
  message.fill(0xff, 32, 44);
  message.set([0, 1, length >> 8, length & 255], 48);
  message.set(match, 52);
  message.set(instructions, 48 + padded);
  return message;
}
