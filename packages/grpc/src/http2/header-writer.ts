/**
 * RFC 9113 §4.3 in the sending direction: header blocks, encoded and cut into HEADERS and CONTINUATION.
 *
 * PERF: what every answer repeats is encoded once; after that it is a few bytes to copy.
 */
import { encodedBytesMax, type Fields, HpackEncoder } from "./hpack/encoder.ts";
import type { Outbox } from "./outbox.ts";
import { flag, frameBytesDefault, frameType } from "./protocol.ts";

/** The head of a gRPC answer. */
export const answerFields: Fields = [
  [":status", "200"],
  ["content-type", "application/grpc"],
  ["grpc-accept-encoding", "identity"],
];
/** The trailers of a call that went well. */
export const okFields: Fields = [["grpc-status", "0"]];

/**
 * A header block that every answer repeats.
 *
 * PERF: once its fields are in the dynamic table, its encoded form is the same few bytes each time.
 */
class RestingBlock {
  readonly fields: Fields;
  #bytes: Buffer = Buffer.alloc(0);
  #version = -1;

  constructor(fields: Fields) {
    this.fields = fields;
  }

  /** The encoded block, or null when it has to be encoded anew. */
  encoded(encoder: HpackEncoder): Buffer | null {
    return this.#version === encoder.version && !encoder.owesSizeUpdate ? this.#bytes : null;
  }

  /** Notes what encoding gave, which is good for the next time when it changed nothing in the table. */
  remember(encoder: HpackEncoder, versionBefore: number, bytes: Uint8Array): void {
    if (encoder.version === versionBefore) {
      this.#bytes = Buffer.from(bytes);
      this.#version = versionBefore;
    }
  }
}

/** The header blocks that a connection sends. */
export class HeaderWriter {
  readonly #outbox: Outbox;
  readonly #encoder = new HpackEncoder();
  readonly #answerHead = new RestingBlock(answerFields);
  readonly #okTrailers = new RestingBlock(okFields);

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  /** The encoded head of an answer, or null while it must be written by {@link writeAnswerHead}. */
  get answerHead(): Buffer | null {
    return this.#answerHead.encoded(this.#encoder);
  }

  /** The encoded trailers of status OK, or null while they must be written by {@link write}. */
  get okTrailers(): Buffer | null {
    return this.#okTrailers.encoded(this.#encoder);
  }

  /** The client allows another size of dynamic table. */
  setTableBytesMax(bytesMax: number): void {
    this.#encoder.setTableBytesMax(bytesMax);
  }

  /** Writes the head of an answer that consists of messages. */
  writeAnswerHead(streamId: number): void {
    this.#writeResting(streamId, this.#answerHead, false);
  }

  /** Writes headers or trailers. */
  write(streamId: number, fields: Fields, endStream: boolean): void {
    if (fields === okFields) {
      this.#writeResting(streamId, this.#okTrailers, endStream);
    } else {
      this.#writeBlock(streamId, this.#encode(fields, false), endStream);
    }
  }

  #writeResting(streamId: number, block: RestingBlock, endStream: boolean): void {
    const bytes = block.encoded(this.#encoder);
    if (bytes === null) {
      const version = this.#encoder.version;
      const encoded = this.#encode(block.fields, true);
      block.remember(this.#encoder, version, encoded);
      this.#writeBlock(streamId, encoded, endStream);
    } else {
      this.#writeBlock(streamId, bytes, endStream);
    }
  }

  #encode(fields: Fields, indexed: boolean): Uint8Array {
    const block = Buffer.allocUnsafe(encodedBytesMax(fields));
    return block.subarray(0, this.#encoder.encode(fields, indexed, block, 0));
  }

  /** §4.3: HEADERS, and CONTINUATION behind it where one frame is too short. */
  #writeBlock(streamId: number, block: Uint8Array, endStream: boolean): void {
    let from = 0;
    let type: number = frameType.headers;
    let flags: number = endStream ? flag.endStream : 0;
    do {
      const to = Math.min(block.length, from + frameBytesDefault);
      const last = to === block.length ? flag.endHeaders : 0;
      this.#outbox.addFrame(type, flags | last, streamId, block.subarray(from, to));
      type = frameType.continuation;
      flags = 0;
      from = to;
    } while (from < block.length);
  }
}
