/** A scheduler that runs when told: one call of `runTurn` is one turn of an event loop. */
import { assert, RingBuffer } from "@quorate/base";
import type { Scheduler } from "../host/ports.ts";

/** Runs deferred work turn by turn. */
export class TurnScheduler implements Scheduler {
  readonly #work: RingBuffer<() => void> = new RingBuffer();

  /** Work that waits. */
  get length(): number {
    return this.#work.length;
  }

  defer(work: () => void): void {
    this.#work.push(work);
  }

  /** Runs what was deferred before this call, not what it defers itself; returns how much that was. */
  runTurn(): number {
    const count = this.#work.length;
    for (let rest = count; rest > 0; rest--) {
      this.#work.shift()?.();
    }
    return count;
  }

  /** Runs until nothing is deferred. @throws InvariantViolation when that is not so after `turnsMax` turns. */
  runAll(turnsMax = 100_000): void {
    for (let turn = 0; this.runTurn() > 0; turn++) {
      assert(turn < turnsMax, "scheduler: the work never ends");
    }
  }
}
