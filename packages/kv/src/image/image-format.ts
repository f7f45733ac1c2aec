/**
 * The form of an image of the state machine: blocks, each with a section tag, the section's version, a length and a
 * checksum. A reader that meets a tag or version it does not know was given the image of a newer version and refuses it by
 * name. New tables (sessions) become sections of their own.
 */
import { assert, ByteReader, ByteWriter, crc32c, DecodeError, emptyBytes } from "@quorate/base";
import { UnsupportedFormat } from "../errors.ts";

/** Section tags, with the version of each section's form. A tag is never given to another section. */
export const section = {
  /** Always first: magic, format version, what was applied, the revisions. */
  head: { tag: 1, version: 1 },
  /** Versions older than the compact revision that it shows, in key order. */
  base: { tag: 2, version: 1 },
  /** Versions from the compact revision on, in the order they were made. */
  log: { tag: 3, version: 1 },
  members: { tag: 4, version: 1 },
  /** By ascending id, in any number of blocks; none where there is no lease. */
  leases: { tag: 5, version: 1 },
  /** In any number of blocks; none where nobody ever touched access control. */
  auth: { tag: 6, version: 1 },
  /** By kind and member; none where there is no alarm. */
  alarms: { tag: 7, version: 1 },
  /** Where a downgrade is under way. */
  downgrade: { tag: 9, version: 1 },
  /** In place of base and log, in any number of blocks: what the store's memory consists of. */
  memory: { tag: 10, version: 1 },
  /** That memory, in any number of blocks. */
  arrays: { tag: 11, version: 1 },
  /** Always last: counts of what came before. */
  end: { tag: 255, version: 1 },
} as const;

/** A section's name. */
export type SectionName = keyof typeof section;

const sectionNames = [
  "head",
  "base",
  "log",
  "members",
  "leases",
  "auth",
  "alarms",
  "downgrade",
  "memory",
  "arrays",
  "end",
] as const satisfies readonly SectionName[];

/** Numbers set aside for sections that are not written yet, so that an older member can name what it meets. */
const reservedTags: ReadonlyMap<number, string> = new Map([[8, "sessions"]]);

/** First bytes of every image. */
export const imageMagic = 0x564b5251;

/** Version of the block form and of the order of sections. */
export const imageFormatVersion = 1;

/** Bytes before a block's payload: tag, section version, payload length. */
const blockHeadBytes = 8;
const checksumBytes = 4;

/** Largest payload that is accepted: the largest key and value with room to spare. */
const payloadBytesMax = 0x10000000;

/**
 * What a block's checksum covers: all before it, or its head.
 *
 * PERF: arrays are most of an image that a start waits for. What they name was checked with the memory; their bytes are checked by what
 * the image was kept in, or by its seal, before the machine is told that the image is whole.
 */
function checksumOf(block: Uint8Array): number {
  const isArrays = new ByteReader(block).u16() === section.arrays.tag;
  return crc32c(block, 0, 0, isArrays ? blockHeadBytes : block.length);
}

/** Starts a block in an empty writer, whose payload the caller then appends. */
export function beginBlock(writer: ByteWriter, name: SectionName): void {
  assert(writer.length === 0, "image: block begun within another");
  writer.u16(section[name].tag);
  writer.u16(section[name].version);
  writer.u32(0);
}

/** Completes the block with its length and checksum, and returns it, copied: into `room`, where it fits. */
export function endBlock(writer: ByteWriter, room: Uint8Array | null = null): Uint8Array {
  const payloadBytes = writer.length - blockHeadBytes;
  assert(payloadBytes >= 0 && payloadBytes <= payloadBytesMax, "image: block too large");
  writer.patch32(4, payloadBytes);
  writer.u32(checksumOf(writer.view()));
  const block = room !== null && room.length >= writer.length ? copyInto(room, writer) : writer.finish();
  assert(block.length === blockHeadBytes + payloadBytes + checksumBytes, "image: block size");
  writer.reset();
  return block;
}

function copyInto(room: Uint8Array, writer: ByteWriter): Uint8Array {
  room.set(writer.view());
  return room.subarray(0, writer.length);
}

/** One block of an image. */
export interface Block {
  readonly name: SectionName;
  readonly payload: ByteReader;
}

/** Gathers chunks, cut anywhere, and gives back whole blocks. PERF: one that lies within a chunk is read where it lies. */
export class BlockParser {
  /** The beginning of a block that did not come in one chunk. */
  readonly #begun: ByteWriter = new ByteWriter(1 << 12);
  #chunk: Uint8Array = emptyBytes;
  #offset = 0;

  /** Bytes that belong to no whole block yet. */
  get pendingBytes(): number {
    return this.#begun.length + this.#chunk.length - this.#offset;
  }

  /** Takes the next chunk; the one before was read to its end, which is null of {@link next}. */
  write(chunk: Uint8Array): void {
    assert(this.#offset === this.#chunk.length, "image: a chunk before the last was read");
    this.#chunk = chunk;
    this.#offset = 0;
  }

  /**
   * The next whole block, or null. Its payload is a view that the next call makes meaningless.
   *
   * @throws DecodeError for damage, UnsupportedFormat for a section of a newer version.
   */
  next(): Block | null {
    if (this.#begun.length > 0) {
      return this.#nextBegun();
    }
    const bytes = this.#chunk.subarray(this.#offset);
    const length = bytes.length < blockHeadBytes ? blockHeadBytes : blockBytesOf(bytes);
    if (bytes.length < length) {
      this.#begun.bytes(bytes);
      this.#offset = this.#chunk.length;
      return null;
    }
    this.#offset += length;
    return readBlock(bytes.subarray(0, length));
  }

  #nextBegun(): Block | null {
    const begun = this.#begun;
    if (!this.#fill(blockHeadBytes) || !this.#fill(blockBytesOf(begun.view()))) {
      return null;
    }
    const block = readBlock(begun.view());
    begun.reset();
    return block;
  }

  /** Whether that much of the block that was begun is there. */
  #fill(bytes: number): boolean {
    const missing = bytes - this.#begun.length;
    if (missing > 0) {
      const part = this.#chunk.subarray(this.#offset, this.#offset + missing);
      this.#begun.bytes(part);
      this.#offset += part.length;
    }
    return this.#begun.length >= bytes;
  }
}

/** Length of a block of which at least the head is there. */
function blockBytesOf(bytes: Uint8Array): number {
  const payloadBytes = new ByteReader(bytes, 4).u32();
  if (payloadBytes > payloadBytesMax) {
    throw new DecodeError("image: block length", 4);
  }
  return blockHeadBytes + payloadBytes + checksumBytes;
}

function readBlock(bytes: Uint8Array): Block {
  const checksumAt = bytes.length - checksumBytes;
  const head = new ByteReader(bytes);
  const tag = head.u16();
  const version = head.u16();
  if (new ByteReader(bytes, checksumAt).u32() !== checksumOf(bytes.subarray(0, checksumAt))) {
    throw new DecodeError("image: block checksum", checksumAt);
  }
  return { name: sectionName(tag, version), payload: new ByteReader(bytes, blockHeadBytes, checksumAt) };
}

function sectionName(tag: number, version: number): SectionName {
  for (const name of sectionNames) {
    if (section[name].tag === tag) {
      if (section[name].version !== version) {
        throw new UnsupportedFormat(`image section ${name} version ${version}: this version cannot read it`);
      }
      return name;
    }
  }
  throw new UnsupportedFormat(
    `image section ${tag} (${reservedTags.get(tag) ?? "unnamed"}): this version cannot read it`,
  );
}
