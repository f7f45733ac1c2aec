import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@quorate/base";
import { Frontier } from "../../src/explorer/frontier.ts";
import { defaultExplorerPlan } from "../../src/explorer/plan.ts";
import { WorldLayout } from "../../src/explorer/world-layout.ts";

test("worlds come out as they went in, in order, over many blocks", () => {
  const layout = new WorldLayout(defaultExplorerPlan);
  const random = new Prng(11);
  const frontier = new Frontier(layout);
  const model: Int32Array[] = [];
  const out = new Int32Array(layout.width);
  for (let i = 0; i < 45_000; i++) {
    const row = Int32Array.from({ length: layout.width }, (_, at) =>
      random.integer(0, at < layout.linksEnd ? 2 ** 16 : 2 ** 31),
    );
    frontier.push(row);
    model.push(row);
    if (i % 3 === 2) {
      frontier.shift(out);
      assert.deepEqual(out, model[(i - 2) / 3]);
    }
  }
  assert.equal(frontier.count, 30_000);
  for (let at = 15_000; at < 45_000; at++) {
    frontier.shift(out);
    assert.deepEqual(out, model[at]);
  }
  assert.throws(() => frontier.shift(out), /empty/);
});
