/**
 * The file that Maintenance.Snapshot streams: a head, an image of the state, zeros and a tail up to a multiple of 512
 * bytes, and the SHA-256 of all of it. ETCD: clients look for the checksum behind such a multiple; what it covers is ours.
 */
import { assert, ByteReader, ByteWriter, DecodeError } from "@quorate/base";

/** First bytes of the file: "QRSF". */
const fileMagic = 0x46535251;
const fileVersion = 1;
const tailBytes = 16;
const pageBytes = 512;
/** Bytes before the image. */
const headBytes = 16;

/** The head. */
export function snapshotHead(clusterId: number): Uint8Array {
  assert(Number.isSafeInteger(clusterId) && clusterId > 0, "snapshot file: not a cluster id");
  const writer = new ByteWriter(headBytes);
  writer.u32(fileMagic);
  writer.u32(fileVersion);
  writer.u64(clusterId);
  return writer.finish();
}

/** Zeros and the tail, behind an image of `imageBytes`. */
export function snapshotTail(imageBytes: number): Uint8Array {
  const used = headBytes + imageBytes + tailBytes;
  const writer = new ByteWriter(pageBytes + tailBytes);
  writer.bytes(new Uint8Array((pageBytes - (used % pageBytes)) % pageBytes));
  writer.u32(fileMagic);
  writer.u32(fileVersion);
  writer.u64(imageBytes);
  const tail = writer.finish();
  assert((headBytes + imageBytes + tail.length) % pageBytes === 0, "snapshot file: not whole pages");
  return tail;
}

/** What a file without its checksum holds. */
export interface SnapshotFile {
  readonly clusterId: number;
  readonly image: Uint8Array;
}

/** Reads a file whose checksum was checked and taken off. @throws DecodeError when it is not one of this version. */
export function readSnapshotFile(file: Uint8Array): SnapshotFile {
  if (file.length < headBytes + tailBytes || file.length % pageBytes !== 0) {
    throw new DecodeError("snapshot file: not whole pages", file.length);
  }
  const head = new ByteReader(file);
  const tail = new ByteReader(file, file.length - tailBytes);
  for (const reader of [head, tail]) {
    if (reader.u32() !== fileMagic || reader.u32() !== fileVersion) {
      throw new DecodeError("snapshot file: not one of this version", 0);
    }
  }
  const clusterId = head.u64();
  const imageBytes = tail.u64();
  if (headBytes + imageBytes > file.length - tailBytes) {
    throw new DecodeError("snapshot file: longer inside than outside", file.length);
  }
  return { clusterId, image: file.subarray(headBytes, headBytes + imageBytes) };
}
