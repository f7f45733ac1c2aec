/**
 * DER, ITU-T X.690 §10: as much of it as certificates and revocation lists are made of. The reader takes nothing on trust: each
 * length is held against the bytes that are there.
 */
import { assert } from "@quorate/base";

/** Identifier octets. */
export const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  utcTime: 0x17,
  generalizedTime: 0x18,
} as const;

/** The bytes are not what they should be. */
export class DerError extends Error {
  override readonly name = "DerError";
}

/** One value, read. */
interface DerValue {
  readonly tag: number;
  readonly content: Buffer;
}

/** A value of these contents, one after the other. */
export function der(identifier: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  if (content.length < 0x80) {
    return Buffer.concat([Buffer.of(identifier, content.length), content]);
  }
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  const significant = length.subarray(length.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.of(identifier, 0x80 | significant.length), significant, content]);
}

/** A context-specific value that holds others. */
export function context(number: number, ...contents: readonly Uint8Array[]): Buffer {
  return der(0xa0 | number, ...contents);
}

/** A number from zero on, most significant byte first. */
export function integer(bytes: Uint8Array): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  const significant = first < 0 ? Uint8Array.of(0) : bytes.subarray(first);
  // The highest bit is the sign.
  return der(tag.integer, ...((significant[0] ?? 0) >= 0x80 ? [Uint8Array.of(0)] : []), significant);
}

/** `1.2.840.113549` and the like. */
export function objectId(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split(".").map(Number);
  assert(first <= 2 && second < 40, "der: an object id begins with small numbers");
  return der(tag.objectId, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(value: number): number[] {
  assert(Number.isSafeInteger(value) && value >= 0, "der: a part of an object id is no number");
  const bytes = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) {
    bytes.unshift(0x80 | (rest % 128));
  }
  return bytes;
}

/** Whole bytes as a bit string, of whose last byte `unusedBitCount` bits do not count. */
export function bitString(bytes: Uint8Array, unusedBitCount = 0): Buffer {
  return der(tag.bitString, Uint8Array.of(unusedBitCount), bytes);
}

/** RFC 5280 §4.1.2.5: years below 2050 have two digits. Milliseconds since 1970; fractions of seconds are dropped. */
export function time(ms: number): Buffer {
  const text = `${new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+Z$/g, "")}Z`;
  return Number(text.slice(0, 4)) < 2050
    ? der(tag.utcTime, Buffer.from(text.slice(2)))
    : der(tag.generalizedTime, Buffer.from(text));
}

/** The values that stand in `bytes`, one after the other. @throws {@link DerError} */
export function readDer(bytes: Buffer): readonly DerValue[] {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.length; ) {
    const identifier = bytes[at] ?? 0;
    const first = bytes[at + 1] ?? 0xff;
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
    const begin = at + 2 + lengthBytes;
    if (lengthBytes > 4 || (first >= 0x80 && lengthBytes === 0) || begin > bytes.length) {
      throw new DerError(`bad length at byte ${at}`);
    }
    const length = lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes);
    if (begin + length > bytes.length) {
      throw new DerError(`the value at byte ${at} is longer than what holds it`);
    }
    values.push({ tag: identifier, content: bytes.subarray(begin, begin + length) });
    at = begin + length;
  }
  return values;
}

/** The values within a sequence. @throws {@link DerError} when it is none. */
export function readSequence(value: DerValue | undefined): readonly DerValue[] {
  if (value?.tag !== tag.sequence) {
    throw new DerError("a sequence is missing");
  }
  return readDer(value.content);
}
