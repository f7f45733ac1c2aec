import assert from "node:assert/strict";
import { test } from "node:test";
import { type ExplorerPlan, type ExplorerReport, explore } from "@quorate/sim";

const quiet: Partial<ExplorerPlan> = {
  termMax: 2,
  proposalCountMax: 0,
  crashCountMax: 0,
  confChangeCountMax: 0,
};

function complete(plan: Partial<ExplorerPlan>): ExplorerReport {
  const report = explore({ plan });
  assert.equal(report.violation, null, report.way.join("\n"));
  assert.ok(report.complete);
  return report;
}

test("two terms of elections: no promise is broken in any world, and entries are committed in some", () => {
  const report = complete(quiet);
  assert.ok(report.worldCount > 300, `${report.worldCount} worlds`);
  assert.equal(report.committedMax, 2);
});

test("two terms, a proposal, a crash: tens of thousands of worlds", () => {
  const report = complete({ ...quiet, proposalCountMax: 1, crashCountMax: 1 });
  assert.ok(report.worldCount > 10_000, `${report.worldCount} worlds`);
  assert.equal(report.committedMax, 3);
  assert.ok(report.localStepCount * 5 < report.stepCount, "most steps are looked up");
  assert.ok(report.missedChance > 0 && report.missedChance < 1e-10);
});

test("what finds its link full waits for room, or is lost", () => {
  const plan = { ...quiet, linkCapacity: 1 };
  const waiting = complete(plan);
  const lossy = complete({ ...plan, linksLose: true });
  assert.ok(waiting.withheldCount > 0 && lossy.withheldCount === 0);
  assert.ok(
    waiting.worldCount < lossy.worldCount,
    `${waiting.worldCount} where it waits, ${lossy.worldCount} where it is lost`,
  );
  assert.equal(lossy.stuckCount, 0);
  assert.equal(complete({ ...plan, linkCapacity: 6 }).withheldCount, 0);
});

test("the same plan gives the same worlds", () => {
  const plan = { ...quiet, termMax: 1, proposalCountMax: 1 };
  assert.deepEqual(explore({ plan }), explore({ plan }));
});

test("a proposal and a crash in one term", () => {
  const report = complete({ ...quiet, termMax: 1, proposalCountMax: 1, crashCountMax: 1 });
  assert.equal(report.committedMax, 2);
});

test("a voter is removed: the configuration that is left commits", () => {
  const report = complete({ ...quiet, termMax: 1, confChangeCountMax: 1 });
  assert.equal(report.committedMax, 2);
});

test("a voter is replaced by a third member through a joint configuration", () => {
  const plan = { ...quiet, termMax: 1, voterCount: 2, nodeCount: 3, confChangeCountMax: 1 };
  const report = complete(plan);
  // The no-op, the change, and the leaving of the joint configuration.
  assert.equal(report.committedMax, 3);
});

test("pre-vote: two trials of an election, and the election", () => {
  const report = complete({ ...quiet, termMax: 1, preVote: true, campaignCountMax: 2 });
  assert.equal(report.committedMax, 1);
});

test("a disk that forgets term and vote at a crash: two leaders of one term are found, with the shortest way", () => {
  const report = explore({ plan: { ...quiet, termMax: 1, crashCountMax: 1, diskForgets: true } });
  assert.equal(report.violation?.checker, "election-safety");
  assert.ok(!report.complete);
  assert.match(report.way.join("\n"), /crashes and starts again/);
  assert.ok(report.way.length <= 20, report.way.join("\n"));
});

test("a limit is no completeness", () => {
  const report = explore({ plan: quiet, worldCountMax: 100 });
  assert.ok(!report.complete && report.violation === null && report.worldCount >= 100);
});

test("progress is told", () => {
  const depths: number[] = [];
  explore({ plan: quiet, progressInterval: 50, onProgress: (progress) => depths.push(progress.depth) });
  assert.ok(depths.length >= 4);
  assert.deepEqual(
    depths.toSorted((a, b) => a - b),
    depths,
  );
});
