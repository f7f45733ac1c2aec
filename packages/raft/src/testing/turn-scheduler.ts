/** A scheduler that runs when told: one call of `runTurn` is one turn of an event loop, and `advance` is time. */
import { assert, RingBuffer } from "@quorate/base";
import type { Scheduler } from "../host/ports.ts";

interface Timer {
  readonly dueMs: number;
  readonly work: () => void;
}

/** Runs deferred work turn by turn. */
export class TurnScheduler implements Scheduler {
  readonly #work: RingBuffer<() => void> = new RingBuffer();
  #timers: Timer[] = [];
  #nowMs = 0;

  /** Work that waits for the next turn. */
  get length(): number {
    return this.#work.length;
  }

  defer(work: () => void): void {
    this.#work.push(work);
  }

  after(delayMs: number, work: () => void): void {
    assert(delayMs >= 0, "scheduler: a delay into the past");
    this.#timers.push({ dueMs: this.#nowMs + delayMs, work });
  }

  /** Lets time pass, one millisecond at a time, and after each runs what is due and all that follows from it. */
  advance(ms: number): void {
    assert(Number.isSafeInteger(ms) && ms >= 0, "scheduler: not a number of milliseconds");
    for (let rest = ms; rest > 0; rest--) {
      this.#nowMs++;
      const due = this.#timers.filter(({ dueMs }) => dueMs <= this.#nowMs);
      this.#timers = this.#timers.filter(({ dueMs }) => dueMs > this.#nowMs);
      for (const { work } of due) {
        work();
      }
      this.runAll();
    }
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
