// OpenFlow messages out of a byte stream (OpenFlow 1.4.1 §7.1). Pure: no socket.

import { HEAD, type Message, malformed, viewOf } from './message.ts';

/** The highest version and type that there are (1.5): more is no OpenFlow. */
const LAST_VERSION = 6;
const LAST_TYPE = 35;

/**
 * Cuts a stream at the ends of its messages. A message that lies within one chunk is a view of it, so that a chunk
 * belongs to the framer once it was pushed; one that spans chunks is copied once.
 */
export class Framer {
  readonly #head = new Uint8Array(HEAD);
  /** The message under way once its head is known, and how much of it (or of the head) is there. */
  #message: Uint8Array | null = null;
  #have = 0;

  /** True between the first and the last byte of a message. */
  get inside(): boolean {
    return this.#have > 0;
  }

  /**
   * The messages that `chunk` completes, in order.
   * @throws OpError `protocol` for bytes that can't be a message. The stream is then lost.
   */
  push(chunk: Uint8Array): readonly Message[] {
    // A Buffer's subarrays are Buffers, which are no equals of Uint8Arrays.
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
    const view = viewOf(bytes);
    const messages: Message[] = [];
    let at = this.#have > 0 ? this.#resume(bytes, messages) : 0;
    while (bytes.length - at >= HEAD) {
      const length = lengthOf(view, at);
      if (at + length > bytes.length) break;
      messages.push(cut(bytes, view, at, length));
      at += length;
    }
    if (at < bytes.length) this.#keep(bytes.subarray(at));
    return messages;
  }

  /** Goes on with the message under way. @returns how much of `bytes` it took. */
  #resume(bytes: Uint8Array, messages: Message[]): number {
    let at = 0;
    if (this.#message === null) {
      at = Math.min(HEAD - this.#have, bytes.length);
      this.#head.set(bytes.subarray(0, at), this.#have);
      this.#have += at;
      if (this.#have < HEAD) return at;
      this.#message = new Uint8Array(lengthOf(viewOf(this.#head), 0));
      this.#message.set(this.#head);
    }
    const message = this.#message;
    const part = bytes.subarray(at, at + message.length - this.#have);
    message.set(part, this.#have);
    this.#have += part.length;
    if (this.#have === message.length) {
      messages.push(cut(message, viewOf(message), 0, message.length));
      this.#message = null;
      this.#have = 0;
    }
    return at + part.length;
  }

  #keep(rest: Uint8Array): void {
    if (rest.length >= HEAD) this.#message = new Uint8Array(lengthOf(viewOf(rest), 0));
    (this.#message ?? this.#head).set(rest);
    this.#have = rest.length;
  }
}

function lengthOf(view: DataView, at: number): number {
  const [version, type, length] = [view.getUint8(at), view.getUint8(at + 1), view.getUint16(at + 2)];
  if (version < 1 || version > LAST_VERSION || type > LAST_TYPE)
    throw malformed(`version ${version}, type ${type} where a message begins`);
  if (length < HEAD) throw malformed(`a message of ${length} bytes, ${HEAD} at least`);
  return length;
}

function cut(bytes: Uint8Array, view: DataView, at: number, length: number): Message {
  return {
    version: view.getUint8(at),
    type: view.getUint8(at + 1),
    xid: view.getUint32(at + 4),
    body: bytes.subarray(at + HEAD, at + length),
  };
}
