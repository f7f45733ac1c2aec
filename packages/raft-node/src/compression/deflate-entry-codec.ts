/**
 * Commands of the log as raw DEFLATE where that makes them smaller. Replicas must not differ, so what decides whether an entry
 * can be read (form, bound) is the same on every member; the threshold and the level are each member's own.
 */
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { assert, ByteReader, DecodeError } from "@quorate/base";
import { type EntryCodec, encodePlainEntry, entryForm, frameBytesMaxDefault } from "@quorate/raft";

/** How commands are stored. Members may differ: each reads every form. */
export interface EntryCompression {
  readonly algorithm: "none" | "deflate";
  /** Shorter commands are stored as they are, in bytes. Default 512. */
  readonly thresholdBytes?: number;
  /** 1 (fast) to 9 (small). Default 1. */
  readonly level?: number;
}

/** What any entry may inflate to, whoever wrote it: the largest command that fits into a frame. */
export const inflatedBytesMax: number = frameBytesMaxDefault;

const thresholdBytesDefault = 512;
const headerBytes = 5;

/** A codec that stores as `compression` says and reads every form. */
export function createEntryCodec(compression: EntryCompression): EntryCodec {
  const { algorithm, level = 1, thresholdBytes = thresholdBytesDefault } = compression;
  assert(Number.isInteger(level) && level >= 1 && level <= 9, "compression: level from 1 to 9");
  assert(thresholdBytes >= 0, "compression: threshold below 0");
  return {
    encode: (command) =>
      algorithm === "none" || command.length < thresholdBytes || command.length > inflatedBytesMax
        ? encodePlainEntry(command)
        : encodeDeflated(command, level),
    decode: decodeEntry,
  };
}

/** `[form][length of the command, four bytes][raw deflate]`, unless that is no shorter. */
function encodeDeflated(command: Uint8Array, level: number): Uint8Array {
  const deflated = deflateRawSync(command, { level, strategy: constants.Z_DEFAULT_STRATEGY });
  if (headerBytes + deflated.length >= 1 + command.length) {
    return encodePlainEntry(command);
  }
  const stored = new Uint8Array(headerBytes + deflated.length);
  stored[0] = entryForm.deflate;
  new DataView(stored.buffer).setUint32(1, command.length, true);
  stored.set(deflated, headerBytes);
  return stored;
}

function decodeEntry(stored: Uint8Array): Uint8Array {
  const form = stored[0];
  if (form === entryForm.plain) {
    return stored.subarray(1);
  }
  if (form !== entryForm.deflate) {
    throw new DecodeError("an entry in a form that is not known here", 0);
  }
  const length = new ByteReader(stored, 1).u32();
  if (length > inflatedBytesMax) {
    throw new DecodeError("an entry that inflates beyond its bound", 1);
  }
  let inflated: Uint8Array;
  try {
    // The bound holds while inflating: an entry that lies about its length does not take more memory first.
    inflated = inflateRawSync(stored.subarray(headerBytes), { maxOutputLength: Math.max(length, 1) });
  } catch (error) {
    throw new DecodeError(`an entry that does not inflate (${errorCodeOf(error)})`, headerBytes);
  }
  if (inflated.length !== length) {
    throw new DecodeError("an entry that inflates to another length than it says", 1);
  }
  return inflated;
}

function errorCodeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
