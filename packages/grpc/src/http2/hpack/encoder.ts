/**
 * RFC 7541 §6 in the sending direction. Only fields that every answer repeats enter the dynamic table; what differs from call
 * to call is sent as a literal, so that the table, and with it the encoded form of a usual answer, comes to rest.
 */
import { assert } from "@quorate/base";
import { headerTableBytesDefault } from "../protocol.ts";
import { DynamicTable } from "./dynamic-table.ts";
import { fieldBytes, HeaderField } from "./field.ts";
import { huffmanEncode, huffmanEncodedBytes } from "./huffman.ts";
import { staticFieldIndex, staticNameIndex } from "./static-table.ts";

/** Name and value pairs, in order; names in lower case, characters below 256. */
export type Fields = readonly (readonly [name: string, value: string])[];

/** Bytes that an integer of a bounded string can take, with its prefix. */
const integerBytesMax = 6;

/** An upper bound of what {@link HpackEncoder.encode} writes. */
export function encodedBytesMax(fields: Fields): number {
  let bytes = 2 * integerBytesMax;
  for (const [name, value] of fields) {
    bytes += 3 * integerBytesMax + name.length + value.length;
  }
  return bytes;
}

/** Writes an integer with a prefix of `prefixBits` below the bits of `pattern`, §5.1; returns the end. */
export function encodeInteger(
  value: number,
  prefixBits: number,
  pattern: number,
  out: Uint8Array,
  at: number,
): number {
  assert(value >= 0 && value < 2 ** 31, "hpack encoder: a bounded integer");
  const mask = (1 << prefixBits) - 1;
  let end = at;
  if (value < mask) {
    out[end++] = pattern | value;
    return end;
  }
  out[end++] = pattern | mask;
  let rest = value - mask;
  while (rest >= 0x80) {
    out[end++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  out[end++] = rest;
  return end;
}

/** Writes a string, §5.2, in Huffman code where that is shorter; returns the end. */
function encodeString(text: string, out: Uint8Array, at: number): number {
  const huffmanBytes = huffmanEncodedBytes(text);
  if (huffmanBytes < text.length) {
    return huffmanEncode(text, out, encodeInteger(huffmanBytes, 7, 0x80, out, at));
  }
  let end = encodeInteger(text.length, 7, 0, out, at);
  for (let i = 0; i < text.length; i++) {
    out[end++] = text.charCodeAt(i);
  }
  return end;
}

/** Encodes the header blocks of one connection. */
export class HpackEncoder {
  readonly #table = new DynamicTable(headerTableBytesDefault);
  /** The lowest size asked for since the last block, and the last one; -1 for none. §4.2 wants both said. */
  #lowestSize = -1;
  #size = -1;

  /** Grows with each change of the table: an encoded block that caused none stands for its fields while it stays. */
  get version(): number {
    return this.#table.version;
  }

  /** Whether the next block has to begin with a change of size. */
  get owesSizeUpdate(): boolean {
    return this.#size >= 0;
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. More than the default is not used. */
  setTableBytesMax(bytesMax: number): void {
    const size = Math.min(bytesMax, headerTableBytesDefault);
    if (size === this.#table.bytesMax && this.#size < 0) {
      return;
    }
    this.#lowestSize = this.#lowestSize < 0 ? size : Math.min(this.#lowestSize, size);
    this.#size = size;
  }

  /**
   * Writes one block to `out[at…)`, which has {@link encodedBytesMax} bytes of room; returns the end.
   *
   * @param indexed whether the fields may enter the dynamic table: for those that come again and are no secret.
   */
  encode(fields: Fields, indexed: boolean, out: Uint8Array, at: number): number {
    assert(out.length - at >= encodedBytesMax(fields), "hpack encoder: no room");
    let end = this.#encodeSizeUpdates(out, at);
    for (const [name, value] of fields) {
      end = this.#encodeField(name, value, indexed, out, end);
    }
    return end;
  }

  #encodeSizeUpdates(out: Uint8Array, at: number): number {
    let end = at;
    if (this.#size < 0) {
      return end;
    }
    if (this.#lowestSize < this.#size) {
      this.#table.resize(this.#lowestSize);
      end = encodeInteger(this.#lowestSize, 5, 0x20, out, end);
    }
    this.#table.resize(this.#size);
    end = encodeInteger(this.#size, 5, 0x20, out, end);
    this.#lowestSize = -1;
    this.#size = -1;
    return end;
  }

  #encodeField(name: string, value: string, indexed: boolean, out: Uint8Array, at: number): number {
    const index = staticFieldIndex(name, value) || this.#table.find(name, value);
    if (index > 0) {
      return encodeInteger(index, 7, 0x80, out, at);
    }
    const enters = indexed && fieldBytes(name, value) <= this.#table.bytesMax;
    const nameIndex = staticNameIndex(name);
    let end = enters
      ? encodeInteger(nameIndex, 6, 0x40, out, at)
      : encodeInteger(nameIndex, 4, 0x00, out, at);
    if (nameIndex === 0) {
      end = encodeString(name, out, end);
    }
    if (enters) {
      this.#table.insert(new HeaderField(name, value));
    }
    return encodeString(value, out, end);
  }
}
