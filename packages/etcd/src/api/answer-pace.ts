/**
 * How many bytes of answers are written between two other pieces of work. One barrier can open the way for thousands of ranges at once;
 * answered in one go, they would hold up heartbeats until another member is elected.
 */
import { assert, RingBuffer } from "@quorate/base";
import type { DeferPort } from "../ports.ts";

/** PERF: encoding and framing of a mebibyte takes 1 to 2 ms. */
const bytesPerSliceMax = 1024 * 1024;

/** Answers in the order in which they were due. What waits is bounded by what the transport lets in. */
export class AnswerPace {
  readonly #defer: DeferPort;
  readonly #waiting = new RingBuffer<() => void>();
  #bytesLeft = bytesPerSliceMax;

  constructor(defer: DeferPort) {
    this.#defer = defer;
  }

  /** Whether this slice is used up: then an answer waits its turn by {@link later}. */
  get isDue(): boolean {
    return this.#bytesLeft <= 0;
  }

  /** So many bytes were written. */
  wrote(bytes: number): void {
    const wasDue = this.isDue;
    this.#bytesLeft -= bytes;
    if (!wasDue && this.isDue) {
      this.#defer.defer(() => this.#nextSlice());
    }
  }

  /** Answers in a later slice. */
  later(answer: () => void): void {
    assert(this.isDue, "answer pace: nothing to wait for");
    this.#waiting.push(answer);
  }

  #nextSlice(): void {
    this.#bytesLeft = bytesPerSliceMax;
    while (!this.isDue) {
      const answer = this.#waiting.shift();
      if (answer === undefined) {
        return;
      }
      answer();
    }
  }
}
