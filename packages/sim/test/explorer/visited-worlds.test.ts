import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@quorate/base";
import { missedChance, VisitedWorlds } from "../../src/explorer/visited-worlds.ts";

test("each fingerprint is new once, through all growing, and at both ends of a table", () => {
  const random = new Prng(3);
  const visited = new VisitedWorlds();
  const model = new Set<string>();
  const edges = [0, 1, 0x00ffffff, 0xffffffff];
  for (let i = 0; i < 60_000; i++) {
    // Few different high halves, so that some shards grow often, and the ends of a shard are crowded.
    const low = i % 3 === 0 ? 0xffffffff - random.integer(0, 2_000) : random.uint32();
    const high = i % 5 === 0 ? (edges[random.integer(0, edges.length)] as number) : random.uint32();
    const key = `${low === 0 && high === 0 ? 1 : low} ${high}`;
    assert.equal(visited.add(low, high), !model.has(key), key);
    model.add(key);
  }
  assert.equal(visited.count, model.size);
  assert.ok(visited.bytes > 8 * model.size && visited.bytes < 24 * model.size);
});

test("the chance that a world was missed: pairs of worlds over 2^64", () => {
  assert.equal(missedChance(1), 0);
  assert.equal(missedChance(2), 2 ** -64);
  assert.ok(missedChance(1e9) > 0.027 && missedChance(1e9) < 0.0272);
});
