// Bundles: many changes that take effect together or not at all (OpenFlow 1.4.1 §7.3.9; ONF extension 230 in 1.3). Pure: no socket.

import { type FlowMod, flowModLength, writeFlowMod } from './flow.ts';
import {
  atLeast,
  begin,
  HEAD,
  type Message,
  malformed,
  ONF,
  TYPE,
  type Version,
  viewOf,
  writeHead,
} from './message.ts';

/** What a control message asks for, and what its answer says: the number after it. */
const STEP = { open: 0, close: 2, commit: 4, discard: 6 } as const;

export type Step = keyof typeof STEP;

/** A control message of an atomic and ordered bundle. */
export function encodeBundleControl(
  version: Version,
  xid: number,
  bundle: number,
  step: Step,
): Uint8Array<ArrayBuffer> {
  const at = bodyAt(version);
  const { bytes, view } = begin(version, typeOf(version, TYPE.bundleControl), xid, at + 8);
  writeExtension(view, 0, version, CONTROL);
  view.setUint32(at, bundle);
  view.setUint16(at + 4, STEP[step]);
  view.setUint16(at + 6, ATOMIC_ORDERED);
  return bytes;
}

/** Whether this is the answer to `step`. @throws OpError `protocol` when it is cut. */
export function answers(message: Message, version: Version, step: Step): boolean {
  const at = bodyAt(version) - HEAD;
  const control = message.type === typeOf(version, TYPE.bundleControl);
  if (!control) return false;
  const view = viewOf(message.body);
  atLeast(message.body.length, at + 8, 'a bundle control');
  if (version < 5 && (view.getUint32(0) !== ONF || view.getUint32(4) !== CONTROL))
    throw malformed('an extension that nobody asked for');
  return view.getUint16(at + 4) === STEP[step] + 1;
}

/**
 * The messages that add `count` changes to a bundle, in chunks for a socket's write; that of the n-th has the
 * transaction id `firstXid + n`, and so has the flow_mod inside, which an error of it names. Each that
 * `mod` gives has passed checkFlowMod; it is asked once, in order.
 */
export function* encodeBundleAdds(
  version: Version,
  bundle: number,
  firstXid: number,
  count: number,
  mod: (index: number) => FlowMod,
): Generator<Uint8Array<ArrayBuffer>> {
  const inner = bodyAt(version) + 8;
  for (let first = 0; first < count; ) {
    const part: FlowMod[] = [];
    let size = 0;
    while (first + part.length < count && size < CHUNK) {
      const next = mod(first + part.length);
      part.push(next);
      size += inner + flowModLength(next);
    }
    const bytes = new Uint8Array(size);
    const view = viewOf(bytes);
    let at = 0;
    for (const [offset, next] of part.entries()) {
      const index = first + offset;
      const length = inner + flowModLength(next);
      writeHead(view, at, version, typeOf(version, TYPE.bundleAdd), firstXid + index, length);
      writeExtension(view, at, version, ADD);
      view.setUint32(at + inner - 8, bundle);
      view.setUint16(at + inner - 2, ATOMIC_ORDERED);
      writeFlowMod(bytes, view, at + inner, version, firstXid + index, next);
      at += length;
    }
    yield bytes;
    first += part.length;
  }
}

const ATOMIC_ORDERED = 3;

/** Subtypes of the extension that is 1.3's bundles. */
const CONTROL = 2300;
const ADD = 2301;

/** Large enough for few system calls, small enough to hold little that the switch hasn't read. */
const CHUNK = 64 * 1024;

function typeOf(version: Version, type: number): number {
  return version >= 5 ? type : TYPE.experimenter;
}

/** Where a bundle message's own body begins. */
function bodyAt(version: Version): number {
  return version >= 5 ? HEAD : HEAD + 8;
}

function writeExtension(view: DataView, at: number, version: Version, subtype: number): void {
  if (version >= 5) return;
  view.setUint32(at + HEAD, ONF);
  view.setUint32(at + HEAD + 4, subtype);
}
