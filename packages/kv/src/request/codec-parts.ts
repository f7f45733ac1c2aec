/** Forms shared by the command and image codecs: signed numbers, int64s, text. Each value has exactly one form. */
import { assert, type ByteReader, type ByteWriter, DecodeError, utf8Decode, utf8Encode } from "@quorate/base";
import { UnsupportedFormat } from "../errors.ts";

const textBytesMax = 64 * 1024;

/** Appends a safe integer of either sign: a sign byte, and the magnitude unless it is zero. */
export function writeSigned(writer: ByteWriter, value: number): void {
  assert(Number.isSafeInteger(value), "codec: not a safe integer");
  if (value === 0) {
    writer.u8(0);
    return;
  }
  writer.u8(value > 0 ? 1 : 2);
  writer.varint(Math.abs(value));
}

/** Reads what {@link writeSigned} wrote. */
export function readSigned(reader: ByteReader): number {
  const sign = reader.u8();
  if (sign === 0) {
    return 0;
  }
  const magnitude = reader.varint();
  if (sign > 2 || magnitude === 0) {
    throw new DecodeError("signed number in no known form", reader.offset);
  }
  return sign === 1 ? magnitude : -magnitude;
}

/** Appends an int64 as eight bytes, two's complement. */
export function int64(writer: ByteWriter, value: bigint): void {
  const bits = BigInt.asUintN(64, value);
  assert(BigInt.asIntN(64, value) === value, "codec: not an int64");
  writer.u32(Number(bits & 0xffffffffn));
  writer.u32(Number(bits >> 32n));
}

/** Reads what {@link int64} wrote. */
export function readInt64(reader: ByteReader): bigint {
  const low = reader.u32();
  return BigInt.asIntN(64, (BigInt(reader.u32()) << 32n) | BigInt(low));
}

/** Appends text as length-prefixed UTF-8. */
export function writeText(writer: ByteWriter, text: string): void {
  const bytes = utf8Encode(text);
  assert(bytes.length <= textBytesMax, "codec: text too long");
  writer.lengthPrefixed(bytes);
}

/** Reads what {@link writeText} wrote. */
export function readText(reader: ByteReader): string {
  const bytes = reader.lengthPrefixed();
  const text = bytes.length <= textBytesMax ? utf8Decode(bytes) : null;
  if (text === null) {
    throw new DecodeError("text too long or not UTF-8", reader.offset);
  }
  return text;
}

/** Reads a byte of flags; one that is not in `known` was set by a newer version. */
export function readFlags(reader: ByteReader, known: number): number {
  const flags = reader.u8();
  if ((flags & ~known) !== 0) {
    throw new UnsupportedFormat(`flags ${flags}: this version knows ${known}`);
  }
  return flags;
}
