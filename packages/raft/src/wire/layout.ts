/**
 * The layout of a peer frame: length u32 (of what follows the checksum), CRC-32C u32 (of the same bytes), version u8, kind
 * u8, then the body; integers little-endian. Every length in a body has a bound here.
 */
import { assert, type ByteReader, type ByteWriter, crc32c, crc32cJoin, DecodeError } from "@quorate/base";

/** The version of the frame format, in each frame and negotiated in the handshake. */
export const wireVersion = 1;

/** A hello comes before anything could be negotiated, so its body has a version of its own. Since 2 it says where the caller is reached. */
export const helloVersion = 2;

/** Bytes of length and checksum before the part that they describe. */
export const frameHeaderBytes = 8;

/** Default bound of one frame, header excluded. */
export const frameBytesMaxDefault: number = 64 * 1024 * 1024;

/** Entries in one append, or commands in one proposal. */
export const entryCountMax: number = 1 << 20;

/** Bytes of a read's or heartbeat's context. */
export const contextBytesMax = 4096;

/** Members in one list of a configuration. */
export const memberCountMax = 4096;

/** Bytes of one chunk of a snapshot. */
export const chunkBytesMax: number = 1024 * 1024;

/** Bytes of a request to the leader, and of its answer. */
export const requestBytesMax: number = 4 * 1024 * 1024;

/** Bytes of a member's address, as UTF-8: in a hello, and in the log. */
export const addressBytesMax = 255;

/** Channels of requests go from 1 to this. */
export const requestChannelMax = 65_535;

/** What a frame holds. The numbers stand on the wire: never change one, never use one again. */
const frameKind = {
  hello: 1,
  welcome: 2,
  refusal: 3,
  ping: 4,
  pong: 5,
  goodbye: 6,
  "append-entries": 16,
  "append-accepted": 17,
  "append-rejected": 18,
  "request-vote": 19,
  "pre-vote": 20,
  "vote-response": 21,
  "pre-vote-response": 22,
  heartbeat: 23,
  "heartbeat-response": 24,
  "install-snapshot": 25,
  "timeout-now": 26,
  "forward-proposal": 27,
  "read-index": 28,
  "read-index-response": 29,
  "transfer-leadership": 30,
  propose: 48,
  "propose-accepted": 49,
  "propose-refused": 50,
  "snapshot-chunk": 51,
  "snapshot-answer": 52,
  "repair-request": 56,
  "repair-answer": 57,
  request: 53,
  answer: 54,
} as const;

/** The name of a kind of frame. */
export type FrameKind = keyof typeof frameKind;

const kindNames: ReadonlyMap<number, FrameKind> = new Map(
  // ORDER: the keys are names, none is integer-like.
  Object.entries(frameKind).map(([name, kind]) => [kind, name as FrameKind]),
);

/** The name that `kind` stands for, undefined for a number this version does not know. */
export function kindName(kind: number): FrameKind | undefined {
  return kindNames.get(kind);
}

/** The version in which frames of `kind` are written. */
function versionOf(kind: FrameKind): number {
  return kind === "hello" ? helloVersion : wireVersion;
}

/** Whether frames of the numbered kind are read in `version`. An unknown kind has none but that of all others. */
export function isReadable(version: number, kind: number): boolean {
  return version === wireVersion || (kind === frameKind.hello && version === helloVersion);
}

/** Begins a frame; returns where it starts, for {@link endFrame}. */
export function beginFrame(writer: ByteWriter, kind: FrameKind): number {
  const start = writer.length;
  writer.u32(0);
  writer.u32(0);
  writer.u8(versionOf(kind));
  writer.u8(frameKind[kind]);
  return start;
}

/** Puts length and checksum into the header of the frame that began at `start`. */
export function endFrame(writer: ByteWriter, start: number): void {
  patchHeader(writer, start, crc32c(writer.view(start + frameHeaderBytes)));
}

/** {@link endFrame} of a frame whose bytes from `knownStart` on have the checksum `knownCrc`. */
export function endFrameBehind(
  writer: ByteWriter,
  start: number,
  knownStart: number,
  knownCrc: number,
): void {
  const bodyStart = start + frameHeaderBytes;
  assert(bodyStart <= knownStart && knownStart <= writer.length, "wire: a checksum of other bytes");
  const headCrc = crc32c(writer.view(bodyStart), 0, 0, knownStart - bodyStart);
  patchHeader(writer, start, crc32cJoin(headCrc, knownCrc, writer.length - knownStart));
}

function patchHeader(writer: ByteWriter, start: number, crc: number): void {
  const bytes = writer.length - start - frameHeaderBytes;
  assert(bytes >= 2, "wire: frame without version and kind");
  assert(bytes <= frameBytesMaxDefault, "wire: frame too large");
  writer.patch32(start, bytes);
  writer.patch32(start + 4, crc);
}

/** A count from outside, at most `max`, of things that take at least `leastBytes` each. */
export function readCount(reader: ByteReader, max: number, leastBytes: number, what: string): number {
  const at = reader.offset;
  const count = reader.varint();
  if (count > max || count * leastBytes > reader.remaining) {
    throw new DecodeError(`too many ${what}`, at);
  }
  return count;
}

/** A byte string from outside, at most `bytesMax` long, as a view. */
export function readBytes(reader: ByteReader, bytesMax: number, what: string): Uint8Array {
  const at = reader.offset;
  const bytes = reader.lengthPrefixed();
  if (bytes.length > bytesMax) {
    throw new DecodeError(`${what} too long`, at);
  }
  return bytes;
}

/** A flag: 0 or 1, nothing else. */
export function readFlag(reader: ByteReader): boolean {
  const at = reader.offset;
  const value = reader.u8();
  if (value > 1) {
    throw new DecodeError("flag is neither 0 nor 1", at);
  }
  return value === 1;
}
