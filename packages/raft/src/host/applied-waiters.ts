/** Whoever waits until the state machine here has reached a place in the log. */
import type { LogIndex } from "../types/ids.ts";
import type { Waiting } from "./outcome.ts";

interface AppliedWaiter {
  readonly index: LogIndex;
  readonly done: (reached: boolean) => void;
}

const settled: Waiting = { abandon: () => {} };

/** All of one member. */
export class AppliedWaiters {
  #waiting: AppliedWaiter[] = [];

  /** Calls `done(true)` once `index` is applied; at once where it is. */
  add(index: LogIndex, applied: LogIndex, done: (reached: boolean) => void): Waiting {
    if (index <= applied) {
      done(true);
      return settled;
    }
    const waiter: AppliedWaiter = { index, done };
    this.#waiting.push(waiter);
    return { abandon: () => this.#end((each) => each === waiter, false) };
  }

  /** PERF: called after each slice. */
  appliedTo(applied: LogIndex): void {
    if (this.#waiting.length > 0) {
      this.#end(({ index }) => index <= applied, true);
    }
  }

  stop(): void {
    this.#end(() => true, false);
  }

  #end(isEnded: (waiter: AppliedWaiter) => boolean, reached: boolean): void {
    const ended = this.#waiting.filter(isEnded);
    this.#waiting = this.#waiting.filter((waiter) => !ended.includes(waiter));
    for (const { done } of ended) {
      done(reached);
    }
  }
}
