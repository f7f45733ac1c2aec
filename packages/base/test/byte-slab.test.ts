import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteSlab } from "@quorate/base";

test("copies are equal to what was given, apart from it, and apart from each other", () => {
  const slab = new ByteSlab(64);
  const given = Array.from({ length: 100 }, (_, i) => new Uint8Array(i % 13).fill(i));
  const kept = given.map((bytes) => slab.copy(bytes));
  for (const bytes of given) {
    bytes.fill(255);
  }
  for (const [i, bytes] of kept.entries()) {
    assert.deepEqual(bytes, new Uint8Array(i % 13).fill(i));
  }
});

test("small copies share buffers, large ones have their own", () => {
  const slab = new ByteSlab(64);
  const small = [1, 2, 3].map(() => slab.copy(new Uint8Array(16)));
  assert.equal(new Set(small.map((bytes) => bytes.buffer)).size, 1);
  assert.equal(slab.copy(new Uint8Array(17)).buffer.byteLength, 17);
  assert.equal(slab.copy(new Uint8Array(0)).length, 0);
});

test("what is written in place stays as it was, however wrong the guesses of its length", () => {
  const slab = new ByteSlab(64);
  const kept = Array.from({ length: 100 }, (_, i) =>
    slab.write(
      (i * 7) % 40,
      (writer, value) => {
        writer.u8(value);
        writer.bytes(new Uint8Array((i * 13) % 90).fill(value));
      },
      i,
    ),
  );
  for (const [i, bytes] of kept.entries()) {
    assert.deepEqual(bytes, new Uint8Array(1 + ((i * 13) % 90)).fill(i));
  }
});

test("what is much longer than its guess holds no more memory than itself, and makes no slab larger", () => {
  const slab = new ByteSlab(64);
  const write = (bytesAbout: number, length: number): Uint8Array =>
    slab.write(bytesAbout, (writer, bytes) => writer.bytes(bytes), new Uint8Array(length));
  write(1, 1);
  assert.equal(write(1, 1000).buffer.byteLength, 1000, "beyond its slab");
  assert.equal(write(1, 1).buffer.byteLength, 64, "a slab as large as any");
  assert.equal(write(20, 1000).buffer.byteLength, 1000, "beyond its own buffer");
});

test("a slab without room is a bug", () => {
  assert.throws(() => new ByteSlab(0), /no room/);
});
