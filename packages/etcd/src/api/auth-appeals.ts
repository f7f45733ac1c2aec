/**
 * Refusals that are not final yet. A member that lags judges by what it has applied; whoever it would refuse waits for a read
 * barrier (RAFT §6.4), until the member knows all that was committed when the call came, and is then judged again.
 *
 * Who comes here has proven nothing, so it must not cost much: however many wait, one barrier is under way for all of them, the
 * next begins when it is over, and only so many wait at all. A flood of bad tokens costs one round in each round trip, and takes
 * no places among the reads of others.
 */
import { assert } from "@quorate/base";
import type { KvErrorCode } from "@quorate/kv";

/** Those that wait at once. */
const appealCountMax = 1000;

/** What became of the wait. `caught-up`: the local state is at least as new as its beginning. `full`: it was none. */
type AppealOutcome = "caught-up" | "full" | "late" | "stopped";

interface Appeal {
  readonly deadlineMs: number;
  readonly done: (outcome: AppealOutcome) => void;
}

/** What appeals need of the member. */
interface AppealPort {
  readonly nowMs: number;
  /** Calls back once, maybe before it returns: with null once the local state is as new as the question. */
  barrier(done: (refused: KvErrorCode | null) => void): void;
}

/** See the head of this file. */
export class AuthAppeals {
  readonly #port: AppealPort;
  readonly #waitMs: number;
  /** Those for whom a barrier is under way, in the order in which they came. */
  #asked: Appeal[] = [];
  /** Those who came later. */
  #queue: Appeal[] = [];
  #asking = false;
  #stopped = false;

  constructor(port: AppealPort, waitMs: number) {
    assert(waitMs > 0, "auth appeals: no time");
    this.#port = port;
    this.#waitMs = waitMs;
  }

  /** How many wait. */
  get count(): number {
    return this.#asked.length + this.#queue.length;
  }

  /** Calls back once, maybe before it returns. */
  wait(done: (outcome: AppealOutcome) => void): void {
    if (this.#stopped || this.count >= appealCountMax) {
      done(this.#stopped ? "stopped" : "full");
      return;
    }
    this.#queue.push({ deadlineMs: this.#port.nowMs + this.#waitMs, done });
    this.ask();
  }

  /** Ends those that waited too long, and asks again where a barrier was refused. */
  tick(): void {
    if (this.count === 0) {
      return;
    }
    const { nowMs } = this.#port;
    const isLate = ({ deadlineMs }: Appeal): boolean => deadlineMs <= nowMs;
    const late = [...this.#asked, ...this.#queue].filter(isLate);
    if (late.length > 0) {
      this.#asked = this.#asked.filter((appeal) => !isLate(appeal));
      this.#queue = this.#queue.filter((appeal) => !isLate(appeal));
      settle(late, "late");
    }
    this.ask();
  }

  /** Asks for a barrier, if somebody waits for one and none is under way. */
  ask(): void {
    if (this.#asking || this.#queue.length === 0) {
      return;
    }
    assert(this.#asked.length === 0, "auth appeals: two barriers at once");
    this.#asking = true;
    this.#asked = this.#queue;
    this.#queue = [];
    this.#port.barrier((refused) => {
      const asked = this.#asked;
      this.#asking = false;
      this.#asked = [];
      if (refused === null) {
        settle(asked, "caught-up");
        this.ask();
      } else {
        // No leader, most likely: until their time is over they are asked for again, with the next tick.
        this.#queue = [...asked, ...this.#queue];
      }
    });
  }

  /** Ends all waiting. */
  stop(): void {
    this.#stopped = true;
    const all = [...this.#asked, ...this.#queue];
    this.#asked = [];
    this.#queue = [];
    settle(all, "stopped");
    assert(this.count === 0, "auth appeals: one waits after the stop");
  }
}

function settle(appeals: readonly Appeal[], outcome: AppealOutcome): void {
  for (const { done } of appeals) {
    done(outcome);
  }
}
