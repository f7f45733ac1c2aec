/** S2.5 of the checklist: what a member answers to each request, as its embedder sees it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type AppendEntries,
  indexZero,
  type LogId,
  RawNode,
  type RequestVote,
  toLogIndex,
  toNodeId,
  toTerm,
} from "@quorate/raft";
import { MemoryStorage } from "@quorate/raft/testing";
import { recordRun } from "../../support/record.ts";

const me = toNodeId(1);
const voters = [1, 2, 3].map(toNodeId);
const logId = (term: number, index: number): LogId => ({ term: toTerm(term), index: toLogIndex(index) });

/** A member with an empty log, in term 0. */
function member(): RawNode {
  const log = new MemoryStorage({ voters });
  const { confState, hardState } = log.initial;
  return new RawNode({ id: me, log, hardState, confState, applied: indexZero, random: (low) => low });
}

/** An entry behind `previous`, from member 2 as leader of `term`. */
function append(term: number, previous: LogId): AppendEntries {
  const { index } = logId(term, previous.index + 1);
  const entry = { index, term: toTerm(term), type: "normal", data: new Uint8Array(0) } as const;
  return {
    type: "append-entries",
    from: toNodeId(2),
    to: me,
    term: toTerm(term),
    previous,
    entries: [entry],
    commit: indexZero,
  };
}

/** Member `from` asks for the vote of `term`; its log ends with `last`. */
function requestVote(from: number, term: number, last: LogId): RequestVote {
  const [candidate, asked] = [toNodeId(from), toTerm(term)];
  return { type: "request-vote", from: candidate, to: me, term: asked, last, leadershipTransfer: false };
}

test("S2.5 each refusal is typed: stale term, inconsistent previous entry, already voted, inconsistent log, leader alive", (t) => {
  const node = member();
  const empty = logId(0, 0);
  const lines: string[] = [];
  const step = (what: string, message: AppendEntries | RequestVote, expected: string): void => {
    const result = node.step(message);
    const refusal = result.status === "accepted" ? (result.refusal ?? "accepted") : result.status;
    lines.push(`node.step(${what})`.padEnd(66) + refusal);
    assert.equal(refusal, expected, what);
  };
  step("append of term 2 at the beginning", append(2, empty), "accepted");
  step("append of term 2 behind an entry that is not there", append(2, logId(2, 7)), "inconsistent-previous");
  step("append of term 1", append(1, empty), "stale-term");
  step("vote for 3 in term 3, the leader being heard", requestVote(3, 3, logId(2, 1)), "leader-alive");
  for (let tick = 0; tick < 20; tick++) {
    node.tick(); // The leader is lost.
  }
  step("vote for 3 in term 3, its log being empty", requestVote(3, 3, empty), "inconsistent-log");
  step("vote for 3 in term 4, its log being equal", requestVote(3, 4, logId(2, 1)), "accepted");
  step("vote for 2 in term 4", requestVote(2, 4, logId(2, 1)), "already-voted");
  step("vote for 2 in term 1", requestVote(2, 1, logId(9, 9)), "stale-term");
  const { sendAfterPersist: answers } = node.ready();
  const granted = answers.filter((answer) => answer.type === "vote-response" && answer.granted);
  const matched = answers.find((answer) => answer.type === "append-response" && !answer.rejected);
  assert.equal(granted.length, 1, "one vote in term 4");
  assert.ok(matched?.type === "append-response" && matched.index === 1, "success names the index");
  recordRun({
    item: "S2.5",
    command: "node --conditions=source --test examples/checklist/test/s2-refusals.test.ts",
    output: lines.join("\n"),
    test: t,
  });
});
