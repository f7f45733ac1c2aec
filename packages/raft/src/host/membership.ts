/**
 * Changes of the membership (RAFT §4) as the host carries them out: guarded by the configuration they were made for, refused
 * where they would lose the quorum, told to whoever asked once they are in force. Only a leader takes them up.
 */
import { assert, emptyBytes } from "@quorate/base";
import type { RawNode } from "../raw-node.ts";
import type { ConfChange } from "../types/conf-change.ts";
import type { ConfState } from "../types/conf-state.ts";
import type { Entry } from "../types/entry.ts";
import { type LogIndex, minIndex, type NodeId, type Term } from "../types/ids.ts";
import type { MemberInfo } from "../types/member.ts";
import type { HostEvent } from "./events.ts";
import { Liveness } from "./liveness.ts";
import { decodeChangeNotes, type MemberNotes } from "./member-codec.ts";
import { idsOf, notesAfter, sameConfState } from "./member-record.ts";
import type { MembershipChange, MembershipOutcome } from "./membership-change.ts";
import {
  encodeChange,
  type MembershipLimits,
  type MembershipView,
  refusalOf,
  refuse,
} from "./membership-check.ts";
import { MembershipWaiters } from "./membership-waiters.ts";
import type { Waiting } from "./outcome.ts";
import type { PeerFrame, TransportPeers } from "./ports.ts";
import { bestHeir } from "./transfers.ts";

const settled: Waiting = { abandon: () => {} };

/** What membership needs of its host. */
interface MembershipPort {
  readonly id: NodeId;
  readonly node: RawNode;
  readonly lastIndex: LogIndex;
  send(to: NodeId, frame: PeerFrame): void;
  emit(event: HostEvent): void;
  peersChanged(peers: TransportPeers): void;
}

/** The membership of one member's group. */
export class Membership {
  readonly liveness: Liveness;
  readonly #port: MembershipPort;
  readonly #limits: MembershipLimits;
  #confState: ConfState;
  #notes: MemberNotes;
  readonly #waiters: MembershipWaiters = new MembershipWaiters();

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

  /** Whether some member is to get a vote. PERF: asked in each tick. */
  get hasPromotion(): boolean {
    return this.#notes.members.some(({ promote }) => promote);
  }

  /** Whether somebody waits for an entry. PERF: asked for each. */
  get hasWaiting(): boolean {
    return this.#waiters.hasWaiting;
  }

  /** The connection to `peer` ended: of somebody who is no member nothing is kept, for there is no bound on how many come by. */
  forgetStranger(peer: NodeId): void {
    if (!idsOf(this.#confState).includes(peer)) {
      this.liveness.forget(peer);
    }
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
    const refused = refusalOf(this.#view(), change);
    if (refused !== null) {
      done(refused);
      return settled;
    }
    const { node } = this.#port;
    const result = node.proposeConfChange(encodeChange(this.#confState, change), change.form ?? "joint");
    if (!result.ok) {
      done(
        result.reason === "conf-change"
          ? refuse(this.#view(), result.refusal, result.problem)
          : { kind: "refused", reason: result.reason, leader: result.leader },
      );
      return settled;
    }
    assert(!result.forwarded, "membership: the core does not forward");
    return this.#waiters.add(result.firstIndex, result.term, done);
  }

  #view(): MembershipView {
    const { id, lastIndex, node } = this.#port;
    const { liveness } = this;
    return {
      id,
      node,
      lastIndex,
      confState: this.#confState,
      notes: this.#notes,
      liveness,
      limits: this.#limits,
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
    this.#waiters.applied(entry, after);
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
        // RAFT §4.2.2 [removed-leader-hands-over]: a removed leader steps down; RAFT §3.10: handing over spares the group an election time-out.
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

  /** An entry that is no configuration change was applied at `index`. */
  passed(index: LogIndex): void {
    this.#waiters.passed(index);
  }

  /** The first entry of `term` was committed at `index`: nothing of an earlier term can come behind it. */
  termBegan(index: LogIndex, term: Term): void {
    this.#waiters.termBegan(index, term);
  }

  /** What became of entries up to `index` cannot be seen any more. */
  snapshotPassed(index: LogIndex): void {
    this.#waiters.snapshotPassed(index);
  }

  stop(): void {
    this.#waiters.stop();
  }
}

/** Whether `id` has a vote in either half. */
function mayVote(confState: ConfState, id: NodeId): boolean {
  return confState.voters.includes(id) || confState.votersOutgoing.includes(id);
}
