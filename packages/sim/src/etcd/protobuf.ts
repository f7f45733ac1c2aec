/**
 * Protobuf as simulated clients write and read it: from field numbers and by hand, so that no mistake of the production codec is made
 * here as well. Only what the clients' messages need.
 */
import { assert, ByteReader, ByteWriter, must, utf8Decode, utf8Encode } from "@quorate/base";

const wireVarint = 0;
const wireBytes = 2;

/** One message on its way out. Default values are left out, as proto3 does. */
export class MessageWriter {
  readonly #writer = new ByteWriter(64);

  /** An integer of any of protobuf's varint types. */
  number(field: number, value: number | bigint): this {
    if (value !== 0 && value !== 0n) {
      this.#writer.varint(field * 8 + wireVarint);
      this.#varint(value);
    }
    return this;
  }

  flag(field: number, value: boolean): this {
    return this.number(field, value ? 1 : 0);
  }

  bytes(field: number, value: Uint8Array): this {
    if (value.length > 0) {
      this.#tagged(field, value);
    }
    return this;
  }

  text(field: number, value: string): this {
    return this.bytes(field, utf8Encode(value));
  }

  /** A message within this one; it is there even when it says nothing. */
  message(field: number, inner: MessageWriter): this {
    this.#tagged(field, inner.finish());
    return this;
  }

  /** The bytes. */
  finish(): Uint8Array {
    return this.#writer.finish();
  }

  #tagged(field: number, value: Uint8Array): void {
    this.#writer.varint(field * 8 + wireBytes);
    this.#writer.varint(value.length);
    this.#writer.bytes(value);
  }

  #varint(value: number | bigint): void {
    if (typeof value === "number" && value >= 0) {
      this.#writer.varint(value);
      return;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest >= 0x80n; rest >>= 7n) {
      this.#writer.u8(Number(rest & 0x7fn) | 0x80);
    }
    this.#writer.u8(Number(rest));
  }
}

/** One message that came in. */
export class Message {
  readonly #fields = new Map<number, (number | Uint8Array)[]>();

  /** @throws DecodeError for what is no message. */
  constructor(bytes: Uint8Array) {
    const reader = new ByteReader(bytes);
    while (reader.remaining > 0) {
      const tag = reader.varint();
      const wire = tag % 8;
      assert(wire === wireVarint || wire === wireBytes, "protobuf: a wire type that etcd does not use");
      this.#add(Math.floor(tag / 8), wire === wireVarint ? readVarint(reader) : reader.lengthPrefixed());
    }
  }

  /** An integer; what lies beyond the safe ones is rounded. Absent: 0. */
  number(field: number): number {
    const value = this.#last(field) ?? 0;
    assert(typeof value === "number", "protobuf: bytes where a number is due");
    return value;
  }

  flag(field: number): boolean {
    return this.number(field) !== 0;
  }

  /** Absent: no bytes. */
  bytes(field: number): Uint8Array {
    const value = this.#last(field) ?? new Uint8Array(0);
    assert(typeof value !== "number", "protobuf: a number where bytes are due");
    return value;
  }

  text(field: number): string {
    return must(utf8Decode(this.bytes(field)), "protobuf: not text");
  }

  /** A message within this one, null where it is absent. */
  message(field: number): Message | null {
    return this.#fields.has(field) ? new Message(this.bytes(field)) : null;
  }

  /** All messages of a repeated field. */
  messages(field: number): readonly Message[] {
    return this.#all(field).map((bytes) => new Message(bytes));
  }

  /** All texts of a repeated field. */
  texts(field: number): readonly string[] {
    return this.#all(field).map((bytes) => must(utf8Decode(bytes), "protobuf: not text"));
  }

  #all(field: number): readonly Uint8Array[] {
    return (this.#fields.get(field) ?? []).map((value) => {
      assert(typeof value !== "number", "protobuf: a number where bytes are due");
      return value;
    });
  }

  #last(field: number): number | Uint8Array | undefined {
    return this.#fields.get(field)?.at(-1);
  }

  #add(field: number, value: number | Uint8Array): void {
    const values = this.#fields.get(field);
    if (values === undefined) {
      this.#fields.set(field, [value]);
    } else {
      values.push(value);
    }
  }
}

/** An int64, which protobuf writes in two's complement when it is negative. */
function readVarint(reader: ByteReader): number {
  let value = 0n;
  for (let shift = 0n; ; shift += 7n) {
    const byte = reader.u8();
    if (shift === 0n && byte < 0x80) {
      return byte;
    }
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) {
      return Number(BigInt.asIntN(64, value));
    }
  }
}
