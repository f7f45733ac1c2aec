/** Proposals: appended by the leader, handed on by followers, refused with the reason by all others. RAFT §3.5, §6.2. */
import { assert } from "@quorate/base";
import { progressOf } from "../tracker/tracker.ts";
import type { Entry } from "../types/entry.ts";
import { indexZero, type NodeId, nextIndex, noNode, termZero } from "../types/ids.ts";
import type { ForwardProposal } from "../types/message.ts";
import type { ProposalRefusal, ProposeResult } from "../types/proposal.ts";
import { appendOwn, type EntryDraft } from "./flow-control.ts";
import { admitConfChanges, confChangesDecode } from "./membership.ts";
import type { RaftState } from "./raft-state.ts";
import { broadcastAppend } from "./replication.ts";
import { send } from "./send.ts";
import { accepted, inconsistent, type StepResult } from "./step-result.ts";

/** Proposes on behalf of `from`. */
export function propose(state: RaftState, from: NodeId, drafts: readonly EntryDraft[]): ProposeResult {
  assert(drafts.length > 0, "propose: nothing");
  switch (state.role) {
    case "leader":
      return proposeAsLeader(state, drafts);
    case "follower":
      return forward(state, from, drafts);
    case "candidate":
    case "pre-candidate":
      return refuse(state, "no-leader");
  }
}

function proposeAsLeader(state: RaftState, drafts: readonly EntryDraft[]): ProposeResult {
  assert(state.leader === state.id, "propose: a leader knows that it leads");
  // RAFT §4.2.2: a leader that was removed appends nothing more.
  if (progressOf(state.tracker, state.id) === null) {
    return refuse(state, "not-a-member");
  }
  // RAFT §3.10 step 1 [transfer-no-proposals]: the transferee would never catch up with new entries.
  if (state.transferee !== noNode) {
    return refuse(state, "transferring");
  }
  const admitted = admitConfChanges(state, drafts);
  assert(admitted.length === drafts.length, "propose: every draft keeps its place");
  const firstIndex = nextIndex(state.log.lastIndex);
  if (!appendOwn(state, admitted)) {
    return refuse(state, "uncommitted-limit");
  }
  assert(state.log.lastIndex === firstIndex + drafts.length - 1, "propose: all of them or none");
  assert(state.transferee === noNode, "propose: while leadership is handed over");
  // RAFT §10.2.1 [parallel-write]: replication starts while the own disk writes.
  broadcastAppend(state);
  return { ok: true, forwarded: false, term: state.term, firstIndex };
}

function forward(state: RaftState, from: NodeId, drafts: readonly EntryDraft[]): ProposeResult {
  if (state.leader === noNode) {
    return refuse(state, "no-leader");
  }
  if (!state.config.proposalForwarding) {
    return refuse(state, "not-leader");
  }
  assert(state.role === "follower", "propose: only a follower hands on");
  assert(state.leader !== state.id, "propose: handed on to itself");
  const entries: Entry[] = drafts.map((draft) => ({
    term: termZero,
    index: indexZero,
    type: draft.type,
    data: draft.data,
  }));
  send(state, { type: "forward-proposal", from, to: state.leader, term: termZero, entries });
  return { ok: true, forwarded: true, leader: state.leader };
}

/** RAFT §6.2 [route-to-leader]: a refusal names the leader. */
function refuse(state: RaftState, reason: ProposalRefusal): ProposeResult {
  return { ok: false, reason, leader: state.leader === state.id ? noNode : state.leader };
}

/** Takes up a proposal that another member handed on. */
export function handleForwardProposal(state: RaftState, message: ForwardProposal): StepResult {
  if (message.entries.length === 0) {
    return inconsistent("forward-proposal: without entries");
  }
  if (state.role === "leader" && !confChangesDecode(message.entries)) {
    return inconsistent("forward-proposal: a configuration change does not decode");
  }
  const proposal = propose(state, message.from, message.entries);
  return proposal.ok ? accepted : { status: "refused", proposal };
}
