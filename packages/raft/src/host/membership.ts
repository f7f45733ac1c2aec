/**
 * Changes of the membership (RAFT §4) as the host carries them out: guarded by the configuration they were made for, refused
 * where they would lose the quorum, told to whoever asked once they are in force. Only a leader takes them up.
 */
import { assert, emptyBytes, utf8Encode } from "@quorate/base";
import {
  confChangeContextBytesMax,
  confChangeStepsMax,
  leaveJointChange,
  type RawNode,
} from "../raw-node.ts";
import type { ConfChange, ConfChangeSingle, ConfChangeTransition } from "../types/conf-change.ts";
import type { ConfState } from "../types/conf-state.ts";
import type { Entry } from "../types/entry.ts";
import { type LogIndex, minIndex, type NodeId, noNode, type Term } from "../types/ids.ts";
import type { MemberInfo } from "../types/member.ts";
import type { ConfChangeRefusal, ProposalRefusal } from "../types/proposal.ts";
import type { HostEvent } from "./events.ts";
import { Liveness, quorumProblem } from "./liveness.ts";
import {
  decodeChangeNotes,
  encodeChangeNotes,
  type MemberNotes,
  memberNotesMax,
  memberTextBytesMax,
} from "./member-codec.ts";
import { idsOf, isJoint, notesAfter, sameConfState } from "./member-record.ts";
import type { UnknownReason, Waiting } from "./outcome.ts";
import type { PeerFrame, TransportPeers } from "./ports.ts";
import { bestHeir } from "./transfers.ts";

/** One step of a {@link MembershipChange}. */
export interface MemberChange extends ConfChangeSingle {
  /** Where the member listens for its peers; left out, it stays as it was. At most 255 bytes. */
  readonly address?: string;
  /** A name for people; left out, it stays as it was. At most 255 bytes. */
  readonly label?: string;
  /** With `add-learner`: the leader makes it a voter as soon as it has caught up. RAFT §4.2.1. */
  readonly promote?: boolean;
}

/** What is to become of the membership, in one atomic change. */
export interface MembershipChange {
  /** Empty: leaves a joint configuration that was entered explicitly. */
  readonly changes: readonly MemberChange[];
  /** Default `auto`. */
  readonly transition?: ConfChangeTransition;
  /** `single` is the form of one step that never becomes joint. Default `joint`. */
  readonly form?: "single" | "joint";
  /** The change is refused unless the configuration in force was applied at this index. Default: whichever is. */
  readonly expectedConfIndex?: LogIndex;
}

/** How a change of the membership ended. */
export type MembershipOutcome =
  /** In force at `confIndex`, a joint configuration on the way left again (unless it is left explicitly). */
  | { readonly kind: "applied"; readonly confIndex: LogIndex; readonly confState: ConfState }
  /** Certainly never in force. */
  | { readonly kind: "refused"; readonly reason: ProposalRefusal | "leader-changed"; readonly leader: NodeId }
  | {
      readonly kind: "refused";
      readonly reason: "conf-change";
      readonly refusal: ConfChangeRefusal;
      readonly problem: string;
      /** Where the configuration in force was applied. */
      readonly confIndex: LogIndex;
    }
  | { readonly kind: "unknown"; readonly reason: UnknownReason };

/** What membership needs of its host. */
interface MembershipPort {
  readonly id: NodeId;
  readonly node: RawNode;
  readonly lastIndex: LogIndex;
  send(to: NodeId, frame: PeerFrame): void;
  emit(event: HostEvent): void;
  peersChanged(peers: TransportPeers): void;
}

/** Bounds of {@link Membership}. */
interface MembershipLimits {
  /** Refuse what too few recently heard voters could carry. */
  readonly strictQuorum: boolean;
  /** Entries that a member may lack to count as caught up. */
  readonly catchUpEntryCount: number;
  readonly electionTimeoutTicks: number;
}

