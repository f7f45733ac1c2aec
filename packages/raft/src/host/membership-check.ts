/** Why a change of the membership cannot be taken up now: whom it is asked of, what is under way, what would become of the quorum. */
import { utf8Encode } from "@quorate/base";
import {
  confChangeContextBytesMax,
  confChangeStepsMax,
  leaveJointChange,
  type RawNode,
} from "../raw-node.ts";
import type { ConfChange } from "../types/conf-change.ts";
import type { ConfState } from "../types/conf-state.ts";
import { type LogIndex, type NodeId, noNode } from "../types/ids.ts";
import type { ConfChangeRefusal } from "../types/proposal.ts";
import { type Liveness, quorumProblem } from "./liveness.ts";
import { encodeChangeNotes, type MemberNotes, memberNotesMax, memberTextBytesMax } from "./member-codec.ts";
import { idsOf, isJoint, sameConfState } from "./member-record.ts";
import type { MembershipChange, MembershipOutcome } from "./membership-change.ts";

/** Bounds of {@link Membership}. */
export interface MembershipLimits {
  /** Refuse what too few recently heard voters could carry. */
  readonly strictQuorum: boolean;
  /** Entries that a member may lack to count as caught up. */
  readonly catchUpEntryCount: number;
  readonly electionTimeoutTicks: number;
}

/** What a change is judged by. */
export interface MembershipView {
  readonly id: NodeId;
  readonly node: RawNode;
  readonly lastIndex: LogIndex;
  /** As applied. */
  readonly confState: ConfState;
  readonly notes: MemberNotes;
  readonly liveness: Liveness;
  readonly limits: MembershipLimits;
}

/** `change` as an entry carries it, resting on `confState`. */
export function encodeChange(confState: ConfState, change: MembershipChange): ConfChange {
  if (change.changes.length === 0) {
    return leaveJointChange;
  }
  const transition = change.transition ?? "auto";
  const changes = change.changes.map(({ id, op }) => ({ id, op }));
  const members = change.changes
    .filter(({ op }) => op !== "remove")
    .map(({ address, id, label, op, promote }) => ({
      id,
      address: address ?? "",
      label: label ?? "",
      promote: op === "add-learner" && promote === true,
    }));
  return { transition, changes, context: encodeChangeNotes({ base: confState, members }) };
}

/** The refusal of `change`, null when nothing speaks against it. */
export function refusalOf(view: MembershipView, change: MembershipChange): MembershipOutcome | null {
  const { node } = view;
  const { confIndex } = view.notes;
  if (node.role !== "leader") {
    return {
      kind: "refused",
      reason: node.leader === noNode ? "no-leader" : "not-leader",
      leader: node.leader,
    };
  }
  if (change.expectedConfIndex !== undefined && change.expectedConfIndex !== confIndex) {
    const problem = `made for the configuration of index ${change.expectedConfIndex}, and that of ${confIndex} is in force`;
    return refuse(view, "conf-index", problem);
  }
  if (node.confChangePending) {
    return refuse(view, "pending", "an earlier change may not be applied yet");
  }
  const joint = isJoint(view.confState);
  if (joint !== (change.changes.length === 0)) {
    return joint
      ? refuse(view, "joint", "a joint configuration must be left first")
      : refuse(view, "not-joint", "there is no joint configuration to leave");
  }
  const problem = formProblem(view, change);
  return problem === null ? outlook(view, change) : refuse(view, "invalid", problem);
}

/** What is wrong with the form of `change`, whatever the members are; null when nothing is. */
export function sizeProblem(change: MembershipChange): string | null {
  const { changes } = change;
  if (change.form === "single" && (changes.length !== 1 || (change.transition ?? "auto") !== "auto")) {
    return "the single form has one step";
  }
  if (changes.length > Math.min(confChangeStepsMax, memberNotesMax)) {
    return "too many steps";
  }
  const long = changes.find(({ address = "", label = "" }) => isLong(address) || isLong(label));
  if (long !== undefined) {
    return `address and label of member ${long.id} may have ${memberTextBytesMax} bytes each`;
  }
  return null;
}

function formProblem(view: MembershipView, change: MembershipChange): string | null {
  const { changes } = change;
  const problem = sizeProblem(change);
  if (problem !== null) {
    return problem;
  }
  const former = changes.find(({ id }) => view.notes.removed.includes(id));
  if (former !== undefined) {
    // Its disk may come back at any time with votes and acknowledgements of its first life.
    return `member ${former.id} was removed; a new member needs a new id`;
  }
  const stranger = changes.find(({ id, op }) => (op === "remove" || op === "update") && !isMember(view, id));
  return stranger === undefined ? null : `there is no member ${stranger.id}`;
}

/** RAFT §4.2.1: a configuration whose majority is not at work could commit nothing, not even the way back. */
function outlook(view: MembershipView, change: MembershipChange): MembershipOutcome | null {
  const encoded = encodeChange(view.confState, change);
  if (encoded.context.length > confChangeContextBytesMax) {
    return refuse(view, "invalid", "addresses and labels are too long together");
  }
  const outcome = view.node.previewConfChange(encoded);
  if (!outcome.ok) {
    return refuse(view, "invalid", outcome.problem);
  }
  if (!view.limits.strictQuorum || sameVoters(view.confState, outcome.confState)) {
    return null;
  }
  const problem = quorumProblem(outcome.confState, atWork(view));
  return problem === null ? null : refuse(view, "quorum", problem);
}

/** A refusal, with the configuration that a next try is to be made for. */
export function refuse(
  view: Pick<MembershipView, "notes">,
  refusal: ConfChangeRefusal,
  problem: string,
): MembershipOutcome {
  return { kind: "refused", reason: "conf-change", refusal, problem, confIndex: view.notes.confIndex };
}

function isMember(view: MembershipView, id: NodeId): boolean {
  return idsOf(view.confState).includes(id);
}

/** Who is heard, and, of those that do not vote yet, has caught up: a voter that lags would hold up every commit. */
function atWork(view: MembershipView): (id: NodeId) => boolean {
  const { id: own, lastIndex, node } = view;
  const { progress } = node.status();
  return (id) => {
    const known = progress.find((each) => each.id === id);
    if (id === own) {
      return true;
    }
    if (known === undefined || !view.liveness.isActive(id)) {
      return false;
    }
    return !known.isLearner || known.match + view.limits.catchUpEntryCount >= lastIndex;
  };
}

function isLong(text: string): boolean {
  return utf8Encode(text).length > memberTextBytesMax;
}

function sameVoters(left: ConfState, right: ConfState): boolean {
  return sameConfState(
    { ...left, learners: [], learnersNext: [] },
    { ...right, learners: [], learnersNext: [] },
  );
}
