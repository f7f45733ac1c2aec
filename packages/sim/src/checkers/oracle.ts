/**
 * All checkers behind the few things that can be seen of a member from outside: what it writes, sends, applies and says
 * of itself. None of them looks into the member; each speaks up by throwing a {@link Violation}.
 */
import { must } from "@quorate/base";
import type {
  HardState,
  LogIndex,
  LogView,
  NodeId,
  PeerFrame,
  Role,
  SnapshotMetadata,
  StorageBatch,
  Term,
} from "@quorate/raft";
import { promise } from "../violation.ts";
import { Committed } from "./committed.ts";
import { History } from "./history.ts";
import { Leaders } from "./leaders.ts";
import { MemberModel } from "./member-model.ts";
import { Reports } from "./reports.ts";
import { EntryRegistry } from "./shadow-log.ts";
import { StateMachineSafety } from "./state-machine-safety.ts";

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
  readonly leaders: Leaders = new Leaders(this.committed);
  readonly #stateMachine = new StateMachineSafety();
  readonly #reports = new Reports();
  readonly #registry = new EntryRegistry();
  readonly #members = new Map<NodeId, MemberModel>();
  readonly #memberList: MemberModel[] = [];
  readonly #status = new Map<NodeId, ObservedStatus>();
  readonly #failedDisk = new Set<NodeId>();

  constructor(nodes: readonly NodeId[]) {
    for (const id of nodes) {
      const member = new MemberModel(id, this.#registry);
      this.#members.set(id, member);
      this.#memberList.push(member);
    }
  }

  /** A member opened its storage, for the first time or after a crash. */
  recovered(node: NodeId, view: LogView, hardState: HardState): void {
    this.#reports.recovered(node, hardState.term);
    this.#member(node).recovered(view, hardState, this.#chainOfSnapshot);
    this.committed.restarted(node);
    this.#stateMachine.restarted(node);
    this.#status.delete(node);
    this.#failedDisk.delete(node);
  }

  /** A member hands a batch to its storage. */
  writing(node: NodeId, batch: StorageBatch): void {
    const member = this.#member(node);
    this.leaders.writing(member, batch, this.#leadsTerm(node, batch));
    member.writing(batch, this.#chainOfSnapshot);
  }

  /** The term that a member leads while it writes `batch`; null when it follows, or just began to in a later term. */
  #leadsTerm(node: NodeId, batch: StorageBatch): Term | null {
    const status = this.#status.get(node);
    const term = batch.hardState?.term ?? status?.term;
    return status?.role === "leader" && status.term === term ? status.term : null;
  }

  /** The storage of a member calls its oldest batch durable. */
  written(node: NodeId): void {
    // A failed write or sync is final: nobody knows any more what the disk holds.
    promise(
      !this.#failedDisk.has(node),
      "fail-stop",
      () => `node ${node} calls a batch durable after its disk failed`,
    );
    this.#member(node).written();
  }

  /** A write or sync of this member failed, by our hand. */
  diskFailed(node: NodeId): void {
    this.#failedDisk.add(node);
  }

  /** A frame leaves a member. */
  sending(node: NodeId, frame: PeerFrame): void {
    const member = this.#member(node);
    this.#reports.sending(member, frame);
    if (frame.kind !== "message") {
      return;
    }
    const { type, term } = frame.message;
    if (type === "append-entries" || type === "heartbeat" || type === "install-snapshot") {
      this.leaders.leading(member, term);
    }
  }

  /** A member's state machine applied a command. */
  applied(node: NodeId, index: LogIndex, term: Term, command: Uint8Array, resultDigest: number): void {
    this.#stateMachine.applied(node, index, term, command, resultDigest);
  }

  /** A member's state machine now stands as a snapshot left it, `lastApplied` being the last command in it. */
  restored(node: NodeId, lastApplied: number): void {
    this.#stateMachine.restored(node, lastApplied);
  }

  /** After each step of a member. */
  stepped(node: NodeId, status: ObservedStatus): void {
    const member = this.#member(node);
    const before = this.#status.get(node);
    promise(
      before === undefined || status.term >= before.term,
      "term-monotonic",
      () => `node ${node} is in term ${status.term} after ${before?.term}`,
    );
    if (status.role === "leader") {
      this.leaders.leading(member, status.term);
    }
    // What the member has not handed to its storage yet (a snapshot under way replaces its log) is not visible here.
    const commit = Math.min(status.commit, member.hardState.commit);
    this.committed.reported(member, status.term, commit, this.#memberList);
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

  /** RAFT §3.6.2: a leader commits by counting only entries of its own term; earlier ones are committed with them. */
  #checkCommitTerm(member: MemberModel, before: number, commit: number, term: number): void {
    promise(
      commit <= before || member.log.term(commit) === term,
      "commit-term",
      () =>
        `node ${member.id}, leader of term ${term}, commits ${commit} of term ${member.log.term(commit)} by counting`,
    );
  }

  /** Every acknowledged put is on the durable logs of a majority. */
  checkAcknowledgedDurable(): void {
    const index = this.history.acknowledgedIndex;
    const chain = must(this.committed.chain(index), "oracle: acknowledged but not committed");
    const holders = this.#memberList.filter(
      (member) => member.durable.last >= index && member.durable.holds(index, chain),
    );
    promise(
      holders.length > this.#memberList.length / 2,
      "acknowledged-writes",
      () =>
        `entry ${index} was acknowledged; ${holders.length} of ${this.#memberList.length} members still hold it`,
    );
  }

  readonly #chainOfSnapshot = (node: NodeId, snapshot: SnapshotMetadata): number =>
    this.committed.chainOfSnapshot(node, snapshot);

  #member(node: NodeId): MemberModel {
    return must(this.#members.get(node), "oracle: unknown member");
  }
}
