import assert from "node:assert/strict";
import { test } from "node:test";
import { type CheckpointSource, type ExploreOptions, type ExplorerReport, explore } from "@quorate/sim";

const plan = { termMax: 2, proposalCountMax: 1, crashCountMax: 0, confChangeCountMax: 0 };

/** Explores in pieces of so many worlds, each going on where the one before ended. */
function inPieces(worlds: number, options: ExploreOptions): { report: ExplorerReport; pieces: number } {
  let saved: Uint8Array[] = [];
  let resumeFrom: CheckpointSource | null = null;
  for (let pieces = 1; ; pieces++) {
    const next: Uint8Array[] = [];
    const report = explore({
      ...options,
      worldCountMax: worlds * pieces,
      ...(resumeFrom === null ? {} : { resumeFrom }),
      saveTo: () => ({ write: (bytes) => next.push(bytes.slice()) }),
    });
    if (report.complete || report.violation !== null) {
      return { report, pieces };
    }
    saved = next;
    resumeFrom = sourceOf(saved);
  }
}

function sourceOf(saved: readonly Uint8Array[]): CheckpointSource {
  const bytes = Buffer.concat(saved);
  let at = 0;
  return {
    read: (into) => {
      assert.ok(at + into.length <= bytes.length, "read behind the end");
      into.set(bytes.subarray(at, at + into.length));
      at += into.length;
    },
  };
}

test("a walk in pieces visits what a walk at once does", () => {
  const { report, pieces } = inPieces(500, { plan });
  assert.ok(pieces >= 3, `${pieces} pieces`);
  assert.deepEqual(report, explore({ plan }));
});

test("without reduction, too", () => {
  const small = { ...plan, termMax: 1 };
  const { report, pieces } = inPieces(200, { plan: small, reduction: false });
  assert.ok(pieces >= 3, `${pieces} pieces`);
  assert.deepEqual(report, explore({ plan: small, reduction: false }));
});

test("the way to a broken promise leads back through the pieces before", () => {
  const broken = { ...plan, termMax: 1, proposalCountMax: 0, crashCountMax: 1, diskForgets: true };
  const whole = explore({ plan: broken });
  assert.equal(whole.violation?.checker, "election-safety");
  const { report, pieces } = inPieces(Math.ceil(whole.worldCount / 4), { plan: broken });
  assert.ok(pieces >= 3, `${pieces} pieces`);
  assert.equal(report.violation?.message, whole.violation?.message);
  assert.deepEqual(report.way, whole.way);
});

test("time ends a walk as a number of worlds does", () => {
  let calls = 0;
  const report = explore({ plan: { ...plan, crashCountMax: 1 }, isTimeUp: () => ++calls > 1 });
  assert.ok(!report.complete && report.violation === null && report.expandedCount === 4096);
});

test("what is cut off is no checkpoint", () => {
  const saved: Uint8Array[] = [];
  explore({ plan, worldCountMax: 1_000, saveTo: () => ({ write: (bytes) => saved.push(bytes.slice()) }) });
  assert.throws(() => explore({ plan, resumeFrom: sourceOf(saved.slice(0, -1)) }), /read behind the end/);
});