class Waiter implements Waiting {
  readonly index: LogIndex;
  readonly term: Term;
  /** Applied, waiting for the joint configuration to be left. */
  entered = false;
  #done: ((outcome: MembershipOutcome) => void) | null;

  constructor(index: LogIndex, term: Term, done: (outcome: MembershipOutcome) => void) {
    this.index = index;
    this.term = term;
    this.#done = done;
  }

  get ended(): boolean {
    return this.#done === null;
  }

  settle(outcome: MembershipOutcome): void {
    const done = this.#done;
    this.#done = null;
    done?.(outcome);
  }

  abandon(): void {
    this.settle({ kind: "unknown", reason: "abandoned" });
  }
}

const settled: Waiting = { abandon: () => {} };

/** The membership of one member's group. */
export class Membership {
  readonly liveness: Liveness;
  readonly #port: MembershipPort;
  readonly #limits: MembershipLimits;
  #confState: ConfState;
  #notes: MemberNotes;
  #waiters: Waiter[] = [];

  constructor(port: MembershipPort, limits: MembershipLimits, confState: ConfState, notes: MemberNotes) {
    this.#port = port;
    this.#limits = limits;
    this.#confState = confState;
    this.#notes = notes;
    this.liveness = new Liveness(limits.electionTimeoutTicks);
  }

  /** The configuration as applied. */
  get confState(): ConfState {
    return this.#confState;
  }

  /** Addresses and names as applied. */
  get notes(): MemberNotes {
    return this.#notes;
  }

