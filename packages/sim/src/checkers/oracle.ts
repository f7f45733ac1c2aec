/**
 * All checkers behind the few things that can be seen of a member from outside: what it writes, sends, applies and says
 * of itself. None of them looks into the member; each speaks up by throwing a {@link Violation}.
 */
import { assert, must } from "@quorate/base";
import type {
  ConfState,
  Entry,
  HardState,
  LogId,
  LogIndex,
  LogView,
  NodeId,
  PeerFrame,
  Role,
  SnapshotMetadata,
  StorageBatch,
  Term,
} from "@quorate/raft";
import { EtcdOracle } from "../etcd/etcd-oracle.ts";
import { promise } from "../violation.ts";
import { Committed } from "./committed.ts";
import { Configurations, isQuorum } from "./configurations.ts";
import { History } from "./history.ts";
import { Leaders } from "./leaders.ts";
import type { LogPlace } from "./log-places.ts";
import { type DiskState, MemberModel, wholeDisk } from "./member-model.ts";
import { Reports } from "./reports.ts";
import type { Chain } from "./shadow-log.ts";
import { EntryRegistry } from "./shadow-log.ts";
import { StateMachineSafety } from "./state-machine-safety.ts";
import { Terms } from "./terms.ts";
import { checkFloorKept, checkFloorNamed, checkRepaired } from "./vote-floor.ts";

/** What a member says of itself after a step. */
export interface ObservedStatus {
  readonly term: Term;
  readonly role: Role;
  readonly commit: LogIndex;
  readonly applied: LogIndex;
}

/** See the head of this file. One per run. */
export class Oracle {
  readonly history: History = new History();
  readonly committed: Committed = new Committed();
  readonly terms: Terms = new Terms();
  readonly leaders: Leaders = new Leaders(this.committed);
  readonly configurations: Configurations;
  readonly etcd: EtcdOracle;
  readonly #stateMachine = new StateMachineSafety();
  readonly #reports = new Reports();
  readonly #registry = new EntryRegistry();
  readonly #members = new Map<NodeId, MemberModel>();
  readonly #status = new Map<NodeId, ObservedStatus>();
  readonly #failedDisk = new Set<NodeId>();
  /** Leaders that told somebody to campaign who lacks entries. */
  readonly #hasty = new Map<NodeId, string>();

  constructor(nodes: readonly NodeId[], nowMs: () => number = () => 0) {
    this.etcd = new EtcdOracle(nowMs);
    this.configurations = new Configurations(confStateOf(nodes));
    for (const id of nodes) {
      this.joins(id);
    }
  }

