/**
 * Answers questions about the time of leases, wherever they were asked: on the leader from its lessor, after making sure
 * that it still leads; on other members by asking the leader, again and again until the request's time is over, as etcd does.
 */
import { DecodeError } from "@quorate/base";
import type { KvErrorCode } from "@quorate/kv";
import type { ApiContext } from "../api/context.ts";
import { type Pending, PendingCallbacks } from "../api/pending.ts";
import {
  decodeAnswer,
  decodeQuestion,
  encodeAnswer,
  encodeQuestion,
  type LeaseAnswer,
  type LeaseQuestion,
} from "./leader-questions.ts";
import { Lessor } from "./lessor.ts";

/** An answer that a client can be given, or why there is none. */
export type DeskAnswer = Exclude<LeaseAnswer, { readonly status: "failed" }> | KvErrorCode;

interface Asked {
  readonly question: LeaseQuestion;
  readonly pending: Pending;
  readonly done: (answer: DeskAnswer) => void;
}

const failed: LeaseAnswer = { status: "failed" };

/** See the head of this file. */
export class LeaseDesk {
  readonly lessor: Lessor;
  readonly #context: ApiContext;
  /** Questions that wait for the next tick to be asked again. */
  #again: Asked[] = [];

  constructor(context: ApiContext) {
    this.#context = context;
    const { limits, store } = context.options;
    const propose = context.propose.bind(context);
    this.lessor = new Lessor(store, propose, limits.leaseCheckpoint);
  }

  tick(nowMs: number): void {
    this.lessor.tick(nowMs, this.#leaderTerm());
    this.leaderMayHaveChanged();
  }

  /** Asks again what had no answer. */
  leaderMayHaveChanged(): void {
    const again = this.#again;
    this.#again = [];
    for (const asked of again) {
      this.#attempt(asked);
    }
  }

  /** Asks, and calls back once: with the answer, or when the time of a request is over. */
  ask(question: LeaseQuestion, done: (answer: DeskAnswer) => void): void {
    const { pending: list, nowMs, options } = this.#context;
    const timedOut = (): void =>
      done(options.replication.status().leader === 0 ? "KV_NO_LEADER" : "KV_TIMEOUT");
    const deadlineMs = nowMs + options.limits.requestTimeoutMs;
    const pending = new PendingCallbacks(nowMs, deadlineMs, timedOut, () => done("KV_STOPPED"));
    list.add(pending);
    this.#attempt({ question, pending, done });
  }

  /** Answers another member's question; `done` gets the answer's bytes. */
  answer(bytes: Uint8Array, done: (answer: Uint8Array) => void): void {
    let question: LeaseQuestion;
    try {
      question = decodeQuestion(bytes);
    } catch (error) {
      if (!(error instanceof DecodeError)) {
        throw error;
      }
      done(encodeAnswer(failed));
      return;
    }
    this.#answerHere(question, (answer) => done(encodeAnswer(answer)));
  }

  #leaderTerm(): number {
    const { leader, memberId, term } = this.#context.options.replication.status();
    return leader === memberId ? term : 0;
  }

  #attempt(asked: Asked): void {
    if (asked.pending.settled) {
      return;
    }
    const { leaderPort, replication } = this.#context.options;
    const term = this.#leaderTerm();
    if (term !== 0) {
      this.#attemptHere(asked, term);
    } else if (leaderPort === undefined || replication.status().leader === 0) {
      this.#settle(asked, failed);
    } else {
      leaderPort.askLeader(encodeQuestion(asked.question), (bytes) =>
        this.#settle(asked, decodeOrFailed(bytes)),
      );
    }
  }

  /** PERF: the barrier's time is that of the question, so it needs no wait of its own. */
  #attemptHere(asked: Asked, term: number): void {
    let told = false;
    const handle = this.#context.options.replication.readBarrier((outcome) => {
      told = true;
      asked.pending.handle = null;
      if (!asked.pending.settled) {
        this.#decide(asked.question, term, outcome.kind === "ready", (answer) => this.#settle(asked, answer));
      }
    });
    if (!told) {
      asked.pending.handle = handle;
    }
  }

  #settle(asked: Asked, answer: LeaseAnswer): void {
    if (asked.pending.settled) {
      return;
    }
    if (answer.status === "failed") {
      this.#again.push(asked);
    } else if (this.#context.pending.settle(asked.pending)) {
      asked.done(answer);
    }
  }

  /** Answers from this member's lessor, if it leads. */
  #answerHere(question: LeaseQuestion, done: (answer: LeaseAnswer) => void): void {
    const term = this.#leaderTerm();
    if (term === 0) {
      done(failed);
      return;
    }
    this.#context.barrier((refused) => this.#decide(question, term, refused === null, done));
  }

  /**
   * Answers a question that came in `term`, if this member still leads after a round with a majority. RAFT §6.4: what was applied
   * before is then applied here too, so a lease that was revoked anywhere is not found.
   */
  #decide(
    question: LeaseQuestion,
    term: number,
    isReady: boolean,
    done: (answer: LeaseAnswer) => void,
  ): void {
    if (!isReady || this.#leaderTerm() !== term || !this.lessor.leads(term)) {
      done(failed);
    } else if (question.kind === "renew") {
      this.#renew(question.id, done);
    } else {
      done(this.#timeToLive(question));
    }
  }

  #renew(id: bigint, done: (answer: LeaseAnswer) => void): void {
    this.lessor.renew(id, this.#context.nowMs, (renewal) => {
      if (renewal.kind === "renewed") {
        const { ttlSeconds } = renewal;
        done({ status: "found", ttlSeconds, grantedTtlSeconds: ttlSeconds, keys: [] });
      } else {
        done({ status: renewal.kind === "gone" ? "gone" : "failed" });
      }
    });
  }

  #timeToLive(question: LeaseQuestion): LeaseAnswer {
    const { store } = this.#context.options;
    const lease = store.lease(question.id);
    const leftMs = this.lessor.remainingMs(question.id, this.#context.nowMs);
    if (lease === null || leftMs === null) {
      return { status: "gone" };
    }
    const keys = question.withKeys ? store.leaseKeys(question.id) : [];
    const ttlSeconds = Math.floor(leftMs / 1000);
    return { status: "found", ttlSeconds, grantedTtlSeconds: lease.ttlSeconds, keys };
  }
}

function decodeOrFailed(bytes: Uint8Array | null): LeaseAnswer {
  if (bytes === null) {
    return failed;
  }
  try {
    return decodeAnswer(bytes);
  } catch (error) {
    if (error instanceof DecodeError) {
      return failed;
    }
    throw error;
  }
}
