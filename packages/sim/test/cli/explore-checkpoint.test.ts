/** The file of a walk that was ended: what goes in comes out, of the same bounds alone, and nothing is left of a walk that is through. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { explore } from "@quorate/sim";
import { ExploreCheckpoint } from "../../cli/explore-checkpoint.ts";

const plan = { termMax: 1, proposalCountMax: 1, crashCountMax: 1, confChangeCountMax: 0 };

function inFolder(work: (path: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "quorate-explore-"));
  try {
    work(join(folder, "worlds"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Explores until there are so many worlds, from where the file says, and leaves there where it ended. */
function go(path: string, worldCountMax: number): ReturnType<typeof explore> {
  const checkpoint = new ExploreCheckpoint(path, { plan });
  const resumeFrom = checkpoint.open();
  const report = explore({
    plan,
    worldCountMax,
    ...(resumeFrom === null ? {} : { resumeFrom }),
    saveTo: () => checkpoint.create(),
  });
  checkpoint.finish();
  return report;
}

test("a walk goes on from its file, which is gone at its end", () => {
  inFolder((path) => {
    const whole = explore({ plan });
    assert.ok(!go(path, Math.floor(whole.worldCount / 2)).complete);
    assert.ok(existsSync(path) && !existsSync(`${path}.tmp`));
    assert.deepEqual(go(path, Number.POSITIVE_INFINITY), whole);
    assert.ok(!existsSync(path));
  });
});

test("a file of other bounds, or one that is cut off, is refused", () => {
  inFolder((path) => {
    go(path, 50);
    assert.throws(
      () => new ExploreCheckpoint(path, { plan: { ...plan, termMax: 2 } }).open(),
      /other bounds/,
    );
    truncateSync(path, 10_000);
    assert.throws(() => go(path, 100), /is cut off/);
  });
});
