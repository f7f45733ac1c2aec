/**
 * Segment files: a header of one sector, then batches, then zeros up to the preallocated length. A segment gets its final
 * name only when its whole length and its header are durable, so a shorter one is damaged, not torn.
 */
import { assert, crc32c, equalBytes, utf8Encode } from "@quorate/base";
import { damaged, type Fault, unknownVersion } from "./fault.ts";
import { formatVersion, type StoreIdentity } from "./identity.ts";
import { getU64, setU64 } from "./record.ts";

/** Bytes of a segment's header. */
export const segmentHeaderBytes = 512;

/** Smallest segment, in bytes: the header, and room for a few records. */
export const segmentBytesMin = 1024;

/** Largest segment, in bytes. Offsets stay below 2^31, so that bit operations on them are exact. */
export const segmentBytesMax: number = 1024 * 1024 * 1024;

const magic = utf8Encode("QRT-WAL\n");

/** A segment's header. `last…` and `previous…` describe the log where this segment begins. */
export interface SegmentHeader {
  readonly sequence: number;
  /** Length of the file, in bytes. */
  readonly segmentBytes: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
  /** Where the previous segment's last batch ends: all before it was durable when this segment was made. */
  readonly previousEnd: number;
  readonly previousLink: number;
  readonly oldestSegment: number;
}

/** A decoded header and the seed that ties records to this segment. */
export interface DecodedSegmentHeader {
  readonly header: SegmentHeader;
  readonly seed: number;
}

/** Name of a segment, in its order: sequence and first index that it may hold. */
export function segmentName(sequence: number, firstIndex: number): string {
  assert(sequence >= 1, "segment: sequence below 1");
  assert(firstIndex >= 1, "segment: first index below 1");
  return `${padded(sequence)}-${padded(firstIndex)}.log`;
}

/** Sequence and first index of a segment's name, or null for another file's. */
export function parseSegmentName(
  name: string,
): { readonly sequence: number; readonly firstIndex: number } | null {
  const match = /^(\d{16})-(\d{16})\.log$/.exec(name);
  if (match === null) {
    return null;
  }
  return { sequence: Number(match[1]), firstIndex: Number(match[2]) };
}

/** Sixteen decimal digits: enough for every safe integer, and names sort as numbers. */
export function padded(value: number): string {
  assert(Number.isSafeInteger(value) && value >= 0, "name: not a safe integer");
  return String(value).padStart(16, "0");
}

/** Encodes a header; the seed of its records is the header's CRC. */
export function encodeSegmentHeader(
  identity: StoreIdentity,
  header: SegmentHeader,
): { readonly bytes: Uint8Array; readonly seed: number } {
  assert(header.segmentBytes >= segmentBytesMin, "segment: too small");
  assert(header.segmentBytes <= segmentBytesMax, "segment: too large");
  const bytes = new Uint8Array(segmentHeaderBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(magic, 0);
  view.setUint32(8, formatVersion, true);
  setU64(view, 16, identity.clusterId);
  setU64(view, 24, identity.nodeId);
  bytes.set(identity.storeId, 32);
  setU64(view, 48, header.sequence);
  setU64(view, 56, header.segmentBytes);
  setU64(view, 64, header.lastIndex);
  setU64(view, 72, header.lastTerm);
  setU64(view, 80, header.previousEnd);
  setU64(view, 88, header.oldestSegment);
  view.setUint32(96, header.previousLink, true);
  const seed = crc32c(bytes, 0, 0, 508);
  view.setUint32(508, seed, true);
  return { bytes, seed };
}

/** Decodes a header, or says what is wrong with it. `identity` null: any store's. */
export function decodeSegmentHeader(
  bytes: Uint8Array,
  identity: StoreIdentity | null,
): DecodedSegmentHeader | Fault {
  if (bytes.length < segmentHeaderBytes) {
    return damaged("shorter than a segment header", bytes.length);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, segmentHeaderBytes);
  if (!equalBytes(bytes.subarray(0, 8), magic)) {
    return damaged("not a segment of this format", 0);
  }
  const seed = crc32c(bytes, 0, 0, 508);
  if (seed !== view.getUint32(508, true)) {
    return damaged("segment header checksum mismatch", 0);
  }
  const version = view.getUint32(8, true);
  if (version !== formatVersion) {
    return unknownVersion(version, 8);
  }
  if (identity !== null && !equalBytes(bytes.subarray(32, 48), identity.storeId)) {
    return damaged("belongs to another store", 32);
  }
  const header = {
    sequence: getU64(view, 48),
    segmentBytes: getU64(view, 56),
    lastIndex: getU64(view, 64),
    lastTerm: getU64(view, 72),
    previousEnd: getU64(view, 80),
    oldestSegment: getU64(view, 88),
    previousLink: view.getUint32(96, true),
  };
  return { header, seed };
}
