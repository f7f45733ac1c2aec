/** The ordered index and the key table against a sorted list. */
import assert from "node:assert/strict";
import test from "node:test";
import { compareBytes, Prng, utf8Encode } from "@quorate/base";
import { Arena } from "../../src/memory/arena.ts";
import { KeyTable, noSlot } from "../../src/memory/key-table.ts";
import { KeyTree, TreeCursor } from "../../src/memory/key-tree.ts";

class Index {
  readonly keys: KeyTable = new KeyTable(new Arena(), 5);
  readonly tree: KeyTree = new KeyTree(this.keys);

  add(key: Uint8Array): void {
    const slot = this.keys.add(key, 0);
    this.tree.insert(slot, key);
  }

  remove(key: Uint8Array): void {
    const slot = this.keys.find(key);
    this.tree.remove(slot, key);
    this.keys.remove(slot);
  }

  from(key: Uint8Array): string[] {
    const cursor = new TreeCursor();
    this.tree.seek(cursor, key);
    const found: string[] = [];
    for (let slot = this.tree.next(cursor); slot !== -1; slot = this.tree.next(cursor)) {
      found.push(Buffer.from(this.keys.key(slot)).toString("latin1"));
    }
    return found;
  }
}

const name = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

/** Keys of all shapes: shared prefixes, zero bytes, prefixes of each other, long ones. */
function someKey(random: Prng): Uint8Array {
  switch (random.integer(0, 5)) {
    case 0:
      return utf8Encode(`/registry/pods/default/${random.integer(0, 3_000)}`);
    case 1:
      return new Uint8Array(random.integer(1, 6)).fill(random.integer(0, 3));
    case 2:
      return Uint8Array.from({ length: random.integer(1, 4) }, () => random.integer(0, 256));
    case 3:
      return utf8Encode(`/registry/${"p".repeat(random.integer(0, 40))}`);
    default:
      return utf8Encode(`/${random.integer(0, 2_000)}`);
  }
}

test("inserting, removing and seeking agree with a sorted list", () => {
  for (let seed = 1; seed <= 6; seed++) {
    const random = new Prng(seed);
    const index = new Index();
    const model = new Map<string, Uint8Array>();
    for (let round = 0; round < 8_000; round++) {
      const key = someKey(random);
      // Growing and shrinking in turns, so that nodes split and merge.
      const removes = random.chance(round % 4_000 < 2_000 ? 0.2 : 0.8);
      const present = model.has(name(key));
      assert.equal(index.keys.find(key) !== noSlot, present, `seed ${seed}`);
      if (removes && present) {
        index.remove(key);
        model.delete(name(key));
      } else if (!removes && !present) {
        index.add(key);
        model.set(name(key), key);
      }
      if (round % 500 === 0) {
        index.tree.check();
        const from = someKey(random);
        const expected = [...model.values()].filter((other) => compareBytes(other, from) >= 0);
        assert.deepEqual(index.from(from), expected.sort(compareBytes).map(name), `seed ${seed}`);
      }
    }
  }
});

test("removing every key leaves one empty leaf, in any order", () => {
  for (const order of ["ascending", "descending", "random"] as const) {
    const index = new Index();
    const random = new Prng(3);
    const all = Array.from({ length: 20_000 }, (_, i) => utf8Encode(`k${String(i).padStart(6, "0")}`));
    for (const key of all) {
      index.add(key);
    }
    const rank = new Map(
      all.map((key, i) => [key, order === "random" ? random.fraction() : order === "ascending" ? i : -i]),
    );
    for (const key of [...all].sort((a, b) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0))) {
      index.remove(key);
    }
    index.tree.check();
    assert.equal(index.tree.rowCount, 1, order);
    assert.equal(index.keys.keyCount, 0);
  }
});

test("keys that arrive in order fill the leaves", () => {
  const index = new Index();
  for (let i = 0; i < 64 * 100; i++) {
    index.add(utf8Encode(`k${String(i).padStart(6, "0")}`));
  }
  index.tree.check();
  // 100 leaves, and inner nodes of two rows each.
  assert.ok(index.tree.rowCount <= 100 + 3 * 2, String(index.tree.rowCount));
});

test("a key table finds every key while its buckets split", () => {
  const keys = new KeyTable(new Arena(), 0);
  const slots = new Map<number, number>();
  for (let i = 0; i < 500; i++) {
    slots.set(i, keys.add(utf8Encode(String(i)), i));
  }
  for (const [i, slot] of slots) {
    assert.equal(keys.find(utf8Encode(String(i))), slot);
    assert.equal(keys.head(slot), i);
  }
  assert.equal(keys.find(utf8Encode("absent")), noSlot);
});
