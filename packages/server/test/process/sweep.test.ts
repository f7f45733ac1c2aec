/** Sweeping goes on slice by slice while there is work, and ends when told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startSweeping } from "../../src/process/sweep.ts";
import { eventually } from "../../src/testing/index.ts";

test("slices follow each other with events between, until nothing is left", async () => {
  let left = 5;
  let sawOthers = false;
  const stop = startSweeping({
    sweep(budget) {
      assert.ok(budget > 0);
      left -= 1;
      return left > 0;
    },
  });
  setImmediate(() => {
    sawOthers = left > 0;
  });
  await eventually("all slices", 2000, () => (left === 0 ? true : undefined));
  stop();
  assert.equal(sawOthers, true);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(left, 0, "a stopped sweeper does not come back");
});
