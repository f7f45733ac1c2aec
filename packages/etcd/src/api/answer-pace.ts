/**
 * How many bytes of answers are written between two other pieces of work. One barrier can open the way for thousands of ranges at once;
 * answered in one go, they would hold up heartbeats until another member is elected. What has to wait takes turns by connection, so
 * that whoever asks for thousands of them does not stand in the way of whoever asks for one.
 */
import { assert, RingBuffer } from "@quorate/base";
import type { ApiCall, DeferPort } from "../ports.ts";

/** PERF: encoding and framing of a mebibyte takes 1 to 2 ms. */
const bytesPerSliceMax = 1024 * 1024;

/** Answers of each connection in the order in which they were due. What waits is bounded by what the transport lets in. */
export class AnswerPace {
  readonly #defer: DeferPort;
  /** By connection; the first is next. None is empty. */
  readonly #waiting = new Map<string, RingBuffer<() => void>>();
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
  later(call: Pick<ApiCall, "peer">, answer: () => void): void {
    assert(this.isDue, "answer pace: nothing to wait for");
    const peer = call.peer ?? "";
    const queue = this.#waiting.get(peer) ?? new RingBuffer<() => void>();
    queue.push(answer);
    this.#waiting.set(peer, queue);
  }

  #nextSlice(): void {
    this.#bytesLeft = bytesPerSliceMax;
    while (!this.isDue) {
      const [next] = this.#waiting;
      if (next === undefined) {
        return;
      }
      const [peer, queue] = next;
      const answer = queue.shift();
      assert(answer !== undefined, "answer pace: a connection without an answer waits");
      this.#waiting.delete(peer);
      if (queue.length > 0) {
        this.#waiting.set(peer, queue);
      }
      answer();
    }
  }
}
