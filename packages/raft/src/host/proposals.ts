/**
 * The proposals that wait for their outcome, by the place of their entry. An entry that was overwritten in a log may still be
 * committed by a later leader, so nothing is decided before an index is applied. RAFT §3.6.2, figure 3.7.
 */
import { assert } from "@quorate/base";
import { type LogIndex, type NodeId, noNode, type Term } from "../types/ids.ts";
import type { HostCounters } from "./events.ts";
import type { HostLimits } from "./options.ts";
import type { ProposalOutcome, RefusalReason, UnknownReason, Waiting } from "./outcome.ts";

/** One proposal that has not ended. */
export class Proposal<Result> implements Waiting {
  readonly command: Uint8Array;
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

interface Tracked<Result> {
  readonly term: Term;
  readonly proposal: Proposal<Result>;
  /** Another proposal, of another term, that was told the same index. */
  readonly next: Tracked<Result> | null;
}

const settled: Waiting = { abandon: () => {} };

/** All proposals of one member. */
export class ProposalTable<Result> {
  readonly #limits: HostLimits;
  readonly #counters: HostCounters;
  #queue: Proposal<Result>[] = [];
  readonly #tracked: Map<LogIndex, Tracked<Result>> = new Map();
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
    const next = this.#tracked.get(index) ?? null;
    this.#tracked.set(index, { term, proposal, next });
  }

  /** Whether somebody waits for `index`. */
  awaits(index: LogIndex): boolean {
    return this.#tracked.has(index);
  }

  /** The entry (index, term) was applied. Tells its proposer; whoever was told the same place in another term lost it. */
  applied(index: LogIndex, term: Term, result: Result): void {
    let tracked = this.#tracked.get(index) ?? null;
    if (tracked === null) {
      return;
    }
    this.#tracked.delete(index);
    while (tracked !== null) {
      if (tracked.term === term) {
        tracked.proposal.settle({ kind: "applied", index, result });
      } else {
        tracked.proposal.refuse("leader-changed", noNode);
      }
      tracked = tracked.next;
    }
  }

  /** An entry that is nobody's command was applied at `index`. */
  passed(index: LogIndex): void {
    let tracked = this.#tracked.get(index) ?? null;
    this.#tracked.delete(index);
    while (tracked !== null) {
      tracked.proposal.refuse("leader-changed", noNode);
      tracked = tracked.next;
    }
  }

  /**
   * The first entry of `term` was committed at `index`. Terms never go back along a log, so no entry of an earlier term can ever
   * be committed behind it.
   */
  termBegan(index: LogIndex, term: Term): void {
    for (const [at, first] of this.#tracked) {
      let tracked: Tracked<Result> | null = first;
      let kept: Tracked<Result> | null = null;
      while (tracked !== null) {
        if (at > index && tracked.term < term) {
          tracked.proposal.refuse("leader-changed", noNode);
        } else {
          kept = { ...tracked, next: kept };
        }
        tracked = tracked.next;
      }
      if (kept === null) {
        this.#tracked.delete(at);
      } else {
        this.#tracked.set(at, kept);
      }
    }
  }

  /** A snapshot took the place of everything up to `index`: what became of those entries cannot be seen any more. */
  snapshotPassed(index: LogIndex, term: Term): void {
    for (const [at, first] of this.#tracked) {
      if (at <= index) {
        this.#tracked.delete(at);
        for (let tracked: Tracked<Result> | null = first; tracked !== null; tracked = tracked.next) {
          tracked.proposal.lose("snapshot");
        }
      }
    }
    this.termBegan(index, term);
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
    const tracked = [...this.#tracked.values()];
    this.#tracked.clear();
    for (const first of tracked) {
      for (let each: Tracked<Result> | null = first; each !== null; each = each.next) {
        each.proposal.lose("stopped");
      }
    }
  }
}
