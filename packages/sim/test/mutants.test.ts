import assert from "node:assert/strict";
import { test } from "node:test";
import { mutate, readMutants, readTarget, runMutant } from "../cli/mutant-runner.ts";

/** Well under the 200 seeds of seeds.test.ts, on which the unmodified code is clean. */
const seedCount = 60;

for (const mutant of readMutants()) {
  test(`mutant ${mutant.id} dies: ${mutant.why}`, async () => {
    const result = await runMutant(mutant, seedCount);
    assert.equal(result.kind, "killed", `${mutant.id} survived ${seedCount} seeds`);
  });
}

test("a mutant whose place is gone, or no longer the only one, fails loudly", () => {
  const [mutant] = readMutants();
  assert.ok(mutant !== undefined);
  const source = readTarget(mutant);
  assert.notEqual(mutate(mutant, source), source);
  assert.throws(() => mutate(mutant, ""), /stands 0 times/);
  assert.throws(() => mutate(mutant, source + source), /stands 2 times/);
});
