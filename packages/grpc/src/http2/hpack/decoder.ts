/**
 * RFC 7541 §6 in the receiving direction. It keeps decoding where a list has become too long, because the dynamic table must
 * stay in step, but stores no more of it; and it gives up on a list that is far too long.
 */
import { assert } from "@quorate/base";
import { ConnectionError, errorCode, headerTableBytesDefault } from "../protocol.ts";
import { DynamicTable } from "./dynamic-table.ts";
import { HeaderField } from "./field.ts";
import { huffmanDecode, huffmanDecodedBytesMax } from "./huffman.ts";

/** How far beyond its limit a list is followed: above it, it is an attack that expands references, not a long request. */
const bombFactor = 16;

/** Four bytes of continuation: more than any bounded block needs. §5.1 leaves the limit to the implementation. */
const integerShiftMax = 28;

function malformed(message: string): ConnectionError {
  return new ConnectionError(errorCode.compressionError, message);
}

/** PERF: one for all decoders; nothing of it outlives the string made from it. */
let scratch: Buffer = Buffer.allocUnsafeSlow(4096);

/** Decodes the header blocks of one connection. */
export class HpackDecoder {
  readonly #table = new DynamicTable(headerTableBytesDefault);
  readonly #listBytesMax: number;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;
  #listBytes = 0;

  constructor(listBytesMax: number) {
    assert(listBytesMax > 0, "hpack decoder: no room");
    this.#listBytesMax = listBytesMax;
  }

  /** The dynamic table's version: a block that left it unchanged means the same again while it stays. */
  get version(): number {
    return this.#table.version;
  }

  /** Size of the last list by RFC 9113 §6.5.2. */
  get listBytes(): number {
    return this.#listBytes;
  }

  /**
   * Decodes one whole block. The list is cut once {@link listBytes} is beyond the limit.
   *
   * @throws ConnectionError COMPRESSION_ERROR, or ENHANCE_YOUR_CALM for a list of many times the limit.
   */
  decode(bytes: Buffer, start: number, end: number): HeaderField[] {
    assert(start <= end && end <= bytes.length, "hpack decoder: within the buffer");
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#listBytes = 0;
    this.#readSizeUpdates();
    const fields: HeaderField[] = [];
    while (this.#at < end) {
      const field = this.#readField();
      this.#listBytes += field.bytes;
      if (this.#listBytes <= this.#listBytesMax) {
        fields.push(field);
      } else if (this.#listBytes > this.#listBytesMax * bombFactor) {
        throw new ConnectionError(errorCode.enhanceYourCalm, "header list of many times the limit");
      }
    }
    assert(this.#at === end, "hpack decoder: read beyond the block");
    return fields;
  }

  #peek(): number {
    if (this.#at >= this.#end) {
      throw malformed("header block ends within a field");
    }
    return this.#bytes[this.#at] as number;
  }

  /** §4.2: changes of size stand only in front of a block. */
  #readSizeUpdates(): void {
    while (this.#at < this.#end && (this.#peek() & 0xe0) === 0x20) {
      const size = this.#readInteger(5);
      if (size > headerTableBytesDefault) {
        throw malformed("dynamic table larger than the setting");
      }
      this.#table.resize(size);
    }
  }

  #readField(): HeaderField {
    const first = this.#peek();
    if (first >= 0x80) {
      return this.#fieldAt(this.#readInteger(7));
    }
    if (first >= 0x40) {
      const field = this.#readLiteral(6);
      this.#table.insert(field);
      return field;
    }
    if (first >= 0x20) {
      throw malformed("change of the dynamic table's size behind a field");
    }
    // §6.2.2 and §6.2.3 differ for those only who send on what they received.
    return this.#readLiteral(4);
  }

  #readLiteral(prefixBits: number): HeaderField {
    const index = this.#readInteger(prefixBits);
    const name = index === 0 ? this.#readString() : this.#fieldAt(index).name;
    return new HeaderField(name, this.#readString());
  }

  #fieldAt(index: number): HeaderField {
    const field = index === 0 ? null : this.#table.field(index);
    if (field === null) {
      throw malformed("index of no field");
    }
    return field;
  }

  /** §5.1. */
  #readInteger(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = this.#peek() & mask;
    this.#at++;
    if (value < mask) {
      return value;
    }
    for (let shift = 0; shift < integerShiftMax; shift += 7) {
      const byte = this.#peek();
      this.#at++;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        return value;
      }
    }
    throw malformed("integer of too many bytes");
  }

  /** §5.2. Bytes become characters one by one; what they mean is for their reader. */
  #readString(): string {
    const huffman = this.#peek() >= 0x80;
    const length = this.#readInteger(7);
    const start = this.#at;
    if (length > this.#end - start) {
      throw malformed("string longer than its block");
    }
    this.#at += length;
    if (!huffman) {
      return this.#bytes.toString("latin1", start, this.#at);
    }
    const room = huffmanDecodedBytesMax(length);
    if (scratch.length < room) {
      scratch = Buffer.allocUnsafeSlow(room * 2);
    }
    const decodedBytes = huffmanDecode(this.#bytes, start, this.#at, scratch);
    if (decodedBytes < 0) {
      throw malformed("not a Huffman code");
    }
    return scratch.toString("latin1", 0, decodedBytes);
  }
}
