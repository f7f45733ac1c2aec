/** The request for an image, and the leader's answer: bytes inside request frames, with a version first and golden bytes in the tests. */
import { ByteReader, ByteWriter, DecodeError } from "@quorate/base";
import type { LogIndex } from "../types/ids.ts";
import { readFlag } from "../wire/layout.ts";
import { readIndex } from "../wire/parts.ts";

const version = 1;

/** The bytes of the lowest index that the image may have. */
export function encodeSnapshotRequest(index: LogIndex): Uint8Array {
  const writer = new ByteWriter(16);
  writer.u8(version);
  writer.varint(index);
  return writer.finish();
}

/** Reads what {@link encodeSnapshotRequest} wrote. @throws DecodeError when it did not. */
export function decodeSnapshotRequest(bytes: Uint8Array): LogIndex {
  const reader = open(bytes);
  const index = readIndex(reader);
  reader.end();
  return index;
}

/** The bytes of whether an image will come. */
export function encodeSnapshotAnswer(comes: boolean): Uint8Array {
  const writer = new ByteWriter(2);
  writer.u8(version);
  writer.u8(comes ? 1 : 0);
  return writer.finish();
}

/** Reads what {@link encodeSnapshotAnswer} wrote. @throws DecodeError when it did not. */
export function decodeSnapshotAnswer(bytes: Uint8Array): boolean {
  const reader = open(bytes);
  const comes = readFlag(reader);
  reader.end();
  return comes;
}

function open(bytes: Uint8Array): ByteReader {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== version) {
    throw new DecodeError("a request of another version", 0);
  }
  return reader;
}
