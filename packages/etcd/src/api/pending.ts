/**
 * Requests that wait for an outcome, in the order of their deadlines: all wait equally long, so a list in order of arrival
 * is in order of deadlines too, and entering, leaving and expiring cost O(1).
 */
import { assert } from "@quorate/base";
import type { CancelHandle } from "../ports.ts";

/** One waiting request. It ends once: by its outcome, by its timeout, by its client, or by the stop of the server. */
export abstract class Pending {
  readonly startMs: number;
  readonly deadlineMs: number;
  /** Set once the port has taken the request; the port may settle it before that. */
  handle: CancelHandle | null = null;
  previous: Pending | null = null;
  next: Pending | null = null;
  settled = false;

  constructor(startMs: number, deadlineMs: number) {
    assert(deadlineMs >= startMs, "pending: deadline before start");
    this.startMs = startMs;
    this.deadlineMs = deadlineMs;
  }

  /** Ended by its deadline. */
  abstract timedOut(): void;

  /** Ended by the stop of the server. */
  abstract stopped(): void;
}

/** A waiting request of any kind. */
export class PendingCallbacks extends Pending {
  readonly #onTimeout: () => void;
  readonly #onStop: () => void;

  constructor(startMs: number, deadlineMs: number, onTimeout: () => void, onStop: () => void) {
    super(startMs, deadlineMs);
    this.#onTimeout = onTimeout;
    this.#onStop = onStop;
  }

  timedOut(): void {
    this.#onTimeout();
  }

  stopped(): void {
    this.#onStop();
  }
}

/** All waiting requests of a server. */
export class PendingList {
  #first: Pending | null = null;
  #last: Pending | null = null;
  #count = 0;

  /** How many wait. */
  get count(): number {
    return this.#count;
  }

  /** Adds a request whose deadline is not before that of any other. */
  add(pending: Pending): void {
    assert(!pending.settled, "pending: added after its end");
    assert(
      this.#last === null || this.#last.deadlineMs <= pending.deadlineMs,
      "pending: deadlines out of order",
    );
    pending.previous = this.#last;
    if (this.#last === null) {
      this.#first = pending;
    } else {
      this.#last.next = pending;
    }
    this.#last = pending;
    this.#count++;
  }

  /** Ends a request; false when it had ended before, and then nobody may answer it again. */
  settle(pending: Pending): boolean {
    if (pending.settled) {
      return false;
    }
    pending.settled = true;
    this.#unlink(pending);
    return true;
  }

  /** Ends a request that nobody waits for, and tells the port. */
  cancel(pending: Pending): void {
    if (this.settle(pending)) {
      pending.handle?.cancel();
    }
  }

  /** Ends what is due at `nowMs`. */
  expire(nowMs: number): void {
    for (let first = this.#first; first !== null && first.deadlineMs <= nowMs; first = this.#first) {
      this.cancel(first);
      first.timedOut();
    }
  }

  /** Ends everything. */
  stop(): void {
    for (let first = this.#first; first !== null; first = this.#first) {
      this.cancel(first);
      first.stopped();
    }
    assert(this.#count === 0, "pending: something waits after the stop");
  }

  #unlink(pending: Pending): void {
    assert(this.#count > 0, "pending: unlinked from an empty list");
    if (pending.previous === null) {
      this.#first = pending.next;
    } else {
      pending.previous.next = pending.next;
    }
    if (pending.next === null) {
      this.#last = pending.previous;
    } else {
      pending.next.previous = pending.previous;
    }
    pending.previous = null;
    pending.next = null;
    this.#count--;
  }
}
