/**
 * Snapshot files: a header with metadata and sizes, the image in chunks of one size, each with its CRC, and a footer with
 * the checksum of the whole. Chunks have computable places, so an image can be read from anywhere.
 */
import {
  assert,
  ByteReader,
  ByteWriter,
  crc32c,
  crc32cJoin,
  DecodeError,
  equalBytes,
  utf8Encode,
} from "@quorate/base";
import { type SnapshotMetadata, toLogIndex, toTerm } from "@quorate/raft";
import { readConfState, writeConfState } from "./conf-state.ts";
import { damaged, type Fault, unknownVersion } from "./fault.ts";
import { formatVersion, type StoreIdentity, storeIdBytes } from "./identity.ts";
import { padded } from "./segment.ts";

/** Image bytes in one chunk; the last may have fewer. */
export const chunkBytes: number = 64 * 1024;

/** Bytes in front of a chunk: its length and its CRC. */
export const chunkOverheadBytes = 8;

/** Bytes of the footer. */
export const footerBytes = 28;

/** Longest header that is read: bounds the configuration in it. */
export const snapshotHeaderBytesMax: number = 256 * 1024;

const magic = utf8Encode("QRT-SNAP");
const footerMagic = utf8Encode("QRT-END\n");

/** Where an image came from: made here, of a prefix of this log, or received to replace the log. */
export type SnapshotOrigin = "local" | "received";

/** A snapshot file's header. */
export interface SnapshotHeader {
  readonly metadata: SnapshotMetadata;
  readonly origin: SnapshotOrigin;
  /** Bytes of the image, without framing. */
  readonly imageBytes: number;
  /** Bytes of this header; the first chunk begins there. */
  readonly headerBytes: number;
  readonly headerCrc: number;
}

/** Name of a snapshot file; names sort as their positions. */
export function snapshotName(metadata: { readonly index: number; readonly term: number }): string {
  assert(metadata.index >= 1, "snapshot: index below 1");
  return `${padded(metadata.index)}-${padded(metadata.term)}.snap`;
}

/** Index and term of a snapshot's name, or null for another file's. */
export function parseSnapshotName(name: string): { readonly index: number; readonly term: number } | null {
  const match = /^(\d{16})-(\d{16})\.snap$/.exec(name);
  return match === null ? null : { index: Number(match[1]), term: Number(match[2]) };
}

/** Ends the name of an image that is being received; a number keeps two receptions apart. */
export const receivingSuffix = ".rcv";

/** Ends the name of an image whose reception was interrupted. */
export const partialSuffix = ".part";

/** Index and term of an interrupted reception's name, or null for another file's. */
export function parsePartialName(name: string): { readonly index: number; readonly term: number } | null {
  const match = /^(\d{16}-\d{16}\.snap)(\.\d+\.rcv|\.part)$/.exec(name);
  return match === null ? null : parseSnapshotName(match[1] ?? "");
}

/** How many chunks an image of this size has. */
export function chunkCountOf(imageBytes: number): number {
  return Math.ceil(imageBytes / chunkBytes);
}

/** Length of the whole file. */
export function snapshotFileBytes(headerBytes: number, imageBytes: number): number {
  return headerBytes + imageBytes + chunkCountOf(imageBytes) * chunkOverheadBytes + footerBytes;
}

// PERF: one buffer for all headers; `finish` copies out what was written.
const headerWriter = new ByteWriter();

/** Encodes a header. Its length depends on the configuration alone. */
export function encodeSnapshotHeader(
  identity: StoreIdentity,
  metadata: SnapshotMetadata,
  origin: SnapshotOrigin,
  imageBytes: number,
): Uint8Array {
  const writer = headerWriter;
  writer.reset();
  writer.bytes(magic);
  writer.u32(formatVersion);
  writer.u32(0); // Length of the header: patched below.
  writer.u8(origin === "local" ? 0 : 1);
  writer.u64(identity.clusterId);
  writer.bytes(identity.storeId);
  writer.u64(metadata.index);
  writer.u64(metadata.term);
  writeConfState(writer, metadata.confState);
  writer.u64(imageBytes);
  writer.u32(chunkBytes);
  writer.patch32(12, writer.length + 4);
  writer.u32(crc32c(writer.view()));
  assert(writer.length <= snapshotHeaderBytesMax, "snapshot: configuration too large");
  return writer.finish();
}