  /** Everybody in the configuration, with what is known of them. */
  get members(): readonly MemberInfo[] {
    return idsOf(this.#confState).map(
      (id) =>
        this.#notes.members.find((member) => member.id === id) ?? {
          id,
          address: "",
          label: "",
          promote: false,
        },
    );
  }

  /** Whether somebody waits for an entry. PERF: asked for each. */
  get hasWaiting(): boolean {
    return this.#waiters.length > 0;
  }

  /** Tells the transport whom to reach. */
  tellTransport(): void {
    const members = this.members.filter(({ id }) => id !== this.#port.id);
    this.#port.peersChanged({ members, removed: this.#notes.removed });
  }

  /** A snapshot took the place of everything up to its index. */
  restored(confState: ConfState, notes: MemberNotes): void {
    this.#confState = confState;
    this.#notes = notes;
    this.tellTransport();
  }

  // -- Asking -----------------------------------------------------------------------------------------------------------

  /** Takes up a change, or refuses it at once; `done` is called exactly once. */
  change(change: MembershipChange, done: (outcome: MembershipOutcome) => void): Waiting {
    const refused = this.#refusal(change);
    if (refused !== null) {
      done(refused);
      return settled;
    }
    const { node } = this.#port;
    const result = node.proposeConfChange(this.#encoded(change), change.form ?? "joint");
    if (!result.ok) {
      done(
        result.reason === "conf-change"
          ? this.#refuse(result.refusal, result.problem)
          : { kind: "refused", reason: result.reason, leader: result.leader },
      );
      return settled;
    }
    assert(!result.forwarded, "membership: the core does not forward");
    const waiter = new Waiter(result.firstIndex, result.term, done);
    this.#waiters.push(waiter);
    return waiter;
  }

  #encoded(change: MembershipChange): ConfChange {
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
    return { transition, changes, context: encodeChangeNotes({ base: this.#confState, members }) };
  }

  #refusal(change: MembershipChange): MembershipOutcome | null {
    const { node } = this.#port;
    const { confIndex } = this.#notes;
    if (node.role !== "leader") {
      return {
        kind: "refused",
        reason: node.leader === noNode ? "no-leader" : "not-leader",
        leader: node.leader,
      };
    }
    if (change.expectedConfIndex !== undefined && change.expectedConfIndex !== confIndex) {
      const problem = `made for the configuration of index ${change.expectedConfIndex}, and that of ${confIndex} is in force`;
      return this.#refuse("conf-index", problem);
    }
    if (node.confChangePending) {
      return this.#refuse("pending", "an earlier change may not be applied yet");
    }
    const joint = isJoint(this.#confState);
    if (joint !== (change.changes.length === 0)) {
      return joint
        ? this.#refuse("joint", "a joint configuration must be left first")
        : this.#refuse("not-joint", "there is no joint configuration to leave");
    }
    const problem = this.#formProblem(change);
    return problem === null ? this.#outlook(change) : this.#refuse("invalid", problem);
  }

  #formProblem(change: MembershipChange): string | null {
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
    const former = changes.find(({ id }) => this.#notes.removed.includes(id));
    if (former !== undefined) {
      // Its disk may come back at any time with votes and acknowledgements of its first life.
      return `member ${former.id} was removed; a new member needs a new id`;
    }
    const stranger = changes.find(
      ({ id, op }) => (op === "remove" || op === "update") && !this.#isMember(id),
    );
    return stranger === undefined ? null : `there is no member ${stranger.id}`;
  }

  /** RAFT §4.2.1: a configuration whose majority is not at work could commit nothing, not even the way back. */
  #outlook(change: MembershipChange): MembershipOutcome | null {
    const encoded = this.#encoded(change);
    if (encoded.context.length > confChangeContextBytesMax) {
      return this.#refuse("invalid", "addresses and labels are too long together");
    }
    const outcome = this.#port.node.previewConfChange(encoded);
    if (!outcome.ok) {
      return this.#refuse("invalid", outcome.problem);
    }
    if (!this.#limits.strictQuorum || sameVoters(this.#confState, outcome.confState)) {
      return null;
    }
    const problem = quorumProblem(outcome.confState, this.#atWork());
    return problem === null ? null : this.#refuse("quorum", problem);
  }

  #refuse(refusal: ConfChangeRefusal, problem: string): MembershipOutcome {
    return { kind: "refused", reason: "conf-change", refusal, problem, confIndex: this.#notes.confIndex };
  }

  #isMember(id: NodeId): boolean {
    return idsOf(this.#confState).includes(id);
  }

  /** Who is heard, and, of those that do not vote yet, has caught up: a voter that lags would hold up every commit. */
  #atWork(): (id: NodeId) => boolean {
    const { id: own, lastIndex, node } = this.#port;
    const { progress } = node.status();
    return (id) => {
      const known = progress.find((each) => each.id === id);
      if (id === own) {
        return true;
      }
      if (known === undefined || !this.liveness.isActive(id)) {
        return false;
      }
      return !known.isLearner || known.match + this.#limits.catchUpEntryCount >= lastIndex;
    };
  }

  // -- Applying ---------------------------------------------------------------------------------------------------------

  /** Applies a change that the log holds at `entry`. @throws DecodeError when it is none, or of a later version. */
  apply(entry: Entry): void {
    const { node } = this.#port;
    const change = node.confChangeOf(entry);
    const notes = change.context.length === 0 ? null : decodeChangeNotes(change.context);
    if (notes !== null) {
      this.#checkBase(notes.base);
    }
    const before = this.#confState;
    this.#beforeSwitch(change, entry.index);
    const after = node.applyConfChange(change);
    const changes = !sameConfState(before, after) || change.changes.some(({ op }) => op === "update");
    if (changes) {
      this.#confState = after;
      this.#notes = notesAfter(this.#notes, notes?.members ?? [], before, after, entry.index);
      this.liveness.retain(idsOf(after));
    }
    this.#port.emit({ type: "conf-state", confState: after, index: entry.index });
    this.#settleAt(entry);
    if (changes) {
      this.tellTransport();
      this.#tellIfRemoved(before, after, entry.index);
    }
  }

  /** A group begins with a configuration that no log holds: a new member has it from its first change. */
  #checkBase(base: ConfState): void {
    if (idsOf(this.#confState).length === 0) {
      this.#port.node.adoptConfState(base);
      this.#confState = base;
    }
    assert(sameConfState(base, this.#confState), "membership: a change rests on another configuration");
  }

  /** A leader that is about to remove members, or itself, does first what it cannot do afterwards. */
  #beforeSwitch(change: ConfChange, index: LogIndex): void {
    const { id: own, node } = this.#port;
    const outcome = node.previewConfChange(change);
    if (node.role !== "leader" || !outcome.ok) {
      return;
    }
    const present = idsOf(outcome.confState);
    const { progress } = node.status();
    for (const { id, match } of progress) {
      if (id !== own && !present.includes(id)) {
        this.#tellLastCommit(id, minIndex(match, index));
      }
    }
    if (!mayVote(outcome.confState, own)) {
      const voters = progress.filter(({ id }) => mayVote(outcome.confState, id));
      const heir = bestHeir(own, voters, (id) => this.liveness.isActive(id));
      if (heir !== null) {
        // RAFT §4.2.2: a removed leader steps down; RAFT §3.10: handing over spares the group an election time-out.
        node.transferLeadership(heir);
      }
    }
  }

  /** The leader's progress of a removed member ends with the change: told now that it is committed, the member learns of it. */
  #tellLastCommit(to: NodeId, commit: LogIndex): void {
    const { id: from, node } = this.#port;
    this.#port.send(to, {
      kind: "message",
      message: { type: "heartbeat", from, to, term: node.term, commit, context: emptyBytes },
    });
  }

  #tellIfRemoved(before: ConfState, after: ConfState, index: LogIndex): void {
    const { id } = this.#port;
    if (idsOf(before).includes(id) && !idsOf(after).includes(id)) {
      this.#port.emit({ type: "removed", index });
    }
  }

  #settleAt({ index, term }: Entry): void {
    const confState = this.#confState;
    const leaving = isJoint(confState) && confState.autoLeave;
    for (const waiter of this.#waiters) {
      if (waiter.index === index && waiter.term !== term) {
        waiter.settle({ kind: "refused", reason: "leader-changed", leader: noNode });
      } else if (waiter.index === index && leaving) {
        waiter.entered = true;
      } else if (waiter.index === index || (waiter.entered && !leaving)) {
        waiter.settle({ kind: "applied", confIndex: index, confState });
      }
    }
    this.#forgetEnded();
  }

  /** An entry that is no configuration change was applied at `index`. */
  passed(index: LogIndex): void {
    this.#refuseWhere((waiter) => waiter.index === index);
  }

  /** The first entry of `term` was committed at `index`: nothing of an earlier term can come behind it. */
  termBegan(index: LogIndex, term: Term): void {
    this.#refuseWhere((waiter) => !waiter.entered && waiter.index > index && waiter.term < term);
  }

  /** What became of entries up to `index` cannot be seen any more. */
  snapshotPassed(index: LogIndex): void {
    for (const waiter of this.#waiters) {
      if (waiter.entered || waiter.index <= index) {
        waiter.settle({ kind: "unknown", reason: "snapshot" });
      }
    }
    this.#forgetEnded();
  }

  #refuseWhere(isLost: (waiter: Waiter) => boolean): void {
    for (const waiter of this.#waiters) {
      if (isLost(waiter)) {
        waiter.settle({ kind: "refused", reason: "leader-changed", leader: noNode });
      }
    }
    this.#forgetEnded();
  }

  #forgetEnded(): void {
    this.#waiters = this.#waiters.filter(({ ended }) => !ended);
  }

  stop(): void {
    for (const waiter of this.#waiters) {
      waiter.settle({ kind: "unknown", reason: "stopped" });
    }
    this.#waiters = [];
  }
}

function isLong(text: string): boolean {
  return utf8Encode(text).length > memberTextBytesMax;
}

/** Whether `id` has a vote in either half. */
function mayVote(confState: ConfState, id: NodeId): boolean {
  return confState.voters.includes(id) || confState.votersOutgoing.includes(id);
}

function sameVoters(left: ConfState, right: ConfState): boolean {
  return sameConfState(
    { ...left, learners: [], learnersNext: [] },
    { ...right, learners: [], learnersNext: [] },
  );
}