  /** A member with an empty disk comes into being, in a configuration or not yet. */
  joins(id: NodeId): void {
    assert(!this.#members.has(id), "oracle: a member comes twice");
    this.#members.set(id, new MemberModel(id, this.#registry));
  }

  /** A member opened its storage, for the first time or after a crash. */
  recovered(node: NodeId, view: LogView, hardState: HardState, disk: DiskState = wholeDisk): void {
    this.#reports.recovered(node, hardState.term);
    const member = this.#member(node);
    const wasDamaged = member.promised;
    member.recovered(view, hardState, disk, this.#chainOfSnapshot);
    if (member.promised === null && wasDamaged !== null) {
      checkRepaired(member, wasDamaged, this.committed);
    }
    this.committed.restarted(node);
    this.#stateMachine.restarted(node);
    this.#status.delete(node);
    this.#failedDisk.delete(node);
    this.#hasty.delete(node);
  }

  /** The disk of a member was wiped or set back, by our hand: nothing is held against what it had before. */
  forgets(node: NodeId): void {
    this.#reports.forgets(node);
    this.#members.set(node, this.#member(node).forgotten());
    this.committed.restarted(node);
  }

  /** A member says that its damaged log is whole again. */
  repaired(node: NodeId): void {
    const member = this.#member(node);
    if (member.promised !== null) {
      checkRepaired(member, member.promised, this.committed);
    }
    member.promised = null;
    member.floor = null;
  }

  /** A member whose disk did not tell how far its log reached has noted what a leader told it. */
  floorNoted(node: NodeId, floor: LogId): void {
    const member = this.#member(node);
    checkFloorNamed(member, floor, this.committed);
    member.floor = floor;
  }

  /** A member's storage is asked to drop everything up to `index`, or says that it has. */
  compacted(node: NodeId, index: LogIndex, isDone: boolean): void {
    this.#member(node).compacted(index, isDone);
  }

  /** Where the log of a member ends on its disk. */
  durableLast(node: NodeId): number {
    return this.#member(node).durable.last;
  }

  /** The configuration that a member begins with once it has {@link recovered}: that of its newest snapshot, or its first. */
  configured(node: NodeId, view: LogView, confState: ConfState): void {
    const snapshot = view.snapshot();
    const index = snapshot === null || snapshot === "pending" ? 0 : snapshot.index;
    this.configurations.recovered(node, index, confState);
  }

  /** A member hands a batch to its storage. */
  writing(node: NodeId, batch: StorageBatch): void {
    const member = this.#member(node);
    const leadsTerm = this.#leadsTerm(node, batch);
    this.leaders.writing(member, batch, leadsTerm);
    this.#reports.writing(member, batch);
    member.writing(batch, this.#chainOfSnapshot);
    for (const entry of batch.entries) {
      if (entry.type !== "normal" && entry.term === leadsTerm) {
        this.configurations.checkOneAtATime(node, member.changeIndexes, entry.index);
      }
    }
  }

  /** The storage of a member hands out what it holds. */
  reading(node: NodeId, entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.#registry.checkRead(node, entry);
    }
  }

  /** Whether the log of a member holds a change that it has not applied. */
  logHasOpenChange(node: NodeId): boolean {
    const { changeIndexes } = this.#member(node);
    return (changeIndexes.at(-1) ?? 0) > this.configurations.appliedIndex(node);
  }

  /** The term that a member leads while it writes `batch`; null when it follows, or just began to in a later term. */
  #leadsTerm(node: NodeId, batch: StorageBatch): Term | null {
    const status = this.#status.get(node);
    const term = batch.hardState?.term ?? status?.term;
    return status?.role === "leader" && status.term === term ? status.term : null;
  }

  /** The storage of a member calls its oldest batch durable; its log now ends at `place`, where that is known. */
  written(node: NodeId, place: LogPlace | null = null): void {
    // A failed write or sync is final: nobody knows any more what the disk holds.
    promise(
      !this.#failedDisk.has(node),
      "fail-stop",
      () => `node ${node} calls a batch durable after its disk failed`,
    );
    this.#member(node).written(place);
  }

  /** A write or sync of this member failed, by our hand. */
  diskFailed(node: NodeId): void {
    this.#failedDisk.add(node);
  }

  /** A frame leaves a member. */
  sending(node: NodeId, frame: PeerFrame): void {
    const member = this.#member(node);
    this.#reports.sending(member, frame);
    checkFloorKept(member, frame, this.committed, this.#memberOf);
    if (frame.kind !== "message") {
      return;
    }
    const { type, term, to } = frame.message;
    if (type === "append-entries" || type === "heartbeat" || type === "install-snapshot") {
      this.#leads(member, term);
    } else if (type === "timeout-now") {
      this.#checkCaughtUp(member, term, to);
    }
  }

  /**
   * RAFT §3.10 step 2: whoever is told to campaign holds all of the leader's log. But a leader whose storage just failed hands over to
   * whomever it has, as the last thing that it does: it is judged by whether it goes on.
   */
  #checkCaughtUp(leader: MemberModel, term: Term, to: NodeId): void {
    const { last } = leader.log;
    const chain = must(leader.log.chain(last), "oracle: a log without its end");
    const target = this.#member(to);
    // What damage took of what a member told this very leader that cannot know; below its floor the member does not campaign.
    const wasTold = (): boolean => this.#reports.hasAcknowledged(to, last, { from: term, to: term });
    if (!target.answersFor(last, chain, wasTold)) {
      const has = target.durable.last;
      this.#hasty.set(
        leader.id,
        `node ${leader.id} hands over to ${to}, which has entries up to ${has} of ${last}`,
      );
    }
  }

