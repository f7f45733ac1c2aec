/**
 * Records: what the segments are made of. A header of 40 bytes with its own CRC, then the payload padded to 8 bytes.
 *
 * The header's CRC is seeded with the segment and the offset, so that a record written to the wrong place is not valid
 * there. Its link is the hash of the link before and of this header, the payload's CRC included: it can be checked
 * although the payload is damaged, and so checking resumes behind a damaged payload.
 */
import { assert, crc32c } from "@quorate/base";
import type { EntryType } from "@quorate/raft";

/** Bytes of a record's header. */
export const recordHeaderBytes = 40;

/** Largest payload of one record, in bytes: a length above it is not read as one. */
export const recordPayloadBytesMax: number = 256 * 1024 * 1024;

/** Kinds of records, as stored. A new kind is a new format version. */
export const recordType = {
  /** Opens a batch; its payload names the batch's extent and the durable mark. */
  batch: 1,
  /** One log entry; replaces what the log held at its index and above. */
  entry: 2,
  /** The commit index, in `index`; in `term` the term that both hard-state slots held. */
  commit: 3,
  /** The whole log is replaced by the snapshot named by `index` and `term`. */
  reset: 4,
  /** Entries up to `index`, whose last had `term`, are compacted. */
  compact: 5,
  /** The log goes on in the next segment. */
  seal: 6,
} as const;

const entryTypes: readonly EntryType[] = ["normal", "conf-change", "conf-change-v2"];

/** Set in the stored type of an entry whose data went through a cipher. */
export const sealedFlag = 0x80;

/** The stored number of an entry's type. */
export function entryTypeCode(type: EntryType): number {
  const code = entryTypes.indexOf(type);
  assert(code >= 0, "record: entry type unknown");
  return code;
}

/** The entry type of a stored number, sealed or not, or null when this version does not know it. */
export function entryTypeOf(code: number): EntryType | null {
  return entryTypes[code & ~sealedFlag] ?? null;
}

/** Bytes that a record with this payload takes in the segment. */
export function recordBytes(payloadBytes: number): number {
  return recordHeaderBytes + ((payloadBytes + 7) & ~7);
}

/** A record's header, decoded. */
export interface RecordHeader {
  readonly offset: number;
  readonly payloadBytes: number;
  readonly type: number;
  readonly entryType: number;
  readonly group: number;
  readonly payloadCrc: number;
  readonly index: number;
  readonly term: number;
  readonly link: number;
}

/** Reads eight bytes as a number; above 2^53 it is inexact, which no valid field reaches. */
export function getU64(view: DataView, offset: number): number {
  return view.getUint32(offset + 4, true) * 2 ** 32 + view.getUint32(offset, true);
}

/** Writes a safe non-negative integer as eight bytes. */
export function setU64(view: DataView, offset: number, value: number): void {
  assert(value >= 0 && value <= Number.MAX_SAFE_INTEGER, "record: not a safe integer");
  // PERF: `>>> 0` is the value modulo 2^32 for every safe integer, without a division.
  view.setUint32(offset, value >>> 0, true);
  view.setUint32(offset + 4, Math.floor(value / 2 ** 32), true);
}

/** The seed that ties a header to its place. */
export function placeSeed(segmentSeed: number, offset: number): number {
  return (segmentSeed + offset) >>> 0;
}

/**
 * Decodes the header at `offset`, or says null where no valid one stands. `seed` is the segment's.
 * The link is not checked: it needs the record before.
 */
export function readRecordHeader(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  seed: number,
): RecordHeader | null {
  assert(offset % 8 === 0, "record: offset not aligned");
  if (offset + recordHeaderBytes > bytes.length) {
    return null;
  }
  const type = view.getUint8(offset + 4);
  const payloadBytes = view.getUint32(offset, true);
  if (type < recordType.batch || type > recordType.seal || payloadBytes > recordPayloadBytesMax) {
    return null;
  }
  if (view.getUint16(offset + 6, true) !== 0) {
    return null;
  }
  const crc = crc32c(bytes, placeSeed(seed, offset), offset, offset + 36);
  if (crc !== view.getUint32(offset + 36, true)) {
    return null;
  }
  if (offset + recordBytes(payloadBytes) > bytes.length) {
    return null;
  }
  const index = getU64(view, offset + 16);
  const term = getU64(view, offset + 24);
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(term)) {
    return null;
  }
  return {
    offset,
    payloadBytes,
    type,
    entryType: view.getUint8(offset + 5),
    group: view.getUint32(offset + 8, true),
    payloadCrc: view.getUint32(offset + 12, true),
    index,
    term,
    link: view.getUint32(offset + 32, true),
  };
}

/** The link of the record at `offset`, given the link of the one before. */
export function linkOf(bytes: Uint8Array, offset: number, previousLink: number): number {
  return crc32c(bytes, previousLink, offset, offset + 32);
}

/** What is wrong with the payload of a record whose header is valid; null when nothing is. */
export function payloadFault(bytes: Uint8Array, header: RecordHeader): string | null {
  const start = header.offset + recordHeaderBytes;
  const end = start + header.payloadBytes;
  assert(end <= bytes.length, "record: payload beyond the bytes");
  if (crc32c(bytes, 0, start, end) !== header.payloadCrc) {
    return "payload checksum mismatch";
  }
  const padded = header.offset + recordBytes(header.payloadBytes);
  for (let i = end; i < padded; i++) {
    if (bytes[i] !== 0) {
      return "padding is not zero";
    }
  }
  return null;
}
