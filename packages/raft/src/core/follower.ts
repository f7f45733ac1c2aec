/** The receiving side of replication. FIG 2 AppendEntries, Receiver implementation; RAFT §3.5. */
import { assert } from "@quorate/base";
import { findConflictByTerm, firstConflict } from "../log/conflict.ts";
import { type LogIndex, minIndex, offsetIndex, toLogIndex } from "../types/ids.ts";
import type { AppendEntries, Heartbeat } from "../types/message.ts";
import { learnCommit } from "./commit-ceiling.ts";
import type { RaftState } from "./raft-state.ts";
import { send } from "./send.ts";
import { accepted, inconsistent, lostAcknowledged, refusedBecause, type StepResult } from "./step-result.ts";
import { isBelowFloor } from "./vote-floor.ts";

/** Takes entries that fit, refuses those that do not with a hint where they may. */
export function handleAppendEntries(state: RaftState, message: AppendEntries): StepResult {
  assert(message.term === state.term, "append: of another term");
  assert(state.role === "follower", "append: only a follower takes one");
  const { log } = state;
  const { previous, entries } = message;
  if (!isContiguous(message)) {
    return inconsistent("append-entries: entries do not follow each other");
  }
  if (previous.index < log.committed) {
    // RAFT §3.7 [messages-idempotent]: what is committed matches every leader, so it is acknowledged instead of compared.
    acknowledgeTo(state, message, log.committed);
    return accepted;
  }
  // FIG 2 AppendEntries receiver 2 [append-previous]: the entry before must match.
  if (!log.matches(previous)) {
    refuse(state, message);
    return refusedBecause("inconsistent-previous");
  }
  // FIG 2 AppendEntries receiver 3, 4 [append-conflict, append-new]: only a conflicting entry makes the rest disappear; an append that is merely late does not.
  const place = firstConflict(log, entries);
  if (place < entries.length) {
    log.append(place === 0 ? entries : entries.slice(place));
  }
  const last = offsetIndex(previous.index, entries.length);
  // FIG 2 AppendEntries receiver 5 [append-commit]: the leader's commit index, but never beyond what this append verified.
  assert(last <= log.lastIndex, "append: verified beyond the end");
  learnCommit(state, minIndex(message.commit, last));
  acknowledgeTo(state, message, last);
  return accepted;
}

function isContiguous(message: AppendEntries): boolean {
  let { index, term } = message.previous;
  for (const entry of message.entries) {
    if (entry.index !== index + 1 || entry.term < term || entry.term > message.term) {
      return false;
    }
    ({ index, term } = entry);
  }
  return true;
}

/** Tells the leader that the log matches its own up to `index`. */
export function acknowledgeTo(
  state: RaftState,
  message: { readonly from: AppendEntries["from"] },
  index: LogIndex,
): void {
  assert(index <= state.log.lastIndex, "append: acknowledged beyond the end");
  send(state, {
    type: "append-response",
    from: state.id,
    to: message.from,
    term: state.term,
    rejected: false,
    index,
  });
}

function refuse(state: RaftState, message: AppendEntries): void {
  const { previous } = message;
  // RAFT §3.5 [hint-by-term]: entries here with a later term than the leader has at this place cannot be among those that agree.
  const highest = minIndex(previous.index, state.log.lastIndex);
  const hint = findConflictByTerm(state.log, highest, previous.term);
  assert(hint.index <= previous.index, "append: the hint lies at or before the refused place");
  assert(hint.index <= state.log.lastIndex, "append: the hint lies within the log");
  assert(previous.index >= state.log.committed, "append: what is committed is never refused");
  send(state, {
    type: "append-response",
    from: state.id,
    to: message.from,
    term: state.term,
    rejected: true,
    index: previous.index,
    hint,
  });
}

/** RAFT §3.8 [commit-volatile]: learns the commit index (also again, after a restart) and answers with the leader's context. */
export function handleHeartbeat(state: RaftState, message: Heartbeat): StepResult {
  assert(message.term === state.term, "heartbeat: of another term");
  assert(state.role === "follower", "heartbeat: only a follower takes one");
  if (isBelowFloor(state)) {
    // The leader counts acknowledgements from before the damage; what stands at their places now may be other entries.
    echoHeartbeat(state, message);
    return accepted;
  }
  if (message.commit > state.log.lastIndex) {
    // The leader holds an acknowledgement for entries that are gone here: this disk lost them.
    return lostAcknowledged("heartbeat: commit beyond the end of the log", state.log.lastIndex);
  }
  learnCommit(state, message.commit);
  const isKnown = state.log.committed >= message.commit || state.commitCeiling !== null;
  assert(isKnown, "heartbeat: what the leader knows is known");
  echoHeartbeat(state, message);
  return accepted;
}

function echoHeartbeat(state: RaftState, message: Heartbeat): void {
  send(state, {
    type: "heartbeat-response",
    from: state.id,
    to: message.from,
    term: state.term,
    context: message.context,
  });
}

/**
 * Answers a leader of an earlier term, which then learns the present one. It frees a member whose term ran ahead while it was cut
 * off: under leader stickiness nobody would listen to its requests for votes.
 */
export function answerStaleLeader(state: RaftState, message: AppendEntries | Heartbeat): void {
  assert(message.term < state.term, "stale leader: not stale");
  acknowledgeTo(state, message, toLogIndex(0));
}
