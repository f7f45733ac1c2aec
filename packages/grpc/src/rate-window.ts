/** Counts events per second, to tell a flood from use. */
import { assert } from "@quorate/base";

const windowMs = 1000;

/** Allows at most `perSecondMax` events in each window of one second. */
export class RateWindow {
  readonly #perSecondMax: number;
  #windowStartMs = Number.NEGATIVE_INFINITY;
  #events = 0;

  constructor(perSecondMax: number) {
    assert(perSecondMax > 0, "rate window: allows nothing");
    this.#perSecondMax = perSecondMax;
  }

  /** Counts one event at `nowMs`; false when it is one too many. */
  count(nowMs: number): boolean {
    if (nowMs - this.#windowStartMs >= windowMs) {
      this.#windowStartMs = nowMs;
      this.#events = 0;
    }
    this.#events++;
    return this.#events <= this.#perSecondMax;
  }
}
