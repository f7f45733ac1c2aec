/** HEADERS and CONTINUATION, RFC 9113 §6.2 and §6.10: what they say beside their header block, and the block put together. */
import type { Floods } from "./floods.ts";
import { unpaddedEnd } from "./frame-reader.ts";
import { HeaderBlocks, type HeaderList } from "./header-blocks.ts";
import { ConnectionError, errorCode, flag } from "./protocol.ts";

/** A priority's bytes in HEADERS, and the whole of PRIORITY. */
export const priorityBytes = 5;

/** The header frames of one connection. */
export class HeaderFrames {
  readonly #blocks: HeaderBlocks;
  readonly #floods: Floods;
  #openId = 0;
  #endsStream = false;
  #isCircular = false;

  constructor(listBytesMax: number, floods: Floods) {
    this.#blocks = new HeaderBlocks(listBytesMax);
    this.#floods = floods;
  }

  /** The stream whose block goes on in CONTINUATION, or 0. */
  get openId(): number {
    return this.#openId;
  }

  /** Whether the last block ended its stream. */
  get endsStream(): boolean {
    return this.#endsStream;
  }

  /** Whether the last block's stream shall depend on itself, RFC 7540 §5.3.1. */
  get isCircular(): boolean {
    return this.#isCircular;
  }

  /** HEADERS: the list when its block is whole, null while CONTINUATION has to come. */
  takeHeaders(flags: number, streamId: number, bytes: Buffer, start: number, end: number): HeaderList | null {
    let from = (flags & flag.padded) === 0 ? start : start + 1;
    const to = unpaddedEnd(flags, bytes, start, end);
    this.#isCircular = false;
    if ((flags & flag.priority) !== 0) {
      if (to - from < priorityBytes) {
        throw new ConnectionError(errorCode.frameSizeError, "HEADERS too short for its priority");
      }
      this.#isCircular = (bytes.readUInt32BE(from) & 0x7fffffff) === streamId;
      from += priorityBytes;
    }
    this.#endsStream = (flags & flag.endStream) !== 0;
    if ((flags & flag.endHeaders) !== 0) {
      return this.#blocks.decode(bytes, from, to);
    }
    this.#openId = streamId;
    this.#blocks.addPart(bytes, from, to);
    return null;
  }

  /** CONTINUATION of the open block: the list once it is whole. */
  takeContinuation(flags: number, bytes: Buffer, start: number, end: number): HeaderList | null {
    if (this.#openId === 0) {
      throw new ConnectionError(errorCode.protocolError, "CONTINUATION of nothing");
    }
    const last = (flags & flag.endHeaders) !== 0;
    if (start === end && !last) {
      this.#floods.countEmpty();
    }
    this.#blocks.addPart(bytes, start, end);
    if (!last) {
      return null;
    }
    this.#openId = 0;
    return this.#blocks.decodeParts();
  }
}
