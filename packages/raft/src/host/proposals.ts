/**
 * The proposals that wait for their outcome, by the place of their entry. An entry that was overwritten in a log may still be
 * committed by a later leader, so nothing is decided before an index is applied. RAFT §3.6.2, figure 3.7.
 */
import { assert, must, RingBuffer } from "@quorate/base";
import { indexZero, type LogIndex, type NodeId, noNode, type Term, termZero } from "../types/ids.ts";
import type { HostCounters } from "./events.ts";
import type { HostLimits } from "./options.ts";
import type { ProposalOutcome, RefusalReason, UnknownReason, Waiting } from "./outcome.ts";

/** One proposal that has not ended. */
export class Proposal<Result> implements Waiting {
  readonly command: Uint8Array;
  /** Where its entry stands; 0 until {@link ProposalTable.track}. */
  index: LogIndex = indexZero;
  term: Term = termZero;
  #owner: ProposalTable<Result>;
  #done: ((outcome: ProposalOutcome<Result>) => void) | null;

  constructor(
    owner: ProposalTable<Result>,
    command: Uint8Array,
    done: (outcome: ProposalOutcome<Result>) => void,
  ) {
    this.#owner = owner;
    this.command = command;
    this.#done = done;
  }

  get ended(): boolean {
    return this.#done === null;
  }

  /** Tells the outcome; later ones are not told. */
  settle(outcome: ProposalOutcome<Result>): void {
    const done = this.#done;
    if (done !== null) {
      this.#done = null;
      this.#owner.ended(this, outcome);
      done(outcome);
    }
  }

  refuse(reason: RefusalReason, leader: NodeId): void {
    this.settle({ kind: "refused", reason, leader });
  }

  lose(reason: UnknownReason): void {
    this.settle({ kind: "unknown", reason });
  }

  abandon(): void {
    this.lose("abandoned");
  }
}

const settled: Waiting = { abandon: () => {} };

/** All proposals of one member. */
export class ProposalTable<Result> {
  readonly #limits: HostLimits;
  readonly #counters: HostCounters;
  #queue: Proposal<Result>[] = [];
  /**
   * Those with a place in a log, by ascending index. PERF: a leader's own come in this order, leave from its front, and take no room
   * of their own; in a map of indexes they cost as much as applying.
   */
  readonly #ordered: RingBuffer<Proposal<Result>> = new RingBuffer();
  /** Those that came out of that order: a later leader's index lies below that of an earlier one. */
  readonly #others: Map<LogIndex, readonly Proposal<Result>[]> = new Map();
  #count = 0;
  #bytes = 0;
  #refuseAll = false;

  constructor(limits: HostLimits, counters: HostCounters) {
    this.#limits = limits;
    this.#counters = counters;
  }

  /** Proposals that have not ended. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of their commands. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes up a command, or refuses it at once. */
  admit(command: Uint8Array, done: (outcome: ProposalOutcome<Result>) => void): Waiting {
    // The empty command is the no-op of a new leader: the state machine would never see it.
    assert(command.length > 0, "propose: empty command");
    const refusal = this.#refusal(command);
    if (refusal !== null) {
      this.#counters.proposalsRefused++;
      done({ kind: "refused", reason: refusal, leader: noNode });
      return settled;
    }
    const proposal = new Proposal(this, command, done);
    this.#count++;
    this.#bytes += command.length;
    this.#counters.proposals++;
    this.#queue.push(proposal);
    return proposal;
  }

