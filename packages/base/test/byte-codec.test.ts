import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ByteReader, ByteWriter, DecodeError, toHex } from "@quorate/base";
import fc from "fast-check";
import { check } from "./check.ts";

const largest = Number.MAX_SAFE_INTEGER;
// Where a varint or a 32-bit half gets another byte, and their neighbours.
const borders: readonly number[] = [
  ...new Set(
    [0, ...[7, 8, 14, 16, 21, 28, 31, 32, 35, 42, 49, 52, 53].map((bits) => 2 ** bits)].flatMap((value) =>
      [value - 1, value, value + 1].filter((near) => near >= 0 && near <= largest),
    ),
  ),
];
const safeInteger = fc.oneof(fc.maxSafeNat(), fc.nat(300), fc.constantFrom(...borders));

function encode(write: (writer: ByteWriter) => void, capacityBytes?: number): Uint8Array {
  const writer = new ByteWriter(capacityBytes);
  write(writer);
  return writer.finish();
}

/** The definition of LEB128, on bigint. */
function slowVarint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest >= 0x80n; rest >>= 7n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
  }
  return Uint8Array.from([...bytes, Number(rest)]);
}

describe("golden bytes: written files and frames depend on them", () => {
  const cases: readonly (readonly [string, (writer: ByteWriter) => void, string])[] = [
    ["u8", (w) => w.u8(0xfe), "fe"],
    ["u16", (w) => w.u16(0x1234), "3412"],
    ["u32", (w) => w.u32(0xdeadbeef), "efbeadde"],
    ["u64", (w) => w.u64(0x0012_3456_789a_bcde), "debc9a7856341200"],
    ["u64 at its largest", (w) => w.u64(largest), "ffffffffffff1f00"],
    ["varint 0", (w) => w.varint(0), "00"],
    ["varint 127", (w) => w.varint(127), "7f"],
    ["varint 128", (w) => w.varint(128), "8001"],
    ["varint 300", (w) => w.varint(300), "ac02"],
    ["varint 2^32", (w) => w.varint(2 ** 32), "8080808010"],
    ["varint at its largest", (w) => w.varint(largest), "ffffffffffffff0f"],
    ["lengthPrefixed", (w) => w.lengthPrefixed(Uint8Array.of(1, 2, 3)), "03010203"],
  ];
  for (const [name, write, expected] of cases) {
    test(name, () => assert.equal(toHex(encode(write)), expected));
  }
});

describe("numbers come back", () => {
  test("at every border", () => {
    for (const value of borders) {
      assert.deepEqual(
        encode((w) => w.varint(value)),
        slowVarint(value),
        String(value),
      );
      const both = encode((w) => {
        w.varint(value);
        w.u64(value);
      });
      const reader = new ByteReader(both);
      assert.equal(reader.varint(), value);
      assert.equal(reader.u64(), value);
      reader.end();
    }
  });
  test("property: varint agrees with its definition", () => {
    check(
      fc.property(safeInteger, (value) =>
        assert.deepEqual(
          encode((w) => w.varint(value)),
          slowVarint(value),
        ),
      ),
      1000,
    );
  });
  test("the writer refuses what is not a safe non-negative integer", () => {
    for (const value of [-1, 0.5, largest + 1, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => encode((w) => w.varint(value)), { name: "InvariantViolation" }, `varint ${value}`);
      assert.throws(() => encode((w) => w.u64(value)), { name: "InvariantViolation" }, `u64 ${value}`);
    }
  });
});

interface Value {
  readonly kind: "u8" | "u16" | "u32" | "u64" | "varint" | "lengthPrefixed";
  readonly number: number;
  readonly bytes: Uint8Array;
}

const value: fc.Arbitrary<Value> = fc.record({
  kind: fc.constantFrom("u8", "u16", "u32", "u64", "varint", "lengthPrefixed"),
  number: safeInteger,
  bytes: fc.uint8Array({ maxLength: 40 }),
});

