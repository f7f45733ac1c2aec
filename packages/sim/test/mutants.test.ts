import assert from "node:assert/strict";
import { test } from "node:test";
import { mutate, readMutants, readTarget, runMutant, staleMutants } from "../cli/mutant-runner.ts";

/** Well under the 200 seeds of seeds.test.ts, on which the unmodified code is clean. */
const seedCount = 60;

/** What every run of the tests plants; `npm run mutants` plants all. */
const planted: ReadonlySet<string> = new Set(["R4", "R6", "R25", "S1", "S2"]);

for (const mutant of readMutants().filter(({ id }) => planted.has(id))) {
  test(`mutant ${mutant.id} dies: ${mutant.why}`, async () => {
    const result = await runMutant(mutant, seedCount);
    assert.equal(result.kind, "killed", `${mutant.id} survived ${result.by}`);
  });
}

test("every mutant still finds its place, once", () => {
  const stale = staleMutants();
  assert.equal(stale.length, 0, `\n${stale.join("\n\n")}`);
  const mutants = readMutants();
  assert.ok(mutants.length > planted.size);
  for (const mutant of mutants) {
    assert.notEqual(mutate(mutant, readTarget(mutant)), readTarget(mutant), mutant.id);
  }
});

test("a mutant whose place is gone, or no longer the only one, fails loudly", () => {
  const [mutant] = readMutants();
  assert.ok(mutant !== undefined);
  const source = readTarget(mutant);
  assert.notEqual(mutate(mutant, source), source);
  assert.throws(() => mutate(mutant, ""), /stands 0 times/);
  assert.throws(() => mutate(mutant, source + source), /stands 2 times/);
});
