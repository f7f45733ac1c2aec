/**
 * The tokens that this member knows. ETCD: they come with the log, so that every member knows each of them, live in memory
 * only, and end when nobody has shown them to this member for a while. A token that the log will bring soon is waited for.
 */
import { assert } from "@quorate/base";

/** ETCD: how often old tokens are looked for. */
const sweepMs = 1000;
/** Those that wait for their token at once. */
const waitersMax = 1000;

interface Known {
  readonly user: string;
  expiresMs: number;
}

interface Waiter {
  readonly token: string;
  readonly deadlineMs: number;
  readonly done: (user: string | null) => void;
}

/** What the tokens need to know of the member. */
interface TokenClock {
  readonly nowMs: number;
  readonly appliedIndex: number;
}

/** See the head of this file. */
export class AuthTokens {
  readonly #clock: TokenClock;
  readonly #ttlMs: number;
  readonly #waitMs: number;
  /** The one that was used longest ago comes first. */
  readonly #tokens: Map<string, Known> = new Map();
  #waiters: Waiter[] = [];
  #sweptMs = 0;

  constructor(clock: TokenClock, ttlMs: number, waitMs: number) {
    assert(ttlMs > 0 && waitMs > 0, "auth tokens: no time");
    this.#clock = clock;
    this.#ttlMs = ttlMs;
    this.#waitMs = waitMs;
  }

  /** How many are known. */
  get count(): number {
    return this.#tokens.size;
  }

  /** A token was given out, by whichever member. */
  issued(token: string, user: string): void {
    assert(!this.#tokens.has(token), "auth tokens: given out twice");
    this.#tokens.set(token, { user, expiresMs: this.#clock.nowMs + this.#ttlMs });
    this.#settle((waiter) => waiter.token === token);
  }

  /** Somebody's tokens end; null: everybody's. */
  revoked(user: string | null): void {
    for (const [token, known] of this.#tokens) {
      if (user === null || known.user === user) {
        this.#tokens.delete(token);
      }
    }
  }

  /** Calls back once with whose token it is, and lets it live on; with null when it is nobody's. */
  find(token: string, done: (user: string | null) => void): void {
    const user = this.#use(token);
    const index = user === null ? indexOf(token) : null;
    // ETCD: the client may have got it from a member that is ahead of this one.
    if (index === null || index <= this.#clock.appliedIndex || this.#waiters.length >= waitersMax) {
      done(user);
    } else {
      this.#waiters.push({ token, deadlineMs: this.#clock.nowMs + this.#waitMs, done });
    }
  }

  /** Ends what is old, and what has waited for too long or for nothing. */
  tick(): void {
    const { appliedIndex, nowMs } = this.#clock;
    this.#settle(({ deadlineMs, token }) => nowMs >= deadlineMs || (indexOf(token) ?? 0) <= appliedIndex);
    if (nowMs < this.#sweptMs + sweepMs) {
      return;
    }
    this.#sweptMs = nowMs;
    for (const [token, { expiresMs }] of this.#tokens) {
      if (expiresMs > nowMs) {
        return;
      }
      this.#tokens.delete(token);
    }
  }

  /** Ends all waiting. */
  stop(): void {
    this.#settle(() => true);
    assert(this.#waiters.length === 0, "auth tokens: one waits after the stop");
  }

  #use(token: string): string | null {
    const known = this.#tokens.get(token);
    if (known === undefined || known.expiresMs <= this.#clock.nowMs) {
      return null;
    }
    known.expiresMs = this.#clock.nowMs + this.#ttlMs;
    this.#tokens.delete(token);
    this.#tokens.set(token, known);
    return known.user;
  }

  #settle(isOver: (waiter: Waiter) => boolean): void {
    if (this.#waiters.length === 0) {
      return;
    }
    const over = this.#waiters.filter(isOver);
    this.#waiters = this.#waiters.filter((waiter) => !over.includes(waiter));
    for (const { done, token } of over) {
      done(this.#use(token));
    }
  }
}

/** The log index that a token names; null for what has not the form of one. */
function indexOf(token: string): number | null {
  const match = /^[A-Za-z]{1,64}\.(\d{1,15})$/.exec(token);
  return match === null ? null : Number(match[1]);
}