const widths: Readonly<Partial<Record<Value["kind"], number>>> = { u8: 2 ** 8, u16: 2 ** 16, u32: 2 ** 32 };

function fit({ kind, number }: Value): number {
  return number % (widths[kind] ?? Number.POSITIVE_INFINITY);
}

function writeValue(writer: ByteWriter, one: Value): void {
  if (one.kind === "lengthPrefixed") {
    writer.lengthPrefixed(one.bytes);
  } else {
    writer[one.kind](fit(one));
  }
}

function writeAll(writer: ByteWriter, values: readonly Value[]): void {
  for (const one of values) {
    writeValue(writer, one);
  }
}

function readAll(reader: ByteReader, values: readonly Value[]): void {
  for (const one of values) {
    readValue(reader, one);
  }
}

function readValue(reader: ByteReader, one: Value): void {
  if (one.kind === "lengthPrefixed") {
    assert.deepEqual(reader.lengthPrefixed(), one.bytes);
  } else {
    assert.equal(reader[one.kind](), fit(one), one.kind);
  }
}

test("property: what was written is read, from any capacity and any offset", () => {
  check(
    fc.property(fc.array(value, { maxLength: 20 }), fc.nat(20), (values, capacityBytes) => {
      const bytes = encode((w) => writeAll(w, values), capacityBytes);
      const framed = new Uint8Array(bytes.length + 7).fill(0xff);
      framed.set(bytes, 3);
      const reader = new ByteReader(framed, 3, 3 + bytes.length);
      readAll(reader, values);
      assert.equal(reader.remaining, 0);
      assert.equal(reader.offset, 3 + bytes.length);
      reader.end();
    }),
  );
});

test("property: every truncation is a DecodeError, never a wrong value or another error", () => {
  check(
    fc.property(fc.array(value, { minLength: 1, maxLength: 6 }), (values) => {
      const bytes = encode((w) => writeAll(w, values));
      for (let length = 0; length < bytes.length; length++) {
        const reader = new ByteReader(bytes, 0, length);
        assert.throws(() => readAll(reader, values), DecodeError, `cut at ${length}`);
      }
    }),
    100,
  );
});

describe("the reader trusts nothing", () => {
  const reading = (hex: string, read: (reader: ByteReader) => unknown): (() => unknown) => {
    return () => read(new ByteReader(Buffer.from(hex, "hex")));
  };
  test("numbers above 2^53−1", () => {
    assert.throws(
      reading("0000000000002000", (r) => r.u64()),
      { name: "DecodeError", offset: 0 },
    );
    assert.throws(
      reading("ffffffffffffffff", (r) => r.u64()),
      DecodeError,
    );
    assert.throws(
      reading("8080808080808010", (r) => r.varint()),
      DecodeError,
    );
    assert.throws(
      reading("ffffffffffffff7f", (r) => r.varint()),
      DecodeError,
    );
  });
  test("varints without an end", () => {
    assert.throws(
      reading("80808080808080808001", (r) => r.varint()),
      { name: "DecodeError", offset: 0 },
    );
    assert.throws(
      reading("ffff", (r) => r.varint()),
      { name: "DecodeError", offset: 2 },
    );
  });
  test("a length beyond the input does not allocate", () => {
    assert.throws(
      reading("ffffffffffffff0f00", (r) => r.lengthPrefixed()),
      { name: "DecodeError", offset: 8 },
    );
  });
  test("trailing bytes", () => {
    const reader = new ByteReader(new Uint8Array(2));
    reader.u8();
    assert.throws(() => reader.end(), { message: "unexpected bytes at byte 1", offset: 1 });
  });
  test("property: random bytes give a value or a DecodeError", () => {
    check(
      fc.property(
        fc.uint8Array({ maxLength: 12 }),
        fc.constantFrom("varint", "u64", "lengthPrefixed"),
        (bytes, method) => {
          const reader = new ByteReader(bytes);
          try {
            const read = reader[method as "varint"]();
            if (method !== "lengthPrefixed") {
              assert.ok(Number.isSafeInteger(read) && read >= 0);
            }
          } catch (error) {
            assert.ok(error instanceof DecodeError);
          }
        },
      ),
      1000,
    );
  });
});

