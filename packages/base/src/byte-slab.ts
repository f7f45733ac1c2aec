/**
 * Keeps many small byte strings in few buffers. PERF: a buffer of its own for each command of 300 bytes costs the collector more than
 * the bytes: 100,000 entries in a log's window are then as many objects outside the heap to track and free.
 */
import { assert } from "./assert.ts";
import { ByteWriter } from "./byte-writer.ts";

const slabBytesDefault: number = 64 * 1024;

/**
 * Hands out copies as views into slabs. A slab is freed when none of its views is left, so it suits byte strings that live and die
 * in the order in which they came. No byte of a slab is ever used twice.
 *
 * @example
 * ```ts
 * import { ByteSlab, utf8Encode } from "@quorate/base";
 * const slab = new ByteSlab();
 * const kept = slab.copy(utf8Encode("command"));
 * kept.length; // 7
 * ```
 */
export class ByteSlab {
  readonly #slabBytes: number;
  /** Writes to the present slab, from its beginning to its end. */
  readonly #writer = new ByteWriter(0);

  constructor(slabBytes: number = slabBytesDefault) {
    assert(slabBytes > 0, "slab: no room");
    this.#slabBytes = slabBytes;
  }

  /** A copy of `bytes` that nobody else writes to. What would waste a quarter of a slab gets a buffer of its own. */
  copy(bytes: Uint8Array): Uint8Array {
    return bytes.length > this.#slabBytes / 4 ? bytes.slice() : this.write(bytes.length, writeBytes, bytes);
  }

  /**
   * What `encode` writes of `value`, kept as a {@link copy} is. `bytesAbout` says how long that will be: too low a guess costs time.
   *
   * PERF: written where it stays; made elsewhere and copied it took another view, and the time of the copy.
   */
  write<T>(bytesAbout: number, encode: (writer: ByteWriter, value: T) => void, value: T): Uint8Array {
    assert(bytesAbout >= 0, "slab: less than nothing");
    if (bytesAbout > this.#slabBytes / 4) {
      const own = new ByteWriter(bytesAbout);
      encode(own, value);
      // Where it grew it has up to twice the room that it needs, and is kept for long.
      return own.capacity > bytesAbout ? own.finish() : own.view();
    }
    const writer = this.#writer;
    if (writer.length + bytesAbout > writer.capacity) {
      writer.handOver(new Uint8Array(this.#slabBytes));
    }
    const start = writer.length;
    encode(writer, value);
    if (writer.capacity <= this.#slabBytes) {
      return writer.view(start);
    }
    // It outgrew the slab: small ones behind it would keep all of its room.
    const bytes = writer.view(start).slice();
    writer.handOver(new Uint8Array(0));
    return bytes;
  }
}

function writeBytes(writer: ByteWriter, bytes: Uint8Array): void {
  writer.bytes(bytes);
}