  #refusal(command: Uint8Array): RefusalReason | null {
    if (this.#refuseAll) {
      return "stopped";
    }
    if (command.length > this.#limits.commandBytesMax) {
      return "too-large";
    }
    const full =
      this.#count >= this.#limits.pendingProposalCountMax ||
      this.#bytes + command.length > this.#limits.pendingProposalBytesMax;
    return full ? "uncommitted-limit" : null;
  }

  /** Bookkeeping of {@link Proposal.settle}. */
  ended(proposal: Proposal<Result>, outcome: ProposalOutcome<Result>): void {
    this.#count--;
    this.#bytes -= proposal.command.length;
    assert(this.#count >= 0, "proposals: more ended than began");
    if (outcome.kind === "refused") {
      this.#counters.proposalsRefused++;
    } else if (outcome.kind === "unknown") {
      this.#counters.proposalsUnknown++;
    }
  }

  /** What was admitted since the last call and not abandoned. */
  takeQueue(): readonly Proposal<Result>[] {
    const queue = this.#queue;
    if (queue.length === 0) {
      return queue;
    }
    this.#queue = [];
    return queue.some((proposal) => proposal.ended) ? queue.filter((proposal) => !proposal.ended) : queue;
  }

  /** The entry of `proposal` stands at (index, term) in some leader's log. */
  track(proposal: Proposal<Result>, index: LogIndex, term: Term): void {
    assert(proposal.index === indexZero, "proposals: two places for one");
    assert(index > indexZero && term > termZero, "proposals: no place");
    proposal.index = index;
    proposal.term = term;
    const last = this.#ordered.at(Math.max(0, this.#ordered.length - 1));
    if (last === undefined || last.index < index) {
      this.#ordered.push(proposal);
    } else {
      this.#others.set(index, [...(this.#others.get(index) ?? []), proposal]);
    }
  }

  /** The entry (index, term) was applied. Tells its proposer; whoever was told the same place in another term lost it. */
  applied(index: LogIndex, term: Term, result: Result): void {
    const first = this.#takeFirst(index);
    if (first !== null) {
      tell(first, term, result);
    }
    if (this.#others.size > 0) {
      for (const proposal of this.#takeOthers(index)) {
        tell(proposal, term, result);
      }
    }
  }

  /** An entry that is nobody's command was applied at `index`. */
  passed(index: LogIndex): void {
    this.#takeFirst(index)?.refuse("leader-changed", noNode);
    for (const proposal of this.#takeOthers(index)) {
      proposal.refuse("leader-changed", noNode);
    }
  }

  /** Every index is applied or passed, one after the other. */
  #takeFirst(index: LogIndex): Proposal<Result> | null {
    const first = this.#ordered.peek();
    if (first === undefined || first.index !== index) {
      assert(first === undefined || first.index > index, "proposals: an index was left out");
      return null;
    }
    this.#ordered.shift();
    return first;
  }

  #takeOthers(index: LogIndex): readonly Proposal<Result>[] {
    const others = this.#others.get(index) ?? [];
    this.#others.delete(index);
    return others;
  }

  /**
   * The first entry of `term` was committed at `index`. Terms never go back along a log, so no entry of an earlier term can ever
   * be committed behind it.
   */
  termBegan(index: LogIndex, term: Term): void {
    this.#leave(
      (proposal) => proposal.index > index && proposal.term < term,
      (proposal) => proposal.refuse("leader-changed", noNode),
    );
  }

  /** A snapshot took the place of everything up to `index`: what became of those entries cannot be seen any more. */
  snapshotPassed(index: LogIndex, term: Term): void {
    this.#leave(
      (proposal) => proposal.index <= index,
      (proposal) => proposal.lose("snapshot"),
    );
    this.termBegan(index, term);
  }

  /** Ends those that are `over`, by ascending index, first those in order. Whoever is told may propose anew meanwhile. */
  #leave(over: (proposal: Proposal<Result>) => boolean, end: (proposal: Proposal<Result>) => void): void {
    const ended: Proposal<Result>[] = [];
    const { length } = this.#ordered;
    for (let at = 0; at < length; at++) {
      const proposal = must(this.#ordered.shift(), "proposals: fewer than counted");
      if (over(proposal)) {
        ended.push(proposal);
      } else {
        this.#ordered.push(proposal);
      }
    }
    for (const [index, others] of this.#others) {
      const kept = others.filter((proposal) => !over(proposal));
      ended.push(...others.filter(over));
      if (kept.length === 0) {
        this.#others.delete(index);
      } else {
        this.#others.set(index, kept);
      }
    }
    ended.forEach(end);
  }

  /** From now on every proposal is refused. */
  refuseAll(): void {
    this.#refuseAll = true;
  }

  /** The member stopped: what was not handed on yet is certainly never applied, the rest is unknown. */
  stop(): void {
    this.#refuseAll = true;
    for (const proposal of this.takeQueue()) {
      proposal.refuse("stopped", noNode);
    }
    this.#leave(
      () => true,
      (proposal) => proposal.lose("stopped"),
    );
    assert(this.#others.size === 0 && this.#ordered.length === 0, "proposals: one outlived the stop");
  }
}

function tell<Result>(proposal: Proposal<Result>, term: Term, result: Result): void {
  if (proposal.term === term) {
    proposal.settle({ kind: "applied", index: proposal.index, result });
  } else {
    proposal.refuse("leader-changed", noNode);
  }
}
