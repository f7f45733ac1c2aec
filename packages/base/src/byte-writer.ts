/** A growing byte buffer for encoders. Integers are little-endian; numbers are safe non-negative integers. */
import { assert } from "./assert.ts";

/** Longest range that is copied byte by byte. */
const rangeCopiedMax = 48;

/**
 * Appends values to a buffer that doubles as needed.
 *
 * @example
 * ```ts
 * import { ByteReader, ByteWriter, utf8Encode } from "@quorate/base";
 * const writer = new ByteWriter();
 * writer.varint(300);
 * writer.lengthPrefixed(utf8Encode("key"));
 * const reader = new ByteReader(writer.finish());
 * reader.varint(); // 300
 * ```
 */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  constructor(capacityBytes = 256) {
    this.#bytes = new Uint8Array(capacityBytes);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Bytes that the buffer holds before it grows. */
  get capacity(): number {
    return this.#bytes.length;
  }

  u8(value: number): void {
    assert((value & 0xff) === value, "writer: not an unsigned 8-bit number");
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  u16(value: number): void {
    assert((value & 0xffff) === value, "writer: not an unsigned 16-bit number");
    this.u8(value & 0xff);
    this.u8((value >>> 8) & 0xff);
  }

  u32(value: number): void {
    assert(value >>> 0 === value, "writer: not an unsigned 32-bit number");
    this.#reserve(4);
    this.#put32(this.#length, value);
    this.#length += 4;
  }

  /** Eight bytes for a safe integer. */
  u64(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, "writer: not a safe non-negative integer");
    this.#reserve(8);
    this.#put32(this.#length, value % 2 ** 32);
    this.#put32(this.#length + 4, Math.floor(value / 2 ** 32));
    this.#length += 8;
  }

  /** LEB128, as protobuf's varint. */
  varint(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, "writer: not a safe non-negative integer");
    this.#reserve(10);
    const bytes = this.#bytes;
    let at = this.#length;
    let rest = value;
    if (rest > 0x7fffffff) {
      // Above 31 bits the bit operators would cut the number. PERF: one division for four bytes; ids of members have eight.
      let low = rest % 2 ** 28;
      rest = (rest - low) / 2 ** 28;
      for (const end = at + 4; at < end; low >>>= 7) {
        bytes[at++] = (low & 0x7f) | 0x80;
      }
    }
    for (; rest >= 0x80; rest >>>= 7) {
      bytes[at++] = (rest & 0x7f) | 0x80;
    }
    bytes[at++] = rest;
    this.#length = at;
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** `source[start, end)`. PERF: of a few bytes a copy one by one costs less than a view of them. */
  range(source: Uint8Array, start: number, end: number): void {
    assert(start >= 0 && start <= end && end <= source.length, "writer: range outside its source");
    const length = end - start;
    this.#reserve(length);
    const bytes = this.#bytes;
    if (length > rangeCopiedMax) {
      bytes.set(source.subarray(start, end), this.#length);
    } else {
      for (let from = start, to = this.#length; from < end; from++, to++) {
        bytes[to] = source[from] as number;
      }
    }
    this.#length += length;
  }

  /** A varint length, then the bytes. */
  lengthPrefixed(value: Uint8Array): void {
    this.varint(value.length);
    this.bytes(value);
  }

  /** Overwrites four bytes written earlier, such as a length or a checksum known only at the end. */
  patch32(offset: number, value: number): void {
    assert(offset >= 0 && offset + 4 <= this.#length, "writer: patch outside what was written");
    assert(value >>> 0 === value, "writer: not an unsigned 32-bit number");
    this.#put32(offset, value);
  }

  /** What was written, as a view that the next write may move away from: use it at once, or copy it. */
  view(start = 0): Uint8Array {
    return this.#bytes.subarray(start, this.#length);
  }

  /** What was written, copied. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** Gives away what was written, uncopied and with its buffer, and goes on in `next`. */
  handOver(next: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    assert(next.buffer !== this.#bytes.buffer, "writer: goes on in what it gives away");
    const written = this.#bytes.subarray(0, this.#length);
    this.#bytes = next;
    this.#length = 0;
    return written;
  }

  /** Forgets what was written, keeps the buffer. */
  reset(): void {
    this.#length = 0;
  }

  #put32(offset: number, value: number): void {
    const bytes = this.#bytes;
    bytes[offset] = value & 0xff;
    bytes[offset + 1] = (value >>> 8) & 0xff;
    bytes[offset + 2] = (value >>> 16) & 0xff;
    bytes[offset + 3] = (value >>> 24) & 0xff;
  }

  #reserve(extraBytes: number): void {
    const needed = this.#length + extraBytes;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
  }
}