/** Decodes the header at the start of `bytes`, or says what is wrong with it. */
export function decodeSnapshotHeader(
  bytes: Uint8Array,
  identity: StoreIdentity | null,
): SnapshotHeader | Fault {
  try {
    return readSnapshotHeader(bytes, identity);
  } catch (error) {
    if (error instanceof DecodeError) {
      return damaged(error.message, error.offset);
    }
    throw error;
  }
}

function readSnapshotHeader(bytes: Uint8Array, identity: StoreIdentity | null): SnapshotHeader | Fault {
  const fixed = new ByteReader(bytes);
  if (!equalBytes(fixed.bytes(magic.length), magic)) {
    return damaged("not a snapshot file", 0);
  }
  const version = fixed.u32();
  const headerBytes = fixed.u32();
  if (headerBytes > bytes.length || headerBytes < 20) {
    return damaged("header length out of range", 12);
  }
  const headerCrc = new ByteReader(bytes, headerBytes - 4).u32();
  if (crc32c(bytes, 0, 0, headerBytes - 4) !== headerCrc) {
    return damaged("header checksum mismatch", 0);
  }
  if (version !== formatVersion) {
    return unknownVersion(version, 8);
  }
  const reader = new ByteReader(bytes, 16, headerBytes - 4);
  const origin = reader.u8();
  reader.u64();
  const storeId = reader.bytes(storeIdBytes);
  const index = toLogIndex(reader.u64());
  const term = toTerm(reader.u64());
  const confState = readConfState(reader);
  const imageBytes = reader.u64();
  const storedChunkBytes = reader.u32();
  reader.end();
  if (identity !== null && !equalBytes(storeId, identity.storeId)) {
    return damaged("belongs to another store", 25);
  }
  if (origin > 1 || storedChunkBytes !== chunkBytes) {
    return damaged("origin or chunk size out of range", 16);
  }
  const metadata = { index, term, confState };
  return { metadata, origin: origin === 0 ? "local" : "received", imageBytes, headerBytes, headerCrc };
}

/** The CRC of one chunk, tied to its place in the image. */
export function chunkCrc(chunk: Uint8Array, chunkNumber: number): number {
  return crc32c(chunk, chunkNumber >>> 0);
}

/**
 * The checksum of an image from its beginning to the end of this chunk, given that to the chunk's beginning and the chunk's own.
 *
 * PERF: the second checksum over the same bytes follows from the first: opening a store reads each image once.
 */
export function joinChunkCrc(
  imageCrc: number,
  chunkCrcFound: number,
  chunkNumber: number,
  chunkLength: number,
): number {
  // Checksums are linear: seeds that differ change the sum by what their difference becomes.
  return crc32cJoin(imageCrc ^ (chunkNumber >>> 0), chunkCrcFound, chunkLength);
}

/** Encodes the footer. `imageCrc` runs over the whole image, seeded with the header's CRC. */
export function encodeFooter(imageBytes: number, imageCrc: number): Uint8Array {
  const writer = new ByteWriter(footerBytes);
  writer.bytes(footerMagic);
  writer.u64(imageBytes);
  writer.u32(chunkCountOf(imageBytes));
  writer.u32(imageCrc);
  writer.u32(crc32c(writer.view()));
  assert(writer.length === footerBytes, "snapshot: footer length");
  return writer.finish();
}

/** Whether `footer` ends an image of this size and checksum. */
export function isFooterOf(footer: Uint8Array, imageBytes: number, imageCrc: number): boolean {
  return equalBytes(footer, encodeFooter(imageBytes, imageCrc));
}
