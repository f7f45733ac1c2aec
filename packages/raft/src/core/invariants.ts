/**
 * What always holds between two steps. Tests and the simulator call it after each one; in production the assertions in place
 * guard the same from inside.
 */
import { assert, maybe } from "@quorate/base";
import { validateConfState } from "../conf/restore.ts";
import type { Progress } from "../tracker/progress.ts";
import { progressOf } from "../tracker/tracker.ts";
import { noNode } from "../types/ids.ts";
import type { RaftState } from "./raft-state.ts";

/** @throws InvariantViolation when `state` is one that no history leads to. */
export function checkInvariants(state: RaftState): void {
  checkLog(state);
  checkRole(state);
  checkMembership(state);
  checkLimits(state);
}

/** INV log-order. */
function checkLog(state: RaftState): void {
  const { log } = state;
  const restoring = log.unstable.snapshot !== null;
  assert(log.applied <= log.applying, "invariant: applied ≤ applying");
  assert(log.applying <= log.committed, "invariant: applying ≤ committed");
  assert(log.committed <= log.lastIndex, "invariant: committed ≤ last");
  assert(log.unstable.offset <= log.lastIndex + 1, "invariant: the unstable part meets the log");
  // A snapshot that is being restored lies above what is applied; else the log reaches back to it.
  assert(restoring || log.firstIndex <= log.applied + 1, "invariant: compacted ≤ applied");
  // A stored snapshot that a member was started from may be of a later term than the member has seen.
  maybe(log.lastId().term > state.term);
  for (let i = log.unstable.offset; i <= log.lastIndex; i++) {
    const entry = log.unstable.entry(i);
    assert(entry.index === i, "invariant: an entry stands at its index");
    assert(entry.term <= state.term, "invariant: no entry of a later term");
    const before = log.term(entry.index > 0 ? ((entry.index - 1) as typeof entry.index) : entry.index);
    assert(typeof before !== "number" || before <= entry.term, "invariant: terms grow along the log");
  }
}

/** INV role. */
function checkRole(state: RaftState): void {
  switch (state.role) {
    case "leader":
      assert(state.leader === state.id, "invariant: a leader knows who leads");
      // FIG 3 Leader Completeness rests on the no-op: the log ends in an entry of the leader's term.
      assert(state.log.lastId().term === state.term, "invariant: a leader has an entry of its term");
      break;
    case "candidate":
      assert(state.vote === state.id, "invariant: a candidate voted for itself");
      assert(state.leader === noNode, "invariant: a candidate follows nobody");
      break;
    case "pre-candidate":
      assert(state.leader === noNode, "invariant: a pre-candidate follows nobody");
      break;
    case "follower":
      assert(state.leader !== state.id, "invariant: a follower does not lead");
      assert(state.transferee === noNode, "invariant: only a leader hands over");
  }
  assert(state.vote === noNode || state.term > 0, "invariant: no vote before the first term");
}

/** INV membership. */
function checkMembership(state: RaftState): void {
  const { confState, members } = state.tracker.membership;
  assert(validateConfState(confState).length === 0, "invariant: a possible configuration");
  const ids = new Set([...confState.voters, ...confState.votersOutgoing, ...confState.learners]);
  assert(members.length === ids.size, "invariant: one progress for each member");
  let previous = 0;
  for (const progress of members) {
    assert(ids.has(progress.id) && progress.id > previous, "invariant: members ascend");
    assert(progress.isLearner === confState.learners.includes(progress.id), "invariant: learners are marked");
    previous = progress.id;
    if (state.role === "leader") {
      checkProgress(state, progress);
    }
  }
}

/** INV progress. */
function checkProgress(state: RaftState, progress: Progress): void {
  assert(progress.match < progress.next || progress.state === "snapshot", "invariant: match < next");
  assert(progress.match <= state.log.lastIndex, "invariant: match ≤ last");
  assert(progress.next <= state.log.lastIndex + 1, "invariant: next ≤ last + 1");
  assert(
    (progress.state === "snapshot") === progress.pendingSnapshot > 0,
    "invariant: a snapshot is pending in its state only",
  );
  assert(
    progress.state === "replicate" || progress.inflights.count === 0,
    "invariant: only replicate has appends under way",
  );
  assert(
    progress.inflights.count > 0 || progress.inflights.bytes === 0,
    "invariant: no bytes without appends",
  );
}

/** INV limits. */
function checkLimits(state: RaftState): void {
  let bytes = 0;
  let previous = 0;
  for (const page of state.applyingPages) {
    assert(page.last > previous, "invariant: pages ascend");
    assert(page.last <= state.log.applying, "invariant: a page was handed out");
    previous = page.last;
    bytes += page.bytes;
  }
  assert(bytes === state.applyingBytes, "invariant: bytes handed out are those of the pages");
  assert(state.uncommittedBytes >= 0, "invariant: uncommitted bytes ≥ 0");
  assert(
    state.transferee === noNode || progressOf(state.tracker, state.transferee) !== null,
    "invariant: a transferee is a member",
  );
}
