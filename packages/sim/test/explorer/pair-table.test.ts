import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@quorate/base";
import { absent, PairTable } from "../../src/explorer/pair-table.ts";

test("a table of pairs answers as a map does, also after it has grown", () => {
  const random = new Prng(7);
  const table = new PairTable();
  const model = new Map<string, number>();
  for (let i = 0; i < 20_000; i++) {
    const left = random.integer(0, 200);
    const right = random.integer(0, 200);
    const key = `${left} ${right}`;
    assert.equal(table.get(left, right), model.get(key) ?? absent);
    if (!model.has(key)) {
      table.add(left, right, i);
      model.set(key, i);
    }
  }
  assert.equal(table.count, model.size);
  assert.ok(model.size > 5_000);
});

test("a pair that is there is not added again", () => {
  const table = new PairTable();
  table.add(1, 2, 3);
  assert.throws(() => table.add(1, 2, 4), /added twice/);
  assert.equal(table.get(2, 1), absent);
});
