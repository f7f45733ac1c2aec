/**
 * Changes of the configuration (RAFT §4). RAFT §4.1 [conf-from-append, conf-falls-back]: other than there, and as in etcd, a
 * change counts from when it is applied, not from when it is appended. So that two leaders never count by configurations without a common member, at most one
 * change is unapplied in a leader's log, and nobody campaigns while a committed change waits to be applied.
 */
import { assert, DecodeError, emptyBytes } from "@quorate/base";
import { changeConf, isJoint } from "../conf/changer.ts";
import { decodeConfChange } from "../conf/codec.ts";
import { isVoter } from "../quorum/joint.ts";
import { type Membership, progressOf } from "../tracker/tracker.ts";
import type { ConfChange } from "../types/conf-change.ts";
import type { ConfState } from "../types/conf-state.ts";
import { noNode, offsetIndex } from "../types/ids.ts";
import type { ConfChangeRefusal } from "../types/proposal.ts";
import { becomeFollower } from "./become.ts";
import { advanceCommit } from "./commit.ts";
import { appendOwn, type EntryDraft } from "./flow-control.ts";
import { type RaftState, reconcileMembership } from "./raft-state.ts";
import { broadcastAppend, broadcastEntries } from "./replication.ts";
import { abortTransfer } from "./transfer.ts";

/** A change that must not enter the log as such. */
export interface RefusedChange {
  readonly refusal: ConfChangeRefusal;
  readonly problem: string;
}

/** Why the leader does not take up `change` now; null when it does. RAFT §4.1, §4.3. */
export function checkConfChange(state: RaftState, change: ConfChange): RefusedChange | null {
  if (!state.config.validateConfChanges) {
    return null;
  }
  assert(state.role === "leader", "membership: only a leader judges changes");
  const joint = isJoint(state.tracker.membership.confState);
  const leaves = change.changes.length === 0;
  if (state.pendingConfIndex > state.log.applied) {
    // RAFT §4.1 [one-change].
    return { refusal: "pending", problem: "an earlier change may not be applied yet" };
  }
  if (joint && !leaves) {
    return { refusal: "joint", problem: "a joint configuration must be left first" };
  }
  if (!joint && leaves) {
    return { refusal: "not-joint", problem: "there is no joint configuration to leave" };
  }
  return null;
}

/** Why `change` can never be carried out in the present configuration; null when it can. */
export function checkOutcome(state: RaftState, change: ConfChange): RefusedChange | null {
  const outcome = changeConf(state.tracker.membership.confState, change);
  return outcome.ok ? null : { refusal: "invalid", problem: outcome.problem };
}

/** Whether every configuration change among `drafts` stands for one. */
export function confChangesDecode(drafts: readonly EntryDraft[]): boolean {
  try {
    for (const draft of drafts) {
      if (draft.type !== "normal") {
        decodeConfChange(draft.data);
      }
    }
    return true;
  } catch (error) {
    if (error instanceof DecodeError) {
      return false;
    }
    throw error;
  }
}

/**
 * Drafts in which each change that cannot be taken up became an empty entry: whoever proposed it sees its entry applied, and
 * nothing changed.
 */
export function admitConfChanges(state: RaftState, drafts: readonly EntryDraft[]): readonly EntryDraft[] {
  // PERF: batches of commands pass without a copy.
  if (drafts.every((draft) => draft.type === "normal")) {
    return drafts;
  }
  assert(state.role === "leader", "membership: only a leader takes up changes");
  const admitted: EntryDraft[] = [];
  for (const draft of drafts) {
    if (draft.type !== "normal") {
      if (checkConfChange(state, decodeConfChange(draft.data)) !== null) {
        admitted.push(refusedDraft);
        continue;
      }
      // RAFT §4.1: the next change waits until this one is applied.
      state.pendingConfIndex = offsetIndex(state.log.lastIndex, admitted.length + 1);
    }
    admitted.push(draft);
  }
  assert(admitted.length === drafts.length, "membership: every draft keeps its place");
  return admitted;
}

/** What stands in the log for a refused change. Its bytes are an array of its own, so that it can be told from other empty entries. */
export const refusedDraft: EntryDraft = { type: "normal", data: new Uint8Array(0) };

/**
 * RAFT §4.3 [joint-left-after-commit]: once the joint configuration is committed (and here: applied), the new one may be appended. Tried
 * with each applied entry, and now and then, because nothing is appended while leadership is handed over.
 */
export function leaveWhenDue(state: RaftState): void {
  const { autoLeave } = state.tracker.membership.confState;
  if (autoLeave && state.role === "leader" && state.log.applied >= state.pendingConfIndex) {
    proposeLeave(state, emptyBytes);
  }
}

/** Proposes to leave the joint configuration; nothing happens while leadership is handed over. */
function proposeLeave(state: RaftState, data: Uint8Array): void {
  assert(state.role === "leader", "membership: only a leader leaves by itself");
  assert(data.length === 0, "membership: no limit may refuse the leaving");
  assert(isJoint(state.tracker.membership.confState), "membership: nothing to leave");
  if (state.transferee !== noNode || progressOf(state.tracker, state.id) === null) {
    return;
  }
  const appended = appendOwn(state, admitConfChanges(state, [{ type: "conf-change-v2", data }]));
  assert(appended, "membership: no limit refuses an empty entry");
  broadcastAppend(state);
}

/** Applies a committed change. One that is impossible here is impossible everywhere, and changes nothing. */
export function applyConfChange(state: RaftState, change: ConfChange): ConfState {
  const before = state.tracker.membership;
  assert(before.members.length >= before.confState.voters.length, "membership: each voter has a progress");
  const outcome = changeConf(before.confState, change);
  if (!outcome.ok) {
    // ETCD: differs, it stops the process. Every member holds the same configuration here, so all refuse alike.
    return before.confState;
  }
  return switchTo(state, reconcileMembership(state, before, outcome.confState, outcome.fresh));
}

/**
 * RAFT §4.2.2 [removed-leader-hands-over]: the heir may not know yet that the change is committed, and then needs this member's vote, which is
 * refused as long as it lacks the end of this log (RAFT §3.6.1). So the leader stays until it has all of it.
 */
function staysToHandOver({ config, transferee }: RaftState, confState: ConfState): boolean {
  return config.handOverCompleted && transferee !== noNode && isVoter(confState, transferee);
}

function switchTo(state: RaftState, membership: Membership): ConfState {
  const { confState } = membership;
  assert(confState.voters.length > 0, "membership: somebody votes");
  state.tracker.membership = membership;
  if (state.role !== "leader") {
    return confState;
  }
  const own = progressOf(state.tracker, state.id);
  if (own === null || own.isLearner) {
    // RAFT §4.2.2 [removed-leader-leads]: a leader that is no longer a voter leads until the change is committed, without counting itself; then it
    // steps down.
    if (state.config.stepDownOnRemoval && !staysToHandOver(state, confState)) {
      becomeFollower(state, state.term, noNode);
    }
    return confState;
  }
  // A smaller quorum may have been reached already.
  if (advanceCommit(state)) {
    broadcastAppend(state);
  } else {
    // New members need not wait for the next proposal.
    broadcastEntries(state);
  }
  if (state.transferee !== noNode && !isVoter(confState, state.transferee)) {
    abortTransfer(state);
  }
  return confState;
}
