/** Protobuf messages as numbered fields: all that a client of a few calls needs. 64-bit numbers stay exact. */
import { ByteWriter, DecodeError, utf8Decode } from "@quorate/base";

/** The fields of one message, by number, in the order they came. */
export class Fields {
  readonly #values = new Map<number, (bigint | Uint8Array)[]>();

  /** @throws DecodeError when `bytes` are no protobuf message. */
  constructor(bytes: Uint8Array) {
    let at = 0;
    const varint = (): bigint => {
      let value = 0n;
      for (let shift = 0n; shift < 70n; shift += 7n) {
        const byte = bytes[at++];
        if (byte === undefined) {
          break;
        }
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) {
          return BigInt.asUintN(64, value);
        }
      }
      throw new DecodeError("no varint", at);
    };
    const take = (length: number): Uint8Array => {
      if (length > bytes.length - at) {
        throw new DecodeError("unexpected end", at);
      }
      at += length;
      return bytes.subarray(at - length, at);
    };
    while (at < bytes.length) {
      const key = Number(varint());
      const wireType = key & 7;
      const list = this.#values.get(key >>> 3) ?? [];
      this.#values.set(key >>> 3, list);
      if (wireType === 0) {
        list.push(varint());
      } else if (wireType === 2) {
        list.push(take(Number(varint())));
      } else if (wireType === 1 || wireType === 5) {
        take(wireType === 1 ? 8 : 4);
      } else {
        throw new DecodeError("unknown wire type", at);
      }
    }
  }

  /** The last number of the field, 0 when absent. */
  uint(field: number): bigint {
    const value = this.#values.get(field)?.at(-1);
    return typeof value === "bigint" ? value : 0n;
  }

  /** Every byte string of the field. */
  bytes(field: number): readonly Uint8Array[] {
    return (this.#values.get(field) ?? []).filter((value) => typeof value !== "bigint");
  }

  /** Every text of the field. */
  texts(field: number): readonly string[] {
    return this.bytes(field).map((value) => utf8Decode(value) ?? "\ufffd");
  }

  /** Every message of the field. */
  messages(field: number): readonly Fields[] {
    return this.bytes(field).map((value) => new Fields(value));
  }
}

/** A message of byte strings and numbers by field number; zero and empty ones are left out. */
export function encodeFields(fields: Readonly<Record<number, Uint8Array | number | boolean>>): Uint8Array {
  const writer = new ByteWriter();
  for (const [field, value] of Object.entries(fields)) {
    if (value instanceof Uint8Array) {
      writer.varint(Number(field) * 8 + 2);
      writer.lengthPrefixed(value);
    } else if (Number(value) !== 0) {
      writer.varint(Number(field) * 8);
      writer.varint(Number(value));
    }
  }
  return writer.finish();
}
