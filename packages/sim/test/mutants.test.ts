import assert from "node:assert/strict";
import { test } from "node:test";
import { type Mutant, mutate, readMutants, readSource, staleMutants } from "../cli/mutant.ts";
import {
  controlSeedCount,
  type Deaths,
  isTableCurrent,
  judgeName,
  readDeaths,
  recorded,
  sampleOf,
  withControl,
} from "../cli/mutant-deaths.ts";
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

/** No patch: a store never compares tokens (T11); servers and certificates, in processes of their own, hold these (T2, T12). */
const elsewhere: ReadonlySet<string> = new Set(["T2", "T11", "T12"]);

test("every number of the list has a mutant, or a reason why not", () => {
  const numbers = new Set(mutants.map(({ id }) => /^[A-Z]+\d+/.exec(id)?.[0]));
  const wanted = [...numbersOf("R", 66), ...numbersOf("S", 17), ...numbersOf("K", 24), ...numbersOf("T", 12)];
  assert.deepEqual(
    wanted.filter((id) => !numbers.has(id)),
    [...elsewhere],
  );
  assert.deepEqual(
    mutants.filter(({ state }) => state === "open").map(({ id }) => id),
    [],
  );
});

function numbersOf(letter: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `${letter}${i + 1}`);
}

test("every known mutant has died, and the docs say where of all", () => {
  const deaths = readDeaths();
  const alive = mutants.filter(({ id, state }) => state === "known" && deaths[id] === undefined);
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
  const cheap = Object.fromEntries(
    mutants.map(({ judge }) => [judgeName(judge, mutants), { at: "20 seeds", cpuSeconds: 0 }]),
  );
  const draw = (hash: string, seconds: number): readonly Mutant[] =>
    sampleOf(mutants, { deaths, controls: cheap }, hash, seconds);
  const sample = idsOf(draw("abc", 140));
  // Seven seconds each with its copy, two more for each judge's own.
  const judges = new Set(draw("abc", 140).map(({ judge }) => judgeName(judge, mutants)));
  assert.ok(sample.length * 7 + judges.size * 2 <= 140 && sample.length > 10, `${sample.length}`);
  assert.deepEqual(idsOf(draw("abc", 140)), sample);
  assert.notDeepEqual(idsOf(draw("abd", 140)), sample);
  assert.equal(draw("abc", 0).length, 1);
  const dear = Object.fromEntries([...judges].map((name) => [name, { at: "20 seeds", cpuSeconds: 139 }]));
  assert.ok(sampleOf(mutants, { deaths, controls: dear }, "abc", 140).length < sample.length);
  // What is not on record counts as if it were dear.
  assert.ok(sampleOf(mutants, { deaths, controls: {} }, "abc", 140).length < sample.length);
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

test("an unchanged copy gets through all seeds in which a mutant of its judge died", () => {
  const judge = mutants.find(({ id }) => id === "R6")?.judge;
  assert.ok(judge !== undefined);
  const deaths: Deaths = {
    R6: { at: "seed 33", by: "x", cpuSeconds: 1 },
    R4: { at: "seed 77", by: "x", cpuSeconds: 1 },
    R56: { at: "seed 99", by: "x", cpuSeconds: 1 },
  };
  assert.equal(controlSeedCount(judge, mutants, deaths, 20), 77, "R56 has worlds of its own");
  assert.equal(controlSeedCount(judge, mutants, {}, 20), 20);
  const lived = { id: judgeName(judge, mutants), at: "77 seeds", message: null, cpuSeconds: 2.5 };
  const controls = withControl({ "seeds of nobody": { at: "20 seeds", cpuSeconds: 1 } }, mutants, lived);
  assert.deepEqual(controls, { seeds: { at: "77 seeds", cpuSeconds: 3 } });
  assert.deepEqual(withControl(controls, mutants, { ...lived, message: "recovery: gone" }), {});
});
