/** A bounded reader over bytes from outside. It never reads past its end and never trusts a length. */
import { assert } from "./assert.ts";
import { emptyBytes } from "./bytes.ts";

/** Bytes that do not decode: what was expected and where. Input from outside, so a value to handle, not a bug. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
  /** Byte offset of what did not decode, from the start of the reader's input. */
  readonly offset: number;

  constructor(what: string, offset: number) {
    super(`${what} at byte ${offset}`);
    this.offset = offset;
  }
}

/**
 * Reads what {@link ByteWriter} wrote. Byte strings come out as views into the input.
 *
 * @throws {@link DecodeError} from every method, when the input ends early or a number is not a safe integer.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #offset: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    assert(start >= 0 && start <= end, "reader: range is backwards");
    assert(end <= bytes.length, "reader: range ends behind the bytes");
    this.#bytes = bytes;
    this.#offset = start;
    this.#end = end;
  }

  /** Where the next value starts. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes left. */
  get remaining(): number {
    return this.#end - this.#offset;
  }

  u8(): number {
    return this.#bytes[this.#take(1)] as number;
  }

  u16(): number {
    const at = this.#take(2);
    return (this.#bytes[at] as number) | ((this.#bytes[at + 1] as number) << 8);
  }

  u32(): number {
    return this.#get32(this.#take(4));
  }

  u64(): number {
    const at = this.#take(8);
    const value = this.#get32(at + 4) * 2 ** 32 + this.#get32(at);
    if (value > Number.MAX_SAFE_INTEGER) {
      throw new DecodeError("number above 2^53", at);
    }
    return value;
  }

  varint(): number {
    const at = this.#offset;
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) {
          throw new DecodeError("number above 2^53", at);
        }
        return value;
      }
      scale *= 0x80;
    }
    throw new DecodeError("varint too long", at);
  }

  /** The next `length` bytes, as a view. */
  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    // PERF: a view of nothing costs as much as any, and each heartbeat has one.
    return length === 0 ? emptyBytes : this.#bytes.subarray(at, at + length);
  }

  /** A varint length and that many bytes, as a view. */
  lengthPrefixed(): Uint8Array {
    return this.bytes(this.varint());
  }

  /** Asserts that nothing is left: trailing bytes mean another format than the one that was read. */
  end(): void {
    if (this.remaining !== 0) {
      throw new DecodeError("unexpected bytes", this.#offset);
    }
  }

  #take(length: number): number {
    const at = this.#offset;
    // A length that arithmetic on hostile numbers made negative must not move backwards.
    if (length < 0 || length > this.#end - at) {
      throw new DecodeError("unexpected end", at);
    }
    this.#offset = at + length;
    return at;
  }

  #get32(at: number): number {
    const bytes = this.#bytes;
    return (
      ((bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24)) >>>
      0
    );
  }
}
