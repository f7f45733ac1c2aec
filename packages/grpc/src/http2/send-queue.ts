/** What a stream still has to send behind its headers, in the order in which it leaves. */
import { assert, must, RingBuffer } from "@quorate/base";
import { prefixBytes } from "../wire/message-reader.ts";
import type { Fields } from "./hpack/encoder.ts";

/** Room that is made at once for messages that wait behind others: watchers' are short, and come by the hundred. */
const roomBytesMax = 4096;

/** Bytes that wait, `bytes[start, end)`; behind them the buffer may have room. */
interface Chunk {
  readonly bytes: Uint8Array;
  start: number;
  end: number;
  /** Whether more may be put behind its end. */
  readonly grows: boolean;
}

/** See the head of this file. */
export class SendQueue {
  readonly #chunks: RingBuffer<Chunk> = new RingBuffer();
  #bytes = 0;
  /** Whether the end follows; with trailers, or with the last byte. */
  ending = false;
  trailers: Fields | null = null;

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds bytes, which belong to the queue from here on. */
  push(bytes: Uint8Array): void {
    assert(bytes.length > 0, "send queue: nothing to wait for");
    this.#chunks.push({ bytes, start: 0, end: bytes.length, grows: false });
    this.#bytes += bytes.length;
  }

  /** Adds a gRPC message, copied. */
  pushMessage(message: Uint8Array): void {
    assert(message.length < 2 ** 32, "send queue: longer than its length can say");
    const length = prefixBytes + message.length;
    const chunk = this.#chunkFor(length);
    const { bytes, end } = chunk;
    bytes[end] = 0;
    bytes[end + 1] = message.length >>> 24;
    bytes[end + 2] = message.length >>> 16;
    bytes[end + 3] = message.length >>> 8;
    bytes[end + 4] = message.length;
    bytes.set(message, end + prefixBytes);
    chunk.end += length;
    this.#bytes += length;
  }

  /** Moves the first bytes to `out`, beginning at `at`. */
  shiftTo(out: Uint8Array, at: number, bytes: number): void {
    assert(bytes > 0 && bytes <= this.#bytes, "send queue: more than there is");
    this.#bytes -= bytes;
    for (let left = bytes, to = at; left > 0; ) {
      const chunk = must(this.#chunks.peek(), "send queue: miscounted");
      const part = Math.min(left, chunk.end - chunk.start);
      out.set(chunk.bytes.subarray(chunk.start, chunk.start + part), to);
      chunk.start += part;
      to += part;
      left -= part;
      if (chunk.start === chunk.end) {
        this.#chunks.shift();
      }
    }
  }

  /** PERF: messages share buffers. What is free of them is never more than what waits, which is what counts against bounds. */
  #chunkFor(length: number): Chunk {
    const count = this.#chunks.length;
    const last = count === 0 ? undefined : this.#chunks.at(count - 1);
    if (last?.grows === true && last.bytes.length - last.end >= length) {
      return last;
    }
    const room = Math.max(length, Math.min(this.#bytes, roomBytesMax));
    const chunk = { bytes: Buffer.allocUnsafeSlow(room), start: 0, end: 0, grows: true };
    this.#chunks.push(chunk);
    return chunk;
  }
}
