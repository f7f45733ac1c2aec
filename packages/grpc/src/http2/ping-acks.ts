/**
 * Acknowledgements of pings, RFC 9113 §6.7. While calls are under way they leave together with an answer, and not with each: a
 * while after those that left last.
 *
 * PERF: gRPC clients measure the line: Go's sends a ping, and a window with it, behind each answer that comes after the last ping's
 * acknowledgement. Acknowledged for itself, each costs a write here, and a wake-up and a read there; acknowledged with each answer, one
 * comes for each again. With a rest between them one client has 1.02 to 1.06 times the rate, 1,000 clients 1.03 times, CPU of the leader 0.95
 * to 0.97 (`npm run bench -- etcd-benchmark`). §6.7 wants acknowledgements before anything else: a ping that comes alone
 * has its own with the next answer, and none waits longer than 140 ms, which no keep-alive notices.
 */
import { assert } from "@quorate/base";
import type { Deadlines, Expiring } from "../deadlines.ts";
import type { Outbox } from "./outbox.ts";
import { flag, frameType, pingBytes } from "./protocol.ts";

/** After acknowledgements that left with an answer, the next ones leave this much later with one. */
const restMs = 50;
/** So long they wait for an answer to leave with. */
const answerWaitMs = 50;
/** With more they leave at once. */
const heldCountMax = 16;

/** Those of one connection. */
export class PingAcks implements Expiring {
  readonly #deadlines: Deadlines;
  readonly #outbox: Outbox;
  readonly #send: () => void;
  /** What the pings carried that are not acknowledged yet, one after the other. */
  readonly #held = new Uint8Array(heldCountMax * pingBytes);
  #heldBytes = 0;
  #resting = false;
  /** Whether {@link expire} will be called. */
  #timed = false;

  /** `send` sees to it that the outbox is written. */
  constructor(deadlines: Deadlines, outbox: Outbox, send: () => void) {
    this.#deadlines = deadlines;
    this.#outbox = outbox;
    this.#send = send;
  }

  /** A ping came with this in it. */
  take(opaque: Uint8Array): void {
    assert(opaque.length === pingBytes, "pings: of another length");
    this.#held.set(opaque, this.#heldBytes);
    this.#heldBytes += pingBytes;
    if (this.#heldBytes === this.#held.length) {
      this.#release();
      this.#send();
    }
  }

  /** What came together with the pings is read; `answerDue` when calls are under way. */
  readEnded(answerDue: boolean): void {
    if (this.#heldBytes === 0) {
      return;
    }
    if (!answerDue) {
      this.#release();
      this.#send();
    } else if (!this.#timed) {
      this.#wait(answerWaitMs);
    }
  }

  /** The outbox is about to be written: what may leave now joins what is in it. */
  join(): void {
    if (this.#heldBytes === 0 || this.#resting) {
      return;
    }
    this.#release();
    this.#resting = true;
    if (!this.#timed) {
      this.#wait(restMs);
    }
  }

  expire(): void {
    this.#timed = false;
    if (this.#resting) {
      this.#resting = false;
      if (this.#heldBytes > 0) {
        this.#wait(answerWaitMs);
      }
    } else if (this.#heldBytes > 0) {
      this.#release();
      this.#send();
    }
  }

  /** Nothing may follow the connection's last words: what is not acknowledged yet never will be. */
  stop(): void {
    this.#heldBytes = 0;
  }

  #wait(ms: number): void {
    this.#timed = true;
    this.#deadlines.add(this, ms);
  }

  #release(): void {
    for (let at = 0; at < this.#heldBytes; at += pingBytes) {
      this.#outbox.addFrame(frameType.ping, flag.ack, 0, this.#held.subarray(at, at + pingBytes));
    }
    this.#heldBytes = 0;
  }
}
