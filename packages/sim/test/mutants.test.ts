import assert from "node:assert/strict";
import { test } from "node:test";
import { type Mutant, mutate, readMutants, readSource, staleMutants } from "../cli/mutant.ts";
import { type Deaths, isTableCurrent, readDeaths, recorded, sampleOf } from "../cli/mutant-deaths.ts";
import { runMutant } from "../cli/mutant-runner.ts";

/** Well under the 200 seeds of seeds.test.ts, on which the unmodified code is clean. */
const seedCount = 60;

/** What every run of the tests plants; `npm run mutants` plants all. */
const planted: ReadonlySet<string> = new Set(["R4", "R6", "R25", "S1", "S2"]);

const mutants = readMutants();

for (const mutant of mutants.filter(({ id }) => planted.has(id))) {
  test(`mutant ${mutant.id} dies: ${mutant.why}`, async () => {
    const { at, message } = await runMutant(mutant, seedCount);
    assert.notEqual(message, null, `${mutant.id} survived ${at}`);
  });
}

test("every mutant still finds its places, each once, and changes something", () => {
  const stale = staleMutants();
  assert.equal(stale.length, 0, `\n${stale.join("\n\n")}`);
  assert.ok(mutants.length > planted.size);
  for (const mutant of mutants) {
    for (const [file, text] of mutate(mutant, readSource)) {
      assert.notEqual(text, readSource(file), mutant.id);
    }
  }
});

test("a mutant whose place is gone, or no longer the only one, fails loudly", () => {
  const mutant = mutants.find(({ edits }) => edits.length === 1);
  assert.ok(mutant !== undefined);
  assert.throws(() => mutate(mutant, () => ""), /stands 0 times/);
  assert.throws(() => mutate(mutant, (file) => readSource(file) + readSource(file)), /stands 2 times/);
});

test("every number of the list has a mutant", () => {
  const numbers = new Set(mutants.map(({ id }) => /^[A-Z]+\d+/.exec(id)?.[0]));
  const wanted = [...numbersOf("R", 66), ...numbersOf("S", 17)];
  assert.deepEqual(
    wanted.filter((id) => !numbers.has(id)),
    [],
  );
});

function numbersOf(letter: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `${letter}${i + 1}`);
}

test("every known mutant of the protocol and of the disk has died, and the docs say where of all", () => {
  const deaths = readDeaths();
  const alive = mutants.filter(
    ({ id, state }) => /^[RS]/.test(id) && state === "known" && deaths[id] === undefined,
  );
  assert.deepEqual(
    alive.map(({ id }) => id),
    [],
  );
  assert.ok(isTableCurrent(mutants), "docs/simulator.md: npm run mutants -- --docs writes it anew");
});

test("a sample is the same for the same hash, another for another, and fits into its time", () => {
  const deaths: Deaths = Object.fromEntries(
    mutants.map(({ id }) => [id, { at: "seed 1", by: "invariant", cpuSeconds: 5 }]),
  );
  const idsOf = (sample: readonly Mutant[]): readonly string[] => sample.map(({ id }) => id);
  const sample = idsOf(sampleOf(mutants, deaths, "abc", 60));
  assert.equal(sample.length, 12);
  assert.deepEqual(idsOf(sampleOf(mutants, deaths, "abc", 60)), sample);
  assert.notDeepEqual(idsOf(sampleOf(mutants, deaths, "abd", 60)), sample);
  assert.equal(sampleOf(mutants, deaths, "abc", 0).length, 1);
});

test("the record takes a death, forgets a survivor and what is no mutant any more", () => {
  const [mutant] = mutants;
  assert.ok(mutant !== undefined);
  const { id } = mutant;
  const killed = { id, at: "seed 3", message: "log-matching: it happened", cpuSeconds: 1.2 };
  const first = recorded({ R0: { at: "seed 1", by: "x", cpuSeconds: 1 } }, mutants, [killed]);
  assert.deepEqual(first, { [id]: { at: "seed 3", by: "log-matching", cpuSeconds: 2 } });
  assert.deepEqual(recorded(first, mutants, [{ ...killed, message: null }]), {});
});
