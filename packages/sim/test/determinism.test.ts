import assert from "node:assert/strict";
import { test } from "node:test";
import { simulate } from "@quorate/sim";

test("one seed is one run: the same trace, line by line, whenever it is played", () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const lines: string[] = [];
    const first = simulate(seed, { sink: (at, text) => lines.push(`${at} ${text}`) });
    let place = 0;
    const second = simulate(seed, {
      sink: (at, text) => {
        // Compared at once, so that a failure names the first line that differs.
        assert.equal(`${at} ${text}`, lines[place], `seed ${seed}, line ${place}`);
        place++;
      },
    });
    assert.equal(place, lines.length);
    assert.equal(second.traceHash, first.traceHash);
    assert.equal(second.eventCount, first.eventCount);
    assert.ok(lines.length > 100, `seed ${seed} has only ${lines.length} lines`);
    assert.equal(simulate(seed).traceHash, first.traceHash, "watching changes nothing");
  }
});

test("different seeds are different runs", () => {
  const hashes = new Set([1, 2, 3, 4, 5].map((seed) => simulate(seed).traceHash));
  assert.equal(hashes.size, 5);
});
