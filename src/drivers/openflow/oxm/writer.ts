// A buffer that grows, for big-endian protocols.

export class Writer {
  bytes: Uint8Array = new Uint8Array(4096);
  length = 0;

  /** Makes room for `size` more bytes and gives the place of the first. */
  reserve(size: number): number {
    const at = this.length;
    this.length = at + size;
    if (this.length > this.bytes.length) {
      const larger = new Uint8Array(Math.max(this.length, this.bytes.length * 2));
      larger.set(this.bytes.subarray(0, at));
      this.bytes = larger;
    }
    return at;
  }

  /** `width` bytes of a number up to 2^53. */
  number(value: number, width: number): void {
    const at = this.reserve(width);
    let rest = value;
    for (let index = width - 1; index >= 0; index -= 1) {
      this.bytes[at + index] = rest % 256;
      rest = Math.floor(rest / 256);
    }
  }

  /** All of `from`, or its first bytes. */
  put(from: Uint8Array, size = from.length): void {
    const at = this.reserve(size);
    const { bytes } = this;
    if (size > 40) bytes.set(size === from.length ? from : from.subarray(0, size), at);
    else for (let index = 0; index < size; index += 1) bytes[at + index] = from[index] as number;
  }

  /** Zeros until the length from `start` on is a multiple of 8. */
  pad(start: number): void {
    const size = -(this.length - start) & 7;
    const at = this.reserve(size);
    this.bytes.fill(0, at, at + size);
  }

  /** Writes a 16-bit number over what is at `at`. */
  patch(at: number, value: number): void {
    this.bytes[at] = value >> 8;
    this.bytes[at + 1] = value & 255;
  }

  /** A copy of what was written from `start` on. */
  slice(start = 0): Uint8Array {
    return this.bytes.slice(start, this.length);
  }
}
