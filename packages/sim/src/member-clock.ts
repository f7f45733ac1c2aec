/**
 * A member's monotonic clock and the beat of its ticks, as the real ticker keeps it: a stall is one late tick, never a burst, and
 * the beat starts anew behind it. The clock may run fast or slow and leap ahead; it never goes back, and it goes on while the
 * process stands still.
 */
import { assert } from "@quorate/base";
import type { Incarnation } from "./incarnation.ts";
import type { World } from "./world.ts";

/** Outlives its member's processes. */
export class MemberClock {
  readonly #world: World;
  readonly #tickMs: number;
  /** World milliseconds in one of this clock's while nobody changes its speed. */
  readonly #rate: number;
  #speed = 1;
  #aheadMs = 0;
  #beat: Beat | null = null;

  constructor(world: World, tickMs: number, rate: number) {
    assert(rate > 0.5 && rate < 2, "clock: rate out of range");
    this.#world = world;
    this.#tickMs = tickMs;
    this.#rate = rate;
  }

  /** Milliseconds by this clock, as a lease is measured; `setSpeed` changes ticks alone. */
  nowMs(): number {
    return this.#world.nowMs / this.#rate + this.#aheadMs;
  }

  /** Lets the ticks come so many times as fast as at first. */
  setSpeed(speed: number): void {
    this.#speed = speed;
  }

  /** It is so much later at once: what waits for a time that is past is due now. */
  leap(ms: number): void {
    assert(ms > 0, "clock: a monotonic clock goes forward");
    this.#aheadMs += ms;
    const beat = this.#beat;
    if (beat !== null) {
      beat.dueMs -= ms * this.#rate;
      this.#arm(beat);
    }
  }

  /** Calls `tick` inside `process` until that is over or another process is given the clock. */
  start(process: Incarnation, tick: (count: number) => void): void {
    this.#beat = { process, tick, dueMs: this.#world.nowMs + this.#intervalMs, count: 0, armed: 0 };
    this.#arm(this.#beat);
  }

  /** No more ticks. */
  stop(): void {
    this.#beat = null;
  }

  get #intervalMs(): number {
    return (this.#tickMs * this.#rate) / this.#speed;
  }

  #arm(beat: Beat): void {
    beat.armed++;
    const armed = beat.armed;
    const delayMs = Math.max(0, Math.round(beat.dueMs) - this.#world.nowMs);
    this.#world.schedule(delayMs, () => {
      if (this.#beat === beat && beat.armed === armed) {
        // A paused process finds the one tick when it goes on.
        beat.process.fire(() => this.#fire(beat));
      }
    });
  }

  #fire(beat: Beat): void {
    if (this.#beat !== beat) {
      return;
    }
    const { nowMs } = this.#world;
    const isLate = nowMs - beat.dueMs >= this.#intervalMs;
    beat.dueMs = (isLate ? nowMs : beat.dueMs) + this.#intervalMs;
    beat.count++;
    this.#arm(beat);
    beat.tick(beat.count);
  }
}

interface Beat {
  readonly process: Incarnation;
  readonly tick: (count: number) => void;
  /** When the next tick is due, in world milliseconds and fractions. */
  dueMs: number;
  count: number;
  /** How often a timer was set; older ones are void. */
  armed: number;
}
