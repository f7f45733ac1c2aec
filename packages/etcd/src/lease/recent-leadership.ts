/**
 * How lately it was certain that this member leads. A keep-alive rests on it for a moment instead of asking a majority for itself
 * (ADR 22): whoever is elected later gives every lease {@link leaseGraceMs} more than its time, so what was answered holds.
 */
import { assert } from "@quorate/base";

/** For how long a round with a majority is enough. ETCD: differs, there a leader renews until it learns that it was deposed. */
const confirmedForMs = 100;

/**
 * What a new leader adds to the time of the leases that it finds. A predecessor in whose favour a majority spoke at some moment, and
 * none of it for another before that, renewed until {@link confirmedForMs} later: covered while no clock runs twice as fast as another.
 */
export const leaseGraceMs: number = 2 * confirmedForMs;

/** See the head of this file. */
export class RecentLeadership {
  readonly #nowMs: () => number;
  #term = 0;
  /** When the latest round began that was answered by a majority: at that moment nobody else had been elected. */
  #confirmedMs = 0;

  /** @param nowMs The time at each call, not that of the last tick: a process that stood still must not think that none has passed. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** The time, for {@link confirmed}. */
  get nowMs(): number {
    return this.#nowMs();
  }

  /** A majority has answered a round of `term` that began at `beganMs`. */
  confirmed(term: number, beganMs: number): void {
    assert(term > 0, "recent leadership: no term");
    assert(beganMs <= this.#nowMs(), "recent leadership: a round that has yet to begin");
    if (term > this.#term || (term === this.#term && beganMs > this.#confirmedMs)) {
      this.#term = term;
      this.#confirmedMs = beganMs;
    }
  }

  /** Whether this member led `term` just now; `aging`: for not much longer. */
  certainty(term: number): "certain" | "aging" | "unknown" {
    const ageMs = this.#nowMs() - this.#confirmedMs;
    if (term !== this.#term || ageMs > confirmedForMs) {
      return "unknown";
    }
    return ageMs > confirmedForMs / 2 ? "aging" : "certain";
  }
}
