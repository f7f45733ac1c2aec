/**
 * The tokens that this member knows. ETCD: they come with the log, so that every member knows each of them, live in memory
 * only, and end when nobody has shown them to this member for a while.
 */
import { assert } from "@quorate/base";

/** ETCD: how often old tokens are looked for. */
const sweepMs = 1000;

interface Known {
  readonly user: string;
  expiresMs: number;
}

/** See the head of this file. */
export class AuthTokens {
  readonly #clock: { readonly nowMs: number };
  readonly #ttlMs: number;
  /** The one that was used longest ago comes first. */
  readonly #tokens: Map<string, Known> = new Map();
  #sweptMs = 0;

  constructor(clock: { readonly nowMs: number }, ttlMs: number) {
    assert(ttlMs > 0, "auth tokens: no time");
    this.#clock = clock;
    this.#ttlMs = ttlMs;
  }

  /** How many are known. */
  get count(): number {
    return this.#tokens.size;
  }

  /** A token was given out, by whichever member. */
  issued(token: string, user: string): void {
    assert(!this.#tokens.has(token), "auth tokens: given out twice");
    this.#tokens.set(token, { user, expiresMs: this.#clock.nowMs + this.#ttlMs });
  }

  /** Somebody's tokens end; null: everybody's. */
  revoked(user: string | null): void {
    for (const [token, known] of this.#tokens) {
      if (user === null || known.user === user) {
        this.#tokens.delete(token);
      }
    }
  }

  /** Whose token it is, and lets it live on; null when it is nobody's, or that of a member that is ahead of this one. */
  use(token: string): string | null {
    const known = this.#tokens.get(token);
    if (known === undefined || known.expiresMs <= this.#clock.nowMs) {
      return null;
    }
    known.expiresMs = this.#clock.nowMs + this.#ttlMs;
    this.#tokens.delete(token);
    this.#tokens.set(token, known);
    return known.user;
  }

  /** Ends what is old. */
  tick(): void {
    const { nowMs } = this.#clock;
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
}
