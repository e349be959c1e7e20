// The lab's name server: A records from NAMES over UDP (RFC 1035 §4.1). `whoami.example.net` answers with the asker's address.
// node dns.ts ADDRESS…

import { createSocket } from 'node:dgram';
import { existsSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { NAMES } from '../topology.ts';

/** While it is there, its names (name → address) lead elsewhere: as for somebody whose answers are forged. */
const FORGED = '/etc/lab/names.json';

const TYPE_A = 1;
const NXDOMAIN = 3;
const NOTIMP = 4;

/** The answer to one query from `from`; null when it can't be read, and then nothing is sent. */
export function answer(query: Buffer, from: string): Buffer | null {
  const question = readQuestion(query);
  if (question === null) return null;
  const { name, type, end } = question;
  const opcode = (query.readUInt16BE(2) >> 11) & 15;
  const address = lookup(name, from);
  const records = address !== null && type === TYPE_A && opcode === 0 ? [address] : [];
  const code = opcode !== 0 ? NOTIMP : address === null ? NXDOMAIN : 0;
  const header = Buffer.alloc(12);
  header.writeUInt16BE(query.readUInt16BE(0), 0);
  // QR, AA, RA, and the query's opcode and RD.
  header.writeUInt16BE(0x8480 | (query.readUInt16BE(2) & 0x7900) | code, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  return Buffer.concat([header, query.subarray(12, end), ...records.map(record)]);
}

function lookup(name: string, from: string): string | null {
  if (name === 'whoami.example.net') return from;
  const forged: Record<string, string> = existsSync(FORGED) ? JSON.parse(readFileSync(FORGED, 'utf8')) : {};
  if (Object.hasOwn(forged, name)) return forged[name] ?? null;
  const known = Object.hasOwn(NAMES, name) ? NAMES[name] : undefined;
  if (known !== undefined) return known;
  return name.endsWith('.target.example.net') ? (NAMES['target.example.net'] ?? null) : null;
}

/** The one question: its name in small letters, its type, the offset behind it. */
function readQuestion(query: Buffer): { name: string; type: number; end: number } | null {
  if (query.length < 17 || query.readUInt16BE(4) !== 1 || (query.readUInt16BE(2) & 0x8000) !== 0) return null;
  const labels: string[] = [];
  let at = 12;
  for (;;) {
    const length = query[at];
    if (length === undefined || length > 63) return null;
    at += 1;
    if (length === 0) break;
    if (at + length > query.length) return null;
    labels.push(query.toString('latin1', at, at + length).toLowerCase());
    at += length;
  }
  if (at + 4 > query.length) return null;
  return { name: labels.join('.'), type: query.readUInt16BE(at), end: at + 4 };
}

/** Name by a pointer to the question, type A, class IN, time to live 60 s. */
function record(address: string): Buffer {
  const fixed = Buffer.from([0xc0, 12, 0, TYPE_A, 0, 1, 0, 0, 0, 60, 0, 4]);
  return Buffer.concat([fixed, Buffer.from(address.split('.').map(Number))]);
}

function serve(address: string): Promise<void> {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const reply = answer(query, from.address);
    if (reply !== null) socket.send(reply, from.port, from.address);
  });
  return new Promise((resolve) => socket.bind(53, address, resolve));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await Promise.all(process.argv.slice(2).map(serve));
  console.log('ready');
}
