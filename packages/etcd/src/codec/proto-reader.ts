/**
 * Reads protobuf's wire format from a view, without copying. It follows what protobuf asks of a reader of bytes from
 * outside: unknown fields, groups and fields of an unexpected wire type are skipped, everything else malformed is refused.
 */
import { assert, DecodeError } from "@quorate/base";

/** Wire types. */
export const wireType = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const;

/** Groups within groups that are skipped; a bound on the stack. */
const groupDepthMax = 100;

/** A cursor over one message or several nested ones. */
export class ProtoReader {
  readonly #bytes: Uint8Array;
  #offset = 0;
  /** The low and high half of the last varint. PERF: a pair of fields is free, a returned pair is an allocation. */
  #low = 0;
  #high = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Where the next value starts. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes in all. */
  get length(): number {
    return this.#bytes.length;
  }

  /** The next field's tag: number times 8, plus wire type. */
  tag(end: number): number {
    const at = this.#offset;
    this.#varint(end);
    const tag = this.#low >>> 0;
    if (this.#high !== 0 || tag >>> 3 === 0) {
      throw new DecodeError("invalid field number", at);
    }
    return tag;
  }

  /** A length, and the offset where that many bytes end. */
  endOfBytes(end: number): number {
    const at = this.#offset;
    this.#varint(end);
    const bytesEnd = this.#offset + (this.#low >>> 0);
    if (this.#high !== 0 || bytesEnd > end) {
      throw new DecodeError("unexpected end", at);
    }
    return bytesEnd;
  }

  /** A byte string, as a view. */
  bytes(end: number): Uint8Array {
    const bytesEnd = this.endOfBytes(end);
    const view = this.#bytes.subarray(this.#offset, bytesEnd);
    this.#offset = bytesEnd;
    return view;
  }

  /** Any non-zero varint is true. */
  bool(end: number): boolean {
    this.#varint(end);
    return (this.#low | this.#high) !== 0;
  }

  /** An enum's number; like protobuf, only its low 32 bits count. */
  enumNumber(end: number): number {
    this.#varint(end);
    return this.#low | 0;
  }

  /** An int64, cut to the nearest safe integer: no counter or revision of a store comes near. */
  int64(end: number): number {
    this.#varint(end);
    const value = this.#high * 2 ** 32 + (this.#low >>> 0);
    return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value));
  }

  /** An int64, exact. */
  int64Exact(end: number): bigint {
    this.#varint(end);
    if ((this.#low | this.#high) === 0) {
      return 0n;
    }
    return (BigInt(this.#high) << 32n) | BigInt(this.#low >>> 0);
  }

  /** Passes over the value of a field whose tag was read. */
  skip(tag: number, end: number, depth = 0): void {
    switch (tag & 7) {
      case wireType.varint:
        this.#varint(end);
        return;
      case wireType.fixed64:
        this.#advance(8, end);
        return;
      case wireType.bytes:
        this.#offset = this.endOfBytes(end);
        return;
      case wireType.startGroup:
        this.#skipGroup(tag >>> 3, end, depth);
        return;
      case wireType.fixed32:
        this.#advance(4, end);
        return;
      default:
        throw new DecodeError("unexpected wire type", this.#offset);
    }
  }

  #skipGroup(field: number, end: number, depth: number): void {
    if (depth >= groupDepthMax) {
      throw new DecodeError("groups nested too deep", this.#offset);
    }
    for (;;) {
      const tag = this.tag(end);
      if ((tag & 7) !== wireType.endGroup) {
        this.skip(tag, end, depth + 1);
      } else if (tag >>> 3 === field) {
        return;
      } else {
        throw new DecodeError("group ends with another number", this.#offset);
      }
    }
  }

  #advance(count: number, end: number): void {
    if (count > end - this.#offset) {
      throw new DecodeError("unexpected end", this.#offset);
    }
    this.#offset += count;
  }

  #varint(end: number): void {
    assert(end <= this.#bytes.length, "proto reader: end outside the input");
    const bytes = this.#bytes;
    const at = this.#offset;
    // PERF: most varints are one byte long.
    if (at < end) {
      const first = bytes[at] as number;
      if (first < 0x80) {
        this.#low = first;
        this.#high = 0;
        this.#offset = at + 1;
        return;
      }
    }
    this.#longVarint(at, end);
  }

  #longVarint(at: number, end: number): void {
    const bytes = this.#bytes;
    let low = 0;
    let high = 0;
    let offset = at;
    for (let shift = 0; shift < 70; shift += 7) {
      if (offset >= end) {
        throw new DecodeError("unexpected end", at);
      }
      const byte = bytes[offset++] as number;
      if (shift < 28) {
        low |= (byte & 0x7f) << shift;
      } else if (shift === 28) {
        low |= (byte & 0x0f) << 28;
        high = (byte & 0x7f) >> 4;
      } else {
        high |= (byte & 0x7f) << (shift - 32);
      }
      if (byte < 0x80) {
        if (shift === 63 && byte > 1) {
          throw new DecodeError("varint above 64 bits", at);
        }
        this.#low = low;
        this.#high = high;
        this.#offset = offset;
        return;
      }
    }
    throw new DecodeError("varint too long", at);
  }
}
