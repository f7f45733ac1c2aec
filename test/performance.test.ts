/** docs/performance.md is made of bench/results: what is kept, how it is judged, and what is drawn. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { costChart, ratioChart } from "../bench/chart.ts";
import { between, type CpuProfile, flameGraph, selfTimes } from "../bench/flame-graph.ts";
import type { KeptRow } from "../bench/record.ts";
import { median, ratios } from "../bench/statistics.ts";
import { goals, timesBetter } from "../scripts/lib/performance-goals.ts";
import { root } from "../scripts/lib/root.ts";
import { fill } from "../scripts/performance.ts";

function row(better: "more" | "less", ours: readonly number[], theirs: readonly number[]): KeptRow {
  return {
    id: "a",
    what: "a load",
    unit: "/s",
    better,
    sides: [
      { system: "quorate", rounds: ours },
      { system: "etcd", rounds: theirs },
    ],
    takenAt: "2026-01-01T00:00",
    commit: "0000000",
    machineLoad: 1,
  };
}

/** Every tag is closed in turn: what a browser needs. */
function isWellFormed(svg: string): boolean {
  const open: string[] = [];
  for (const [, isEnd, name = "", isEmpty] of svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
    if (isEnd === "/") {
      if (open.pop() !== name) {
        return false;
      }
    } else if (isEmpty !== "/") {
      open.push(name);
    }
  }
  return open.length === 0;
}

test("rounds are compared one by one, as they were taken in turn", () => {
  assert.deepEqual(ratios([10, 30, 60], [10, 10, 10]), [1, 3, 6]);
  assert.equal(median([3, 1, 2]), 2);
  assert.deepEqual(timesBetter(row("more", [10, 30, 60], [10, 10, 10])), [1, 3, 6]);
  assert.deepEqual(timesBetter(row("less", [10, 10, 40], [30, 30, 30])), [3, 3, 3]);
});

test("a goal says whether it is met", () => {
  const goal = goals.find((one) => one.row === "put 100/10");
  assert.ok(goal !== undefined);
  const reached = goal.reached(row("more", [31, 32, 33], [10, 10, 10]), () => null);
  assert.deepEqual(reached, { text: "**3.20 ×** (3.10 to 3.30)", isMet: true });
  assert.equal(goal.reached(row("more", [29], [10]), () => null)?.isMet, false);
  assert.equal(
    goal.reached({ ...row("more", [29], [10]), sides: [] }, () => null),
    null,
  );
});

test("what stands between the markers is replaced, what is written by hand stays", () => {
  const document = "by hand\n<!-- bench: a -->\nold\n<!-- /bench: a -->\nmore\n";
  assert.equal(fill(document, { a: "new" }), "by hand\n<!-- bench: a -->\nnew\n<!-- /bench: a -->\nmore\n");
  assert.throws(() => fill(document, { b: "new" }), /lacks <!-- bench: b -->/);
});

test("charts are well-formed, and any text may stand in them", () => {
  const bars = [{ label: 'a <b> & "c"', least: 1, median: 2, greatest: 3, goal: 2.5 }];
  const chart = ratioChart("times", bars);
  assert.ok(isWellFormed(chart), chart);
  assert.match(chart, /a &lt;b&gt; &amp; &quot;c&quot;/);
  const sides = [
    { system: "quorate", leader: 8, followers: 8 },
    { system: "etcd", leader: 60, followers: 40 },
  ];
  assert.ok(isWellFormed(costChart("cpu", [{ label: "put", sides }])));
});

test("a flame graph has each function under its callers, as wide as its time", () => {
  const frame = (functionName: string, url = "") => ({ functionName, url, lineNumber: 0 });
  const profile: CpuProfile = {
    nodes: [
      { id: 1, callFrame: frame("(root)"), children: [2, 4] },
      { id: 2, callFrame: frame("turn", "file:///x/packages/raft/src/turn.ts"), children: [3] },
      { id: 3, callFrame: frame("write", "file:///x/packages/wal/src/wal.ts") },
      { id: 4, callFrame: frame("(idle)") },
    ],
    startTime: 1_000_000,
    samples: [2, 3, 4],
    timeDeltas: [250, 750, 5000],
  };
  assert.deepEqual(selfTimes(profile, 9), [
    { name: "write", place: "wal/src/wal.ts:1", share: 0.75 },
    { name: "turn", place: "raft/src/turn.ts:1", share: 0.25 },
  ]);
  assert.deepEqual(between(profile, 1_000_300, 1_001_000).samples, [3], "start and end left out");
  const graph = flameGraph(profile, "a profile");
  assert.ok(isWellFormed(graph), graph);
  assert.match(graph, /write wal\/src\/wal\.ts:1 75\.00 %.*class="wal" x="0\.0" y="-51" width="900\.0"/);
});

test("bench: what is typed wrong is one line and exit code 2", () => {
  for (const [args, line] of [
    [["frobnicate"], /^bench: no part called frobnicate; there are etcd-benchmark, .*\n$/],
    [["--rounds", "0"], /^bench: --rounds 0 is not a whole number of at least 1\n$/],
    [["--frobnicate"], /^bench: Unknown option '--frobnicate'.*\n$/],
    [["--etcd", "/nowhere/etcd"], /^bench: --etcd \/nowhere\/etcd is no program\n$/],
  ] as const) {
    const { status, stderr } = spawnSync(
      process.execPath,
      ["--conditions=source", join(root, "bench/main.ts"), ...args],
      { encoding: "utf8" },
    );
    assert.equal(status, 2);
    assert.match(stderr, line);
  }
});
