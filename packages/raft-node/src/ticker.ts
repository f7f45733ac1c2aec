/**
 * Ticks from the monotonic clock. A stall of the event loop is one late tick, never a burst: ticks that were missed say that
 * this process slept, not that its peers were silent, and replayed they would call elections against live leaders. For the same
 * reason what arrived during the stall is taken in first: the timer fires before the sockets are read, so the tick itself is put
 * behind one turn of the event loop.
 */

/** What a {@link Ticker} measured at a tick. */
export interface TickInfo {
  /** Milliseconds since the tick before, by the monotonic clock. */
  readonly gapMs: number;
}

/**
 * Calls `tick` about every `intervalMs` until stopped.
 *
 * @example
 * ```ts
 * import { Ticker } from "@quorate/raft-node";
 * const ticker = new Ticker(100, ({ gapMs }) => gapMs);
 * ticker.stop();
 * ```
 */
export class Ticker {
  readonly #intervalMs: number;
  readonly #tick: (info: TickInfo) => void;
  #timer: NodeJS.Timeout | null;
  #turn: NodeJS.Immediate | null = null;
  #dueMs: number;
  #lastMs: number;

  constructor(intervalMs: number, tick: (info: TickInfo) => void) {
    this.#intervalMs = intervalMs;
    this.#tick = tick;
    this.#lastMs = performance.now();
    this.#dueMs = this.#lastMs + intervalMs;
    this.#timer = this.#arm();
  }

  /** Ends the ticks; safe to call more than once. */
  stop(): void {
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
      this.#timer = null;
    }
    if (this.#turn !== null) {
      clearImmediate(this.#turn);
      this.#turn = null;
    }
  }

  #arm(): NodeJS.Timeout {
    return setTimeout(() => this.#fire(), Math.max(0, this.#dueMs - performance.now()));
  }

  #fire(): void {
    // Timers run before the poll phase; the second immediate runs after it, when waiting input was read.
    this.#turn = setImmediate(() => {
      this.#turn = setImmediate(() => {
        this.#turn = null;
        const nowMs = performance.now();
        const gapMs = nowMs - this.#lastMs;
        this.#lastMs = nowMs;
        // Keeps the beat while on time; after a stall the beat starts anew from now.
        const late = nowMs - this.#dueMs >= this.#intervalMs;
        this.#dueMs = (late ? nowMs : this.#dueMs) + this.#intervalMs;
        this.#timer = this.#arm();
        this.#tick({ gapMs });
      });
    });
  }
}
