/** Whoever waits for a change of the membership to be in force, by the place of its entry. */
import type { ConfState } from "../types/conf-state.ts";
import type { LogId } from "../types/entry.ts";
import { type LogIndex, noNode, type Term } from "../types/ids.ts";
import { isJoint } from "./member-record.ts";
import type { MembershipOutcome } from "./membership-change.ts";
import type { Waiting } from "./outcome.ts";

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

/** All of one member. */
export class MembershipWaiters {
  #waiters: Waiter[] = [];

  /** Whether somebody waits for an entry. PERF: asked for each. */
  get hasWaiting(): boolean {
    return this.#waiters.length > 0;
  }

  /** Waits for the entry (index, term). */
  add(index: LogIndex, term: Term, done: (outcome: MembershipOutcome) => void): Waiting {
    const waiter = new Waiter(index, term, done);
    this.#waiters.push(waiter);
    return waiter;
  }

  /** The configuration change at an entry was applied, and `confState` came of it. */
  applied({ index, term }: LogId, confState: ConfState): void {
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
