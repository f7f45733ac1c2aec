/**
 * Where a process can end within a turn: before or after any frame that leaves it, any command that it applies. What it was about to
 * do then never happens, and nobody hears of what it just did.
 */
import { assert } from "@quorate/base";
import type { FaultCount } from "./fault-count.ts";
import type { Moment } from "./faulty-disk.ts";
import { ProcessEnded } from "./incarnation.ts";

/** Effects that a crash can be put next to; disk calls have their own, in the disk. */
export type Effect = "send" | "apply";

interface Armed {
  readonly effect: Effect;
  readonly moment: Moment;
  left: number;
}

/** One per member. */
export class EffectBoundary {
  readonly #faults: FaultCount;
  readonly #crash: () => void;
  #armed: Armed | null = null;

  /** @param crash Ends the process; it comes back by itself. */
  constructor(faults: FaultCount, crash: () => void) {
    this.#faults = faults;
    this.#crash = crash;
  }

  /** Ends the process at its `count`-th effect of that kind from now; what waited is replaced. */
  arm(effect: Effect, count: number, moment: Moment): void {
    assert(count > 0, "boundary: crash at no effect");
    this.#armed = { effect, moment, left: count };
  }

  /** No crash waits any more. */
  disarm(): void {
    this.#armed = null;
  }

  /** Carries out an effect. @throws ProcessEnded where the process ends with it. */
  pass<T>(effect: Effect, work: () => T): T {
    const armed = this.#armed;
    if (armed === null || armed.effect !== effect) {
      return work();
    }
    armed.left--;
    if (armed.left > 0) {
      return work();
    }
    this.#armed = null;
    if (armed.moment === "after") {
      work();
    }
    this.#faults.add(`crash-${armed.moment}-${effect}`);
    this.#crash();
    throw new ProcessEnded(`at a boundary: ${armed.moment} ${effect}`);
  }
}
