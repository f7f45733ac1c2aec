/**
 * RFC 9113 §4.1 in the receiving direction: cuts a stream of bytes into frames.
 *
 * PERF: a frame that lies whole in the chunk is handed on as a range of the chunk; only one that two chunks share is copied,
 * into a buffer of its own. Both live on as long as somebody holds a view of them. Memory is bounded by one frame.
 */
import { assert } from "@quorate/base";
import {
  ConnectionError,
  connectionPreface,
  errorCode,
  flag,
  frameBytesDefault,
  frameHeaderBytes,
} from "./protocol.ts";

/** Who takes the frames. */
export interface FrameSink {
  /** One frame, its payload `bytes[start, end)`. @throws ConnectionError to stop. */
  takeFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void;
}

/** Reads the frames of one connection. */
export class FrameReader {
  readonly #sink: FrameSink;
  #prefaceBytes = 0;
  /** The header of a frame that two chunks share. */
  readonly #head: Buffer = Buffer.alloc(frameHeaderBytes);
  #headBytes = 0;
  /** The payload of such a frame, null while its header is not whole. */
  #payload: Buffer | null = null;
  #payloadBytes = 0;
  #stopped = false;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Whether the client has shown that it speaks HTTP/2. */
  get sawPreface(): boolean {
    return this.#prefaceBytes === connectionPreface.length;
  }

  /** No frame is handed on any more, not even from the chunk that is being read. */
  stop(): void {
    this.#stopped = true;
  }

  /** Reads a chunk, which belongs to the reader from here on. @throws ConnectionError, also the sink's. */
  push(chunk: Buffer): void {
    let at = this.sawPreface ? 0 : this.#readPreface(chunk);
    if (this.#headBytes > 0) {
      at = this.#continueFrame(chunk, at);
    }
    while (!this.#stopped && chunk.length - at >= frameHeaderBytes) {
      const start = at + frameHeaderBytes;
      const end = start + this.#checkedLength(chunk, at);
      if (end > chunk.length) {
        break;
      }
      this.#emit(chunk, at, chunk, start, end);
      at = end;
    }
    if (!this.#stopped && at < chunk.length) {
      this.#continueFrame(chunk, at);
    }
  }

  #emit(head: Buffer, at: number, bytes: Buffer, start: number, end: number): void {
    const streamId =
      (((head[at + 5] as number) & 0x7f) << 24) |
      ((head[at + 6] as number) << 16) |
      ((head[at + 7] as number) << 8) |
      (head[at + 8] as number);
    this.#sink.takeFrame(head[at + 3] as number, head[at + 4] as number, streamId, bytes, start, end);
  }

  /** Fills the header, then the payload of the frame at hand; returns how far the chunk was used. */
  #continueFrame(chunk: Buffer, from: number): number {
    let at = from;
    if (this.#payload === null) {
      const taken = Math.min(frameHeaderBytes - this.#headBytes, chunk.length - at);
      chunk.copy(this.#head, this.#headBytes, at, at + taken);
      this.#headBytes += taken;
      at += taken;
      if (this.#headBytes < frameHeaderBytes) {
        return at;
      }
      this.#payload = Buffer.allocUnsafeSlow(this.#checkedLength(this.#head, 0));
      this.#payloadBytes = 0;
    }
    const payload = this.#payload;
    const taken = Math.min(payload.length - this.#payloadBytes, chunk.length - at);
    chunk.copy(payload, this.#payloadBytes, at, at + taken);
    this.#payloadBytes += taken;
    at += taken;
    if (this.#payloadBytes === payload.length) {
      this.#payload = null;
      this.#headBytes = 0;
      this.#emit(this.#head, 0, payload, 0, payload.length);
    }
    return at;
  }

  #checkedLength(head: Buffer, at: number): number {
    const length = ((head[at] as number) << 16) | ((head[at + 1] as number) << 8) | (head[at + 2] as number);
    if (length > frameBytesDefault) {
      throw new ConnectionError(errorCode.frameSizeError, "frame longer than SETTINGS_MAX_FRAME_SIZE");
    }
    return length;
  }

  #readPreface(chunk: Buffer): number {
    let at = 0;
    while (at < chunk.length && this.#prefaceBytes < connectionPreface.length) {
      if (chunk[at] !== connectionPreface[this.#prefaceBytes]) {
        throw new ConnectionError(errorCode.protocolError, "not the preface of HTTP/2");
      }
      at++;
      this.#prefaceBytes++;
    }
    assert(this.#headBytes === 0, "frame reader: no frame before the preface");
    return at;
  }
}

/** §6.1: where the payload ends before its padding. @throws ConnectionError when there is more padding than payload. */
export function unpaddedEnd(flags: number, bytes: Buffer, start: number, end: number): number {
  if ((flags & flag.padded) === 0) {
    return end;
  }
  if (start === end) {
    throw new ConnectionError(errorCode.frameSizeError, "a padded frame without its padding's length");
  }
  const to = end - (bytes[start] as number);
  if (to <= start) {
    throw new ConnectionError(errorCode.protocolError, "more padding than payload");
  }
  return to;
}
