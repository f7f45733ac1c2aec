/** Sweeping goes on slice by slice while there is work, and ends when told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startSweeping } from "../../src/process/sweep.ts";
import { eventually } from "../../src/testing/index.ts";

for (const restMs of [0, 2]) {
  test(`slices of the given size follow each other after ${restMs} ms, with events between, until nothing is left`, async () => {
    let left = 5;
    let sawOthers = false;
    const machine = {
      sweep(budget: number) {
        assert.equal(budget, 17);
        left -= 1;
        return left > 0;
      },
    };
    const stop = startSweeping(machine, { recordCount: 17, restMs });
    setImmediate(() => {
      sawOthers = left > 0;
    });
    await eventually("all slices", 60_000, () => (left === 0 ? true : undefined));
    stop();
    assert.equal(sawOthers, true);
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(left, 0, "a stopped sweeper does not come back");
  });
}
