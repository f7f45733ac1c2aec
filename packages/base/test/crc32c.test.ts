import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { crc32c, crc32cJoin, utf8Encode } from "@quorate/base";
import fc from "fast-check";
import { check } from "./check.ts";

/** The definition, one bit at a time. */
function slowCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
    }
  }
  return ~crc >>> 0;
}

describe("vectors of RFC 3720, appendix B.4", () => {
  const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);
  const vectors: readonly (readonly [string, Uint8Array, number])[] = [
    ["32 bytes of zero", new Uint8Array(32), 0x8a9136aa],
    ["32 bytes of 0xff", new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ["ascending", ascending, 0x46dd794e],
    ["descending", ascending.toReversed(), 0x113fdb5c],
    ["the check string of the catalogue", utf8Encode("123456789"), 0xe3069283],
    ["nothing", new Uint8Array(0), 0],
  ];
  for (const [name, bytes, expected] of vectors) {
    test(name, () => assert.equal(crc32c(bytes), expected));
  }
});

test("agrees with the definition for every length around the steps of eight and sixteen bytes", () => {
  const bytes = Uint8Array.from({ length: 70 }, (_, i) => (i * 151 + 7) & 0xff);
  for (let length = 0; length <= bytes.length; length++) {
    assert.equal(
      crc32c(bytes.subarray(0, length)),
      slowCrc32c(bytes.subarray(0, length)),
      `length ${length}`,
    );
  }
});

test("property: agrees with the definition, also within a range", () => {
  const input = fc.tuple(fc.uint8Array({ maxLength: 200 }), fc.nat(200), fc.nat(200));
  check(
    fc.property(input, ([bytes, a, b]) => {
      const start = Math.min(a, b, bytes.length);
      const end = Math.min(Math.max(a, b), bytes.length);
      assert.equal(crc32c(bytes, 0, start, end), slowCrc32c(bytes.subarray(start, end)));
    }),
  );
});

test("property: a checksum continues where another ended", () => {
  check(
    fc.property(fc.uint8Array(), fc.nat(), (bytes, cut) => {
      const at = bytes.length === 0 ? 0 : cut % (bytes.length + 1);
      assert.equal(crc32c(bytes, crc32c(bytes, 0, 0, at), at), crc32c(bytes));
    }),
  );
});

test("a range outside the bytes is a bug", () => {
  for (const [start, end] of [
    [-1, 2],
    [2, 1],
    [0, 5],
    [5, 5],
  ] as const) {
    assert.throws(
      () => crc32c(new Uint8Array(4), 0, start, end),
      { name: "InvariantViolation" },
      `${start}, ${end}`,
    );
  }
});

test("every single bit flip changes it", () => {
  const bytes = Uint8Array.from({ length: 40 }, (_, i) => (i * 37 + 1) & 0xff);
  const whole = crc32c(bytes);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = bytes.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.notEqual(crc32c(flipped), whole, `bit ${bit}`);
  }
});

test("agrees with the definition for long ranges, however they lie in memory", () => {
  const bytes = Uint8Array.from({ length: 20_000 }, (_, i) => (i * 2_654_435_761) >>> 13);
  for (const start of [0, 1, 2, 3, 5]) {
    for (const length of [
      510, 511, 512, 513, 515, 519, 520, 527, 528, 531, 1535, 1536, 6151, 9217, 12_345, 19_990,
    ]) {
      const expected = slowCrc32c(bytes.subarray(start, start + length));
      assert.equal(crc32c(bytes, 0, start, start + length), expected, `start ${start}, length ${length}`);
      assert.equal(crc32c(bytes.subarray(start, start + length)), expected, `view at ${start}`);
      const seed = crc32c(bytes, 0, 0, start);
      assert.equal(crc32c(bytes, seed, start, start + length), slowCrc32c(bytes.subarray(0, start + length)));
    }
  }
});

test("checksums of two ranges make that of both", () => {
  check(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 9000 }), (left, right) => {
      const both = new Uint8Array([...left, ...right]);
      assert.equal(crc32cJoin(crc32c(left), crc32c(right), right.length), slowCrc32c(both));
      // A seed is a checksum of bytes before: whatever it was, the end is the same.
      assert.equal(crc32cJoin(12_345, crc32c(right), right.length), crc32c(right, 12_345));
    }),
  );
});
