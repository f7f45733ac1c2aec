/**
 * RFC 9113 §4.3: header blocks, put together from HEADERS and CONTINUATION, decoded, and remembered.
 *
 * PERF: a client that calls the same method again sends the same few bytes again; while the dynamic table did not change in
 * between, they mean the same, and nothing is decoded.
 */
import { assert } from "@quorate/base";
import { HpackDecoder } from "./hpack/decoder.ts";
import type { HeaderField } from "./hpack/field.ts";
import { ConnectionError, errorCode } from "./protocol.ts";
import { areTrailers, assembleRequest, type RequestHead } from "./request-head.ts";

/** How much longer a block may be than the list it stands for may be: then the client is answered, not disconnected. */
const blockFactor = 4;
const continuationCountMax = 64;
const rememberedCount = 8;
const rememberedBytesMax = 512;

/** One decoded block. */
export class HeaderList {
  readonly #fields: readonly HeaderField[];
  /** Longer than the limit: its fields are not all here. */
  readonly tooLarge: boolean;
  /** RFC 9113 §6.5.2: what it counts as, which is more than what it takes. */
  readonly bytes: number;
  #request: RequestHead | null | undefined;

  constructor(fields: readonly HeaderField[], bytes: number, tooLarge: boolean) {
    this.#fields = fields;
    this.bytes = bytes;
    this.tooLarge = tooLarge;
  }

  /** The request it makes, or null when malformed. */
  get request(): RequestHead | null {
    if (this.#request === undefined) {
      this.#request = assembleRequest(this.#fields);
    }
    return this.#request;
  }

  get areTrailers(): boolean {
    return areTrailers(this.#fields);
  }
}

interface Remembered {
  readonly block: Buffer;
  readonly version: number;
  readonly list: HeaderList;
}

/** The header blocks of one connection. */
export class HeaderBlocks {
  readonly #decoder: HpackDecoder;
  readonly #listBytesMax: number;
  readonly #blockBytesMax: number;
  readonly #remembered: (Remembered | null)[] = new Array<Remembered | null>(rememberedCount).fill(null);
  #nextSlot = 0;
  #parts: Buffer[] = [];
  #partsBytes = 0;

  constructor(listBytesMax: number) {
    this.#decoder = new HpackDecoder(listBytesMax);
    this.#listBytesMax = listBytesMax;
    this.#blockBytesMax = listBytesMax * blockFactor;
  }

  /** Keeps one part of a block that comes in several. @throws ConnectionError when it becomes too long. */
  addPart(bytes: Buffer, start: number, end: number): void {
    this.#partsBytes += end - start;
    if (this.#parts.length > continuationCountMax || this.#partsBytes > this.#blockBytesMax) {
      throw new ConnectionError(errorCode.enhanceYourCalm, "flood of CONTINUATION");
    }
    this.#parts.push(bytes.subarray(start, end));
  }

  /** Decodes the parts added. @throws ConnectionError, as {@link HpackDecoder.decode}. */
  decodeParts(): HeaderList {
    assert(this.#parts.length > 0, "header blocks: nothing to decode");
    const block = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#partsBytes = 0;
    return this.decode(block, 0, block.length);
  }

  /** Decodes a block that came whole. @throws ConnectionError, as {@link HpackDecoder.decode}. */
  decode(bytes: Buffer, start: number, end: number): HeaderList {
    assert(this.#parts.length === 0, "header blocks: one at a time");
    const known = this.#find(bytes, start, end);
    if (known !== null) {
      return known;
    }
    const version = this.#decoder.version;
    const fields = this.#decoder.decode(bytes, start, end);
    const list = new HeaderList(
      fields,
      this.#decoder.listBytes,
      this.#decoder.listBytes > this.#listBytesMax,
    );
    if (this.#decoder.version === version && end - start <= rememberedBytesMax) {
      const block = Buffer.from(bytes.subarray(start, end));
      this.#remembered[this.#nextSlot] = { block, version, list };
      this.#nextSlot = (this.#nextSlot + 1) % rememberedCount;
    }
    return list;
  }

  #find(bytes: Buffer, start: number, end: number): HeaderList | null {
    const version = this.#decoder.version;
    for (let slot = 0; slot < rememberedCount; slot++) {
      const one = this.#remembered[slot];
      if (one === null || one === undefined) {
        return null;
      }
      if (one.version === version && sameBytes(one.block, bytes, start, end)) {
        return one.list;
      }
    }
    return null;
  }
}

function sameBytes(block: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (block.length !== end - start) {
    return false;
  }
  for (let i = 0; i < block.length; i++) {
    if (block[i] !== bytes[start + i]) {
      return false;
    }
  }
  return true;
}
