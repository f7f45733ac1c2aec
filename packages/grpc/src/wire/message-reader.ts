/**
 * Cuts a stream of bytes into gRPC messages: a flag byte, a big-endian length of four bytes, the message. Memory follows
 * what arrived, never what a length announces.
 */
import { assert, emptyBytes } from "@quorate/base";
import { status } from "../status.ts";
import { StatusError } from "./status-error.ts";

/** Bytes before each message. */
export const prefixBytes = 5;

/** Reads messages; one reader per direction of a call. */
export class MessageReader {
  readonly #bytesMax: number;
  readonly #encoding: string | null;
  #data: Uint8Array = emptyBytes;
  #start = 0;
  #end = 0;
  /** Whether `#data` is ours to append to; otherwise it is the chunk that came last. */
  #owned = false;

  /** @param encoding the peer's `grpc-encoding`, which a compressed message is refused by name with. */
  constructor(bytesMax: number, encoding: string | null) {
    assert(bytesMax > 0, "message reader: no room");
    this.#bytesMax = bytesMax;
    this.#encoding = encoding;
  }

  /** Bytes that belong to no complete message yet. */
  get pendingBytes(): number {
    return this.#end - this.#start;
  }

  /** Adds what arrived. */
  push(chunk: Uint8Array): void {
    // PERF: a unary request comes in one chunk; it is read in place.
    if (this.#start === this.#end) {
      this.#data = chunk;
      this.#start = 0;
      this.#end = chunk.length;
      this.#owned = false;
      return;
    }
    if (!this.#owned || this.#data.length - this.#end < chunk.length) {
      this.#grow(chunk.length);
    }
    this.#data.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /**
   * The next complete message, as a view that lasts until the next {@link push}, or null.
   *
   * @throws StatusError for a compressed or oversized message, or an unknown flag; the reader is of no use after it.
   */
  next(): Uint8Array | null {
    if (this.pendingBytes < prefixBytes) {
      return null;
    }
    const length = this.#checkedLength();
    if (this.pendingBytes - prefixBytes < length) {
      return null;
    }
    const from = this.#start + prefixBytes;
    this.#start = from + length;
    assert(this.#start <= this.#end, "message reader: past the end");
    return this.#data.subarray(from, this.#start);
  }

  #checkedLength(): number {
    const data = this.#data;
    const at = this.#start;
    const flag = data[at] as number;
    if (flag === 1) {
      throw this.#compressed();
    }
    if (flag !== 0) {
      throw new StatusError(status.internal, `grpc: received unexpected payload format ${flag}`);
    }
    const length =
      (data[at + 1] as number) * 2 ** 24 +
      (((data[at + 2] as number) << 16) | ((data[at + 3] as number) << 8) | (data[at + 4] as number));
    if (length > this.#bytesMax) {
      throw new StatusError(
        status.resourceExhausted,
        `grpc: received message larger than max (${length} vs. ${this.#bytesMax})`,
      );
    }
    return length;
  }

  #compressed(): StatusError {
    if (this.#encoding === null || this.#encoding === "identity") {
      return new StatusError(status.internal, "grpc: compressed flag set with identity or empty encoding");
    }
    return new StatusError(
      status.unimplemented,
      `grpc: Decompressor is not installed for grpc-encoding ${JSON.stringify(this.#encoding)}`,
    );
  }

  #grow(extraBytes: number): void {
    const pending = this.pendingBytes;
    const grown = new Uint8Array(Math.max(256, 2 * (pending + extraBytes)));
    grown.set(this.#data.subarray(this.#start, this.#end));
    this.#data = grown;
    this.#start = 0;
    this.#end = pending;
    this.#owned = true;
  }
}
