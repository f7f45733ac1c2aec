/** What is told, in which words, and what is left out because it is known. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { StoryEvent } from "../../src/cluster-story/events.ts";
import { Narrator, virtualTimeText } from "../../src/cluster-story/narrator.ts";

function told(events: readonly StoryEvent[], options: { json?: boolean; verbose?: boolean } = {}): string[] {
  const lines: string[] = [];
  const narrator = new Narrator({
    json: options.json ?? false,
    verbose: options.verbose ?? false,
    write: (line) => lines.push(line),
    nowMs: () => 61_002.4,
    timeText: virtualTimeText,
  });
  for (const event of events) {
    narrator.tell(event);
  }
  return lines;
}

test("an election", () => {
  assert.deepEqual(
    told([
      { event: "started", server: 2, port: 52_001, role: "follower" },
      { event: "role", server: 2, role: "follower", term: 0 },
      { event: "role", server: 2, role: "candidate", term: 1 },
      { event: "role", server: 2, role: "leader", term: 1 },
      { event: "follows", server: 1, leader: 2, term: 1 },
      { event: "follows", server: 1, leader: 2, term: 1 },
    ]),
    [
      "00:01:01.002 Server 2 started on port 52001 as Follower",
      "00:01:01.002 Server 2 became Candidate (term 1)",
      "00:01:01.002 Server 2 became Leader (term 1)",
      "00:01:01.002 Server 1 follows Server 2 (term 1)",
    ],
  );
});

test("a leader is missed by those who knew one", () => {
  const missed: StoryEvent = { event: "leader-missed", server: 1, term: 1 };
  assert.deepEqual(told([{ event: "started", server: 1, port: 1, role: "follower" }, missed]).length, 1);
  assert.deepEqual(told([{ event: "follows", server: 1, leader: 2, term: 1 }, missed, missed]), [
    "00:01:01.002 Server 1 follows Server 2 (term 1)",
    "00:01:01.002 Server 1 misses its leader",
  ]);
});

test("every member applies a change of the members; it is told once", () => {
  const change: StoryEvent = { event: "members", index: 5, voters: [1, 2, 3], learners: [4] };
  assert.deepEqual(told([change, change, { ...change, index: 4 }]), [
    "00:01:01.002 voters are now 1, 2, 3, learning: 4 (log index 5)",
  ]);
});

test("messages are told with --verbose only", () => {
  const beat: StoryEvent = { event: "message", message: "heartbeat", from: 1, to: 2, term: 1 };
  const answer: StoryEvent = { event: "message", message: "heartbeat-response", from: 2, to: 1, term: 1 };
  assert.deepEqual(told([beat, answer]), []);
  assert.deepEqual(told([beat, answer], { verbose: true }), [
    "00:01:01.002 Server 1 to Server 2: are you alive (term 1)",
    "00:01:01.002 Server 2 to Server 1: yes I am alive (term 1)",
  ]);
});

test("JSON: an object a line, with the milliseconds since the start", () => {
  assert.deepEqual(told([{ event: "killed", server: 3, role: "leader" }], { json: true }), [
    '{"timeMs":61002,"event":"killed","server":3,"role":"leader"}',
  ]);
});

test("every other event has words", () => {
  const lines = told([
    { event: "killed", server: 1, role: "leader" },
    { event: "paused", server: 1, role: "follower" },
    { event: "resumed", server: 1 },
    { event: "partitioned", groups: [[1, 2], [3]] },
    { event: "healed" },
    { event: "transfer", server: 1, to: null },
    { event: "transfer", server: 1, to: 3 },
    { event: "removed", server: 3 },
    { event: "written", server: 1, count: 2, index: 9 },
    { event: "snapshot-made", server: 1, index: 9 },
    { event: "snapshot-installed", server: 1, index: 9 },
    { event: "failed", server: 1, why: "disk" },
    { event: "refused", action: "kill Server 9", why: "there is no Server 9" },
    { event: "stopping" },
    { event: "stopped" },
  ]).map((line) => line.slice("00:01:01.002 ".length));
  assert.deepEqual(lines, [
    "Server 1 (Leader) is killed",
    "Server 1 (Follower) is paused",
    "Server 1 goes on",
    "the network is cut: 1,2 | 3",
    "the network is whole again",
    "Server 1 hands leadership over to the best follower",
    "Server 1 hands leadership over to Server 3",
    "Server 3 was removed and stopped",
    "2 writes committed by Server 1, up to log index 9",
    "Server 1 made a snapshot up to log index 9",
    "Server 1 installed a snapshot up to log index 9",
    "Server 1 failed: disk",
    "cannot kill Server 9: there is no Server 9",
    "Shutting down Raft cluster…",
    "shutdown complete",
  ]);
});
