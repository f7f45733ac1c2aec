/** What is left out because it makes no difference makes none: members come into the same states with and without, and what is broken is found. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ExplorerPlan, type ExplorerReport, explore } from "@quorate/sim";

interface Found {
  readonly report: ExplorerReport;
  /** What a member can be seen to be, without names. */
  readonly members: ReadonlySet<string>;
}

function found(plan: Partial<ExplorerPlan>, reduction: boolean): Found {
  const members = new Set<string>();
  const report = explore({
    plan,
    reduction,
    onMember: ({ role, term, commit, log }) => {
      // A candidate that has lost, and one that has not been told so, do the same.
      members.add(`${role === "leader"} t${term} c${commit} ${log.join(" ").replace(/@\d/g, "@")}`);
    },
  });
  return { report, members };
}

const none = { proposalCountMax: 0, crashCountMax: 0, confChangeCountMax: 0 };

const two = { voterCount: 2, nodeCount: 2 };

// Where much is sent, links are long enough to be never full: a message that counts no more takes up no room, so that less is lost, and less waits, than without the reduction.
const cases: readonly (readonly [name: string, plan: Partial<ExplorerPlan>])[] = [
  ["two terms", { ...none, termMax: 2 }],
  ["two terms over links of one message", { ...none, termMax: 2, linkCapacity: 1 }],
  ["two terms, candidates of the first hear nothing", { ...none, termMax: 2, candidatesAnswered: false }],
  ["two voters, three terms, a crash", { ...none, ...two, termMax: 3, crashCountMax: 1, linkCapacity: 6 }],
  ["a proposal and a crash", { ...none, termMax: 1, proposalCountMax: 1, crashCountMax: 1 }],
  ["a voter is removed", { ...none, termMax: 1, confChangeCountMax: 1 }],
  [
    "a crash, a voter is removed",
    { ...none, termMax: 1, crashCountMax: 1, confChangeCountMax: 1, linkCapacity: 1 },
  ],
  [
    "a voter is replaced, a crash",
    { ...none, ...two, nodeCount: 3, termMax: 1, confChangeCountMax: 1, crashCountMax: 1 },
  ],
  ["two voters, two terms, a crash", { ...none, ...two, termMax: 2, proposalCountMax: 1, crashCountMax: 1 }],
  [
    "two voters, three terms, two proposals",
    { ...none, ...two, termMax: 3, proposalCountMax: 2, linkCapacity: 6 },
  ],
  [
    "two voters, two terms, proposals, a crash",
    { ...none, ...two, termMax: 2, proposalCountMax: 2, crashCountMax: 1, linkCapacity: 6 },
  ],
  [
    "two voters, three terms, a proposal, a crash",
    { ...none, ...two, termMax: 3, proposalCountMax: 1, crashCountMax: 1, linkCapacity: 6 },
  ],
  [
    "a voter is replaced, two terms",
    { ...none, ...two, nodeCount: 3, termMax: 2, confChangeCountMax: 1, linkCapacity: 6 },
  ],
  [
    "heartbeats over longer links",
    { ...none, ...two, termMax: 2, proposalCountMax: 1, heartbeatCountMax: 1, linkCapacity: 6 },
  ],
];

const both = cases.flatMap(([name, plan]) => [
  [name, { ...plan, linksLose: false }] as const,
  [`${name}, full links lose`, { ...plan, linksLose: true }] as const,
]);

for (const [name, plan] of both) {
  test(`${name}: the same states of members, in fewer worlds`, () => {
    const whole = found(plan, false);
    const reduced = found(plan, true);
    assert.ok(whole.report.complete && reduced.report.complete);
    assert.deepEqual([...reduced.members].sort(), [...whole.members].sort());
    assert.ok(
      reduced.report.worldCount * 2 < whole.report.worldCount,
      `${reduced.report.worldCount} of ${whole.report.worldCount}`,
    );
    assert.equal(reduced.report.committedMax, whole.report.committedMax);
  });
}

test("a disk that forgets is found with and without", () => {
  for (const reduction of [false, true]) {
    const { report } = found({ ...none, termMax: 1, crashCountMax: 1, diskForgets: true }, reduction);
    assert.equal(report.violation?.checker, "election-safety");
  }
});
