/** Encoded sizes, and the few writes that a byte writer does not have: protobuf wants lengths before contents. */
import { assert, type ByteWriter } from "@quorate/base";

/** Bytes of a non-negative safe integer as a varint. */
function varintSize(value: number): number {
  assert(Number.isSafeInteger(value) && value >= 0, "proto size: not a safe non-negative integer");
  if (value < 2 ** 7) {
    return 1;
  }
  let size = 1;
  // PERF: no divisions, and powers of two are exact.
  for (let bound = 2 ** 7; value >= bound; bound *= 128) {
    size++;
  }
  return size;
}

/** Bytes of a field below number 16 that holds `value`; zero is left out, as proto3 does. */
export function varintFieldSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value);
}

/** Bytes of a field below number 16 that holds `length` bytes, its length included. */
export function bytesFieldSize(length: number): number {
  return 1 + varintSize(length) + length;
}

/** Writes a varint field below number 16, unless it is zero. */
export function writeVarintField(writer: ByteWriter, field: number, value: number): void {
  assert(field < 16, "proto writer: tag of one byte only");
  if (value !== 0) {
    writer.u8(field << 3);
    writer.varint(value);
  }
}

/** Writes a bytes field below number 16, unless it is empty. */
export function writeBytesField(writer: ByteWriter, field: number, value: Uint8Array): void {
  if (value.length !== 0) {
    writeFieldStart(writer, field, value.length);
    writer.bytes(value);
  }
}

/** Writes the tag and length of a bytes or message field below number 16. */
export function writeFieldStart(writer: ByteWriter, field: number, length: number): void {
  assert(field < 16, "proto writer: tag of one byte only");
  writer.u8((field << 3) | 2);
  writer.varint(length);
}

const unsigned64 = (1n << 64n) - 1n;
const safeMax = BigInt(Number.MAX_SAFE_INTEGER);
/** Bits of a number above the safe integers that are taken as one, and the bytes that they take in a varint. */
const lowBits = 28;
const lowShift = BigInt(lowBits);
const lowBytes = 4;

/** Bytes of a field below number 16 that holds an int64; negative ones take ten. */
export function int64FieldSize(value: bigint): number {
  if (value === 0n) {
    return 0;
  }
  const bits = value & unsigned64;
  return 1 + (bits <= safeMax ? varintSize(Number(bits)) : lowBytes + varintSize(Number(bits >> lowShift)));
}

/** Writes an int64 field below number 16, unless it is zero. PERF: two numbers at most, for each step of a bigint is a new one. */
export function writeInt64Field(writer: ByteWriter, field: number, value: bigint): void {
  assert(field < 16, "proto writer: tag of one byte only");
  if (value === 0n) {
    return;
  }
  writer.u8(field << 3);
  const bits = value & unsigned64;
  if (bits <= safeMax) {
    writer.varint(Number(bits));
    return;
  }
  let low = Number(BigInt.asUintN(lowBits, bits));
  for (let i = 0; i < lowBytes; i++) {
    writer.u8((low & 0x7f) | 0x80);
    low >>>= 7;
  }
  writer.varint(Number(bits >> lowShift));
}
