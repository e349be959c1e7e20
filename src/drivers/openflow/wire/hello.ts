// The first message of both sides: which versions they speak (OpenFlow 1.4.1 §7.5.1). Pure: no socket.

import { OpError } from '../../../error.ts';
import { begin, HEAD, type Message, malformed, padded, TYPE, type Version, viewOf } from './message.ts';

const VERSIONS: readonly Version[] = [5, 4];

const ELEMENT_HEAD = 4;
const VERSION_BITMAP = 1;

/** Our hello: 1.4 and 1.3. */
export function encodeHello(xid: number): Uint8Array {
  const { bytes, view } = begin(VERSIONS[0] ?? 5, TYPE.hello, xid, HEAD + 8);
  view.setUint16(HEAD, VERSION_BITMAP);
  view.setUint16(HEAD + 2, 8);
  view.setUint32(
    HEAD + 4,
    VERSIONS.reduce((bits, version) => bits | (1 << version), 0),
  );
  return bytes;
}

/**
 * The highest version that the sender of this hello and we speak. Without a bitmap it speaks every version up to the
 * one of its head.
 * @throws OpError `host` when there is none, `protocol` when it is no hello.
 */
export function negotiate(hello: Message): Version {
  const bitmap = bitmapOf(hello.body);
  const speaks = (version: number): boolean =>
    bitmap === null ? version <= hello.version : ((bitmap >>> version) & 1) === 1;
  const found = VERSIONS.find(speaks);
  if (found !== undefined) return found;
  const theirs = Array.from({ length: 6 }, (_, index) => index + 1).filter(speaks);
  throw new OpError('host', `the switch speaks OpenFlow ${theirs.map(spoken).join(', ')} alone, not 1.4 or 1.3`, {
    hint: 'Let the bridge speak it: ovs-vsctl add bridge NAME protocols OpenFlow14',
  });
}

/** `5` is `1.4`. */
export function spoken(version: number): string {
  return `1.${version - 1}`;
}

/** The first 32 versions; null when the hello has no bitmap. */
function bitmapOf(body: Uint8Array): number | null {
  const view = viewOf(body);
  for (let at = 0; at + ELEMENT_HEAD <= body.length; ) {
    const length = view.getUint16(at + 2);
    if (length < ELEMENT_HEAD || at + length > body.length) throw malformed('a hello that is cut');
    if (view.getUint16(at) === VERSION_BITMAP && length >= ELEMENT_HEAD + 4) return view.getUint32(at + 4);
    at += padded(length);
  }
  return null;
}
