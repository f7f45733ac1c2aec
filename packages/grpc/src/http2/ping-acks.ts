/**
 * Acknowledgements of pings, RFC 9113 §6.7, which leave together with the next answer where one is due.
 *
 * PERF: gRPC clients measure the line: Go's sends a ping with whatever it says after each answer. Acknowledged for itself, each costs a
 * write here, and a wake-up and a read there: of the writes to a hundred connections with ten calls each, a fifth (`npm run bench --
 * etcd-benchmark`). §6.7 wants acknowledgements before anything else, which they are within their write; they wait for it 20 ms at most, which
 * no keep-alive notices.
 */
import type { Deadlines, Expiring } from "../deadlines.ts";

/** Those of one connection. They wait in its outbox. */
export class PingAcks implements Expiring {
  readonly #deadlines: Deadlines;
  readonly #send: () => void;
  #waits = false;
  /** Whether {@link expire} will be called: once for all that wait meanwhile. */
  #timed = false;

  /** `send` sees to it that the outbox is written. */
  constructor(deadlines: Deadlines, send: () => void) {
    this.#deadlines = deadlines;
    this.#send = send;
  }

  /** One is in the outbox. */
  added(): void {
    this.#waits = true;
  }

  /** What came together with the pings is read; `answerDue` when calls are under way. */
  readEnded(answerDue: boolean): void {
    if (!this.#waits) {
      return;
    }
    if (!answerDue) {
      this.#send();
    } else if (!this.#timed) {
      this.#timed = true;
      this.#deadlines.add(this, 0);
    }
  }

  /** The outbox was written. */
  left(): void {
    this.#waits = false;
  }

  expire(): void {
    this.#timed = false;
    if (this.#waits) {
      this.#send();
    }
  }
}
