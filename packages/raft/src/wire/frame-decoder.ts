/**
 * Cuts a byte stream into frames. Header first: an oversize frame is refused before a byte of it is kept, a wrong checksum
 * is a value. After a failure nothing of the stream can be trusted, so it stays failed.
 */
import { assert, ByteReader, crc32c, DecodeError, emptyBytes } from "@quorate/base";
import { type GroupFrame, readPeerFrame } from "./frame-codec.ts";
import { type ControlFrame, readControlFrame } from "./handshake.ts";
import { frameBytesMaxDefault, frameHeaderBytes, isReadable, kindName, wireVersion } from "./layout.ts";

/** Why a stream cannot be read on. */
export type FrameFailure = "oversize" | "checksum" | "version" | "malformed";

/** What {@link FrameDecoder.next} finds. Byte strings in frames are views into one buffer per frame or received chunk. */
export type DecodedFrame =
  | { readonly status: "frame"; readonly content: GroupFrame }
  | { readonly status: "control"; readonly content: ControlFrame }
  | { readonly status: "failed"; readonly failure: FrameFailure; readonly detail: string };

/**
 * An incremental decoder: push what was received, then take frames until there is none.
 *
 * @example
 * ```ts
 * import { ByteWriter } from "@quorate/base";
 * import { encodeControlFrame, FrameDecoder } from "@quorate/raft";
 * const writer = new ByteWriter();
 * encodeControlFrame(writer, { kind: "ping" });
 * const decoder = new FrameDecoder();
 * decoder.push(writer.finish());
 * decoder.next(); // { status: "control", content: { kind: "ping" } }
 * ```
 */
export class FrameDecoder {
  /** Frames above it are refused; a connection keeps it small until the other side is known. */
  frameBytesMax: number;
  #chunk: Uint8Array = emptyBytes;
  #offset = 0;
  /** A frame that did not come in one chunk; the header included. */
  #partial: Uint8Array | null = null;
  #partialLength = 0;
  #failed: DecodedFrame | null = null;

  constructor(frameBytesMax: number = frameBytesMaxDefault) {
    assert(frameBytesMax >= 2, "decoder: no frame is that small");
    this.frameBytesMax = frameBytesMax;
  }

  /** Gives the next received bytes, which belong to the decoder from here on. All frames of the last ones must be taken. */
  push(chunk: Uint8Array): void {
    assert(this.#offset === this.#chunk.length || this.#failed !== null, "decoder: frames were left behind");
    this.#chunk = chunk;
    this.#offset = 0;
  }

  /** The next whole frame, a failure, or null when more bytes are needed. */
  next(): DecodedFrame | null {
    if (this.#failed !== null) {
      return this.#failed;
    }
    return this.#partial === null ? this.#nextInChunk() : this.#nextPartial();
  }

  /** PERF: a frame that lies whole in the chunk is decoded where it lies. */
  #nextInChunk(): DecodedFrame | null {
    const available = this.#chunk.length - this.#offset;
    if (available < frameHeaderBytes) {
      this.#keep(frameHeaderBytes);
      return null;
    }
    const bytes = get32(this.#chunk, this.#offset);
    if (!this.#fits(bytes)) {
      return this.#fail("oversize", `frame of ${bytes} bytes`);
    }
    const end = this.#offset + frameHeaderBytes + bytes;
    if (end > this.#chunk.length) {
      this.#keep(frameHeaderBytes + bytes);
      return null;
    }
    const start = this.#offset;
    this.#offset = end;
    return this.#decode(this.#chunk, start, end);
  }

  #nextPartial(): DecodedFrame | null {
    if (!this.#fill()) {
      return null;
    }
    const partial = this.#partial as Uint8Array;
    if (partial.length > frameHeaderBytes) {
      this.#partial = null;
      return this.#decode(partial, 0, partial.length);
    }
    const bytes = get32(partial, 0);
    if (!this.#fits(bytes)) {
      return this.#fail("oversize", `frame of ${bytes} bytes`);
    }
    const whole = new Uint8Array(frameHeaderBytes + bytes);
    whole.set(partial);
    this.#partial = whole;
    return this.#nextPartial();
  }

  /** Moves bytes of the chunk into the partial frame; whether it is full. */
  #fill(): boolean {
    const partial = this.#partial as Uint8Array;
    const count = Math.min(partial.length - this.#partialLength, this.#chunk.length - this.#offset);
    partial.set(this.#chunk.subarray(this.#offset, this.#offset + count), this.#partialLength);
    this.#partialLength += count;
    this.#offset += count;
    assert(this.#partialLength <= partial.length, "decoder: partial frame overfull");
    return this.#partialLength === partial.length;
  }

  #keep(length: number): void {
    if (this.#offset < this.#chunk.length) {
      this.#partial = new Uint8Array(length);
      this.#partialLength = 0;
      this.#fill();
    }
  }

  #fits(bytes: number): boolean {
    return bytes >= 2 && bytes <= this.frameBytesMax;
  }

  #decode(buffer: Uint8Array, start: number, end: number): DecodedFrame {
    const body = start + frameHeaderBytes;
    assert(body + 2 <= end, "decoder: frame without version and kind");
    if (crc32c(buffer, 0, body, end) !== get32(buffer, start + 4)) {
      return this.#fail("checksum", "checksum of a frame does not match");
    }
    const version = buffer[body] as number;
    if (!isReadable(version, buffer[body + 1] as number)) {
      return this.#fail("version", `frame of version ${version}, this member speaks ${wireVersion}`);
    }
    try {
      return this.#read(buffer, version, body + 1, end);
    } catch (error) {
      if (error instanceof DecodeError) {
        return this.#fail("malformed", error.message);
      }
      throw error;
    }
  }

  #read(buffer: Uint8Array, version: number, start: number, end: number): DecodedFrame {
    const kind = kindName(buffer[start] as number);
    if (kind === undefined) {
      return this.#fail("malformed", `unknown kind ${buffer[start]}`);
    }
    const control = readControlFrame(new ByteReader(buffer, start + 1, end), kind, version);
    if (control !== null) {
      return { status: "control", content: control };
    }
    const content = readPeerFrame(new ByteReader(buffer, start + 1, end), kind);
    assert(content !== null, "decoder: every kind has a reader");
    return { status: "frame", content };
  }

  #fail(failure: FrameFailure, detail: string): DecodedFrame {
    this.#failed = { status: "failed", failure, detail };
    this.#partial = null;
    return this.#failed;
  }
}

function get32(bytes: Uint8Array, at: number): number {
  assert(at + 4 <= bytes.length, "decoder: number beyond the end");
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  );
}