  #leads(member: MemberModel, term: Term): void {
    if (this.leaders.leading(member, term) && this.configurations.knows(member.id)) {
      this.#checkElected(member, term);
    }
  }

  /** RAFT §3.4, §4.3: those who said their vote are a quorum of the configuration that the leader counts by. */
  #checkElected(member: MemberModel, term: Term): void {
    const { id, durableHardState } = member;
    const own = durableHardState.term === term && durableHardState.vote === id;
    const voted = (voter: NodeId): boolean => (voter === id ? own : this.#reports.votedFor(voter, term, id));
    const configurations = this.configurations.of(id);
    promise(
      configurations.some((confState) => isQuorum(confState, voted)),
      "election-quorum",
      () => {
        const texts = configurations.map(({ voters }) => `${voters.filter(voted)} of ${voters}`);
        return `node ${id} leads term ${term} with the votes of ${texts.join(", or ")}`;
      },
    );
  }

  /** A member's state machine applied a command. */
  applied(node: NodeId, index: LogIndex, term: Term, command: Uint8Array, resultDigest: number): void {
    this.#stateMachine.applied(node, index, term, command, resultDigest);
  }

  /** A member's state machine now stands as a snapshot left it, `lastApplied` being the last command in it. */
  restored(node: NodeId, lastApplied: number): void {
    this.#stateMachine.restored(node, lastApplied);
  }

  /** What a member last said of itself. */
  statusOf(node: NodeId): ObservedStatus {
    return must(this.#status.get(node), "oracle: a member that never ran");
  }

  /** After each step of a member. */
  stepped(node: NodeId, status: ObservedStatus): void {
    const before = this.#status.get(node);
    // PERF: apart from what follows, which needs memory for its texts as soon as it is entered.
    if (
      before === undefined ||
      this.#hasty.has(node) ||
      !this.#isUnchanged(this.#member(node), status, before)
    ) {
      this.#changed(node, status, before);
    }
  }

  #changed(node: NodeId, status: ObservedStatus, before: ObservedStatus | undefined): void {
    const member = this.#member(node);
    const hasty = this.#hasty.get(node);
    promise(hasty === undefined, "transfer-caught-up", () => hasty ?? "");
    promise(
      before === undefined || status.term >= before.term,
      "term-monotonic",
      () => `node ${node} is in term ${status.term} after ${before?.term}`,
    );
    if (status.role === "leader") {
      this.#leads(member, status.term);
    }
    // What the member has not handed to its storage yet (a snapshot under way replaces its log) is not visible here.
    const commit = Math.min(status.commit, member.hardState.commit);
    this.committed.reported(member, status.term, commit, {
      configurations: () => this.#countedBy(node, status),
      holds: this.#holds,
    });
    this.terms.seen(node, status.term, this.committed.last);
    // What was committed and not handed over yet was counted by what is in force now, or was before.
    if (status.commit === commit) {
      this.configurations.stepped(node);
    }
    if (
      before !== undefined &&
      before.role === "leader" &&
      status.role === "leader" &&
      before.term === status.term
    ) {
      this.#checkCommitTerm(member, before.commit, commit, status.term);
    }
    promise(
      status.applied <= this.committed.last,
      "state-machine-safety",
      () => `node ${node} applied ${status.applied}; committed is ${this.committed.last}`,
    );
    this.#status.set(node, status);
  }

  /**
   * PERF: most steps change nothing that is looked at here, and what held after the step before holds still: what others commit meanwhile
   * only widens what a member may say.
   */
  #isUnchanged(member: MemberModel, status: ObservedStatus, before: ObservedStatus): boolean {
    return (
      status.term === before.term &&
      status.role === before.role &&
      status.applied === before.applied &&
      status.commit === before.commit &&
      this.committed.isReported(member.id, Math.min(status.commit, member.hardState.commit)) &&
      this.configurations.isSettled(member.id)
    );
  }

  /** The leader counts by what it has applied; where another member reports first, by one of the newest. */
  #countedBy(node: NodeId, status: ObservedStatus): readonly ConfState[] {
    const own = this.configurations.of(node);
    return status.role === "leader" ? own : [...own, ...this.configurations.recent];
  }

  /** RAFT §3.6.2: a leader commits by counting only entries of its own term; earlier ones are committed with them. */
  #checkCommitTerm(member: MemberModel, before: number, commit: number, term: number): void {
    promise(
      commit <= before || member.log.term(commit) === term,
      "commit-term",
      () =>
        `node ${member.id}, leader of term ${term}, commits ${commit} of term ${member.log.term(commit)} by counting`,
    );
  }

  /** Every acknowledged put is on the durable logs of a quorum of the last configuration. */
  checkAcknowledgedDurable(): void {
    const index = this.history.acknowledgedIndex;
    const chain = must(this.committed.chain(index), "oracle: acknowledged but not committed");
    const isHolder = (id: NodeId): boolean => {
      const { durable } = this.#member(id);
      return durable.last >= index && durable.holds(index, chain);
    };
    const { last } = this.configurations;
    promise(
      isQuorum(last, isHolder),
      "acknowledged-writes",
      () =>
        `entry ${index} was acknowledged; of the voters ${last.voters} only ${last.voters.filter(isHolder)} still hold it`,
    );
  }

  readonly #chainOfSnapshot = (node: NodeId, snapshot: SnapshotMetadata): number =>
    this.committed.chainOfSnapshot(node, snapshot);

  readonly #memberOf = (node: NodeId): MemberModel => this.#member(node);

  readonly #holds = (
    id: NodeId,
    index: number,
    chain: Chain,
    terms: { readonly from: number; readonly to: number },
  ): boolean =>
    this.#member(id).answersFor(
      index,
      chain,
      () => this.#reports.hasAcknowledged(id, index, terms) || this.leaders.hasLed(id, terms),
    );

  #member(node: NodeId): MemberModel {
    return must(this.#members.get(node), "oracle: unknown member");
  }
}

function confStateOf(voters: readonly NodeId[]): ConfState {
  return { voters, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
}
