/**
 * What a connection has to send in this turn of the event loop, in one buffer.
 *
 * PERF: a write per connection and turn instead of one per answer; buffers are lent by a pool that all connections of a
 * server share, so that idle ones hold none.
 */
import { assert } from "@quorate/base";
import { flag, frameBytesDefault, frameHeaderBytes, frameType } from "./protocol.ts";

const pooledBytes = 64 * 1024;
const pooledCountMax = 64;

/** Lends buffers of one size. */
export class BufferPool {
  readonly #free: Buffer[] = [];

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(pooledBytes);
  }

  /** Takes a buffer back that nobody reads any more; others than its own are left to the garbage collector. */
  give(buffer: Buffer): void {
    if (buffer.length === pooledBytes && this.#free.length < pooledCountMax) {
      this.#free.push(buffer);
    }
  }
}

/** Frames in the order in which they leave. */
export class Outbox {
  readonly #pool: BufferPool;
  /** Null while there is nothing to send. */
  #buffer: Buffer | null = null;
  #length = 0;
  /** What was handed out last. */
  #spare: Buffer | null = null;
  /** The DATA frame that was added last: where it begins and ends, and its stream; 0 when nothing may be added to it. */
  #dataStart = 0;
  #dataEnd = 0;
  #dataStream = 0;

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** Bytes that wait. */
  get length(): number {
    return this.#length;
  }

  /** The buffer with room for `bytes` more; what is written there counts by {@link advance}. */
  reserve(bytes: number): Buffer {
    const buffer = this.#buffer;
    if (buffer === null) {
      this.#buffer = bytes <= pooledBytes ? this.#pool.take() : Buffer.allocUnsafeSlow(bytes);
      return this.#buffer;
    }
    if (buffer.length - this.#length >= bytes) {
      return buffer;
    }
    const grown = Buffer.allocUnsafeSlow(2 * (this.#length + bytes));
    buffer.copy(grown, 0, 0, this.#length);
    this.#pool.give(buffer);
    this.#buffer = grown;
    return grown;
  }

  /** Everything up to `end` of the reserved buffer is to be sent. */
  advance(end: number): void {
    assert(this.#buffer !== null, "outbox: nothing reserved");
    assert(end >= this.#length && end <= this.#buffer.length, "outbox: beyond what was reserved");
    this.#length = end;
  }

  /** Adds one short frame. */
  addFrame(type: number, flags: number, streamId: number, payload: Uint8Array): void {
    const buffer = this.reserve(frameHeaderBytes + payload.length);
    const at = writeFrameHeader(buffer, this.#length, payload.length, type, flags, streamId);
    buffer.set(payload, at);
    this.advance(at + payload.length);
  }

  /** Adds one frame whose payload is a number of four bytes: RST_STREAM, WINDOW_UPDATE. */
  addNumberFrame(type: number, streamId: number, value: number): void {
    const buffer = this.reserve(frameHeaderBytes + 4);
    const at = writeFrameHeader(buffer, this.#length, 4, type, 0, streamId);
    this.advance(buffer.writeUInt32BE(value, at));
  }

  /**
   * Adds room for `bytes` of a stream's body; returns where they are to be written in {@link bytes}.
   *
   * PERF: what follows DATA of the same stream joins its frame. A watch stream has a hundred short messages for one put; clients
   * spend more on a frame than on a message.
   */
  addData(streamId: number, bytes: number, endStream: boolean): number {
    const start = this.#dataStart;
    const joined = this.#length - start - frameHeaderBytes + bytes;
    const joins =
      this.#dataStream === streamId && this.#dataEnd === this.#length && joined <= frameBytesDefault;
    const flags = endStream ? flag.endStream : 0;
    const out = this.reserve(joins ? bytes : frameHeaderBytes + bytes);
    let at = this.#length;
    if (joins) {
      writeFrameHeader(out, start, joined, frameType.data, flags, streamId);
    } else {
      this.#dataStart = at;
      at = writeFrameHeader(out, at, bytes, frameType.data, flags, streamId);
    }
    this.#length = at + bytes;
    this.#dataEnd = this.#length;
    this.#dataStream = endStream ? 0 : streamId;
    return at;
  }

  /** The buffer that what waits is written to. */
  get bytes(): Buffer {
    assert(this.#buffer !== null, "outbox: no bytes");
    return this.#buffer;
  }

  /** Hands out what waits. The caller gives the buffer back once it has left, or drops it. */
  takeBytes(): Buffer | null {
    const buffer = this.#buffer;
    if (buffer === null || this.#length === 0) {
      return null;
    }
    const bytes = buffer.subarray(0, this.#length);
    this.#spare = buffer;
    this.#buffer = null;
    this.#length = 0;
    this.#dataStream = 0;
    return bytes;
  }

  /** What {@link takeBytes} handed out last may be used again (`left`) or not. */
  recycle(left: boolean): void {
    if (this.#spare !== null && left) {
      this.#pool.give(this.#spare);
    }
    this.#spare = null;
  }

  /** Forgets what waits. */
  clear(): void {
    if (this.#buffer !== null) {
      this.#pool.give(this.#buffer);
      this.#buffer = null;
      this.#length = 0;
      this.#dataStream = 0;
    }
  }
}

/** §4.1. Returns where the payload begins. */
export function writeFrameHeader(
  out: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): number {
  out[at] = length >>> 16;
  out[at + 1] = length >>> 8;
  out[at + 2] = length;
  out[at + 3] = type;
  out[at + 4] = flags;
  out[at + 5] = streamId >>> 24;
  out[at + 6] = streamId >>> 16;
  out[at + 7] = streamId >>> 8;
  out[at + 8] = streamId;
  return at + frameHeaderBytes;
}