test("a range of other bytes is appended, short or long; one outside them is a bug", () => {
  const source = Uint8Array.from({ length: 300 }, (_, i) => i & 0xff);
  for (const [start, end] of [
    [0, 0],
    [7, 8],
    [10, 58],
    [10, 59],
    [0, 300],
  ] as const) {
    const writer = new ByteWriter(2);
    writer.u8(9);
    writer.range(source, start, end);
    writer.u8(8);
    assert.deepEqual(writer.finish(), Uint8Array.of(9, ...source.subarray(start, end), 8));
  }
  for (const [start, end] of [
    [-1, 2],
    [2, 1],
    [0, 301],
  ] as const) {
    assert.throws(() => new ByteWriter().range(source, start, end), { name: "InvariantViolation" });
  }
});

test("a range outside the input is a bug, a negative length is not read", () => {
  for (const [start, end] of [
    [-1, 2],
    [2, 1],
    [0, 5],
  ] as const) {
    assert.throws(() => new ByteReader(new Uint8Array(4), start, end), { name: "InvariantViolation" });
  }
  const reader = new ByteReader(new Uint8Array(4), 2);
  assert.throws(() => reader.bytes(-1), { name: "DecodeError", offset: 2 });
});

test("the writer refuses numbers that do not fit", () => {
  const widths = { u8: 2 ** 8, u16: 2 ** 16, u32: 2 ** 32 } as const;
  for (const width of ["u8", "u16", "u32"] as const) {
    for (const bad of [-1, 0.5, widths[width], Number.NaN]) {
      assert.throws(() => encode((w) => w[width](bad)), { name: "InvariantViolation" }, `${width} ${bad}`);
    }
  }
  const writer = new ByteWriter();
  writer.u32(0);
  assert.throws(() => writer.patch32(0, -1), { name: "InvariantViolation" });
});

describe("the writer's buffer", () => {
  test("patch32 changes four bytes that were written, no others", () => {
    const writer = new ByteWriter(4);
    writer.u32(0);
    writer.u8(7);
    writer.patch32(0, 0x01020304);
    assert.equal(toHex(writer.finish()), "0403020107");
    for (const offset of [-1, 2, 5]) {
      assert.throws(() => writer.patch32(offset, 0), { name: "InvariantViolation" }, `offset ${offset}`);
    }
  });
  test("finish is a copy, view is not", () => {
    const writer = new ByteWriter(8);
    writer.u8(1);
    const copy = writer.finish();
    const view = writer.view();
    writer.reset();
    writer.u8(2);
    assert.equal(copy[0], 1);
    assert.equal(view[0], 2);
  });
  test("what is handed over stays as it is, while the writer goes on in the next buffer", () => {
    const writer = new ByteWriter(2);
    writer.bytes(Uint8Array.of(1, 2, 3));
    const next = new Uint8Array(8);
    const given = writer.handOver(next);
    assert.equal(writer.length, 0);
    writer.u8(9);
    assert.deepEqual([...given], [1, 2, 3]);
    assert.equal(next[0], 9);
    assert.throws(() => writer.handOver(next), { name: "InvariantViolation" });
  });
  test("view starts where asked, and reset forgets all", () => {
    const writer = new ByteWriter(1);
    writer.bytes(Uint8Array.of(1, 2, 3));
    assert.deepEqual([...writer.view(1)], [2, 3]);
    assert.equal(writer.length, 3);
    writer.reset();
    assert.equal(writer.length, 0);
    assert.equal(writer.finish().length, 0);
  });
  test("grows from no capacity at all", () => {
    const writer = new ByteWriter(0);
    writer.bytes(new Uint8Array(1000).fill(5));
    writer.varint(largest);
    assert.equal(writer.length, 1008);
  });
});
