/** Verdicts that are kept: nothing is judged twice, and a line that was cut off is judged again. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { MutantProgress } from "../../cli/mutant-progress.ts";

const verdict = (id: string) => ({ id, at: "seed 3", message: "recovery: lost", cpuSeconds: 2 });

test("a run goes on from what stands in its file", async () => {
  const folder = mkdtempSync(join(tmpdir(), "quorate-progress-"));
  const path = join(folder, "progress.ndjson");
  try {
    const judged: string[] = [];
    const ask = (progress: MutantProgress, of: "mutant" | "control", id: string) =>
      progress.verdict(of, id, async () => {
        judged.push(`${of} ${id}`);
        return verdict(id);
      });
    const first = new MutantProgress(path);
    assert.deepEqual(await ask(first, "mutant", "R1"), verdict("R1"));
    await ask(first, "mutant", "R2");
    await ask(first, "control", "seeds");
    const text = readFileSync(path, "utf8");
    writeFileSync(path, text.slice(0, -5));
    const second = new MutantProgress(path);
    assert.deepEqual(await ask(second, "mutant", "R1"), verdict("R1"));
    await ask(second, "control", "R1");
    await ask(second, "control", "seeds");
    const all = ["mutant R1", "mutant R2", "control seeds", "control R1", "control seeds"];
    assert.deepEqual(judged, all);
    const third = new MutantProgress(path);
    await ask(third, "control", "R1");
    await ask(third, "control", "seeds");
    assert.deepEqual(judged, all);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("without a file nothing is kept", async () => {
  let count = 0;
  const progress = new MutantProgress(null);
  for (let i = 0; i < 2; i++) {
    await progress.verdict("mutant", "R1", async () => {
      count++;
      return verdict("R1");
    });
  }
  assert.equal(count, 2);
});
