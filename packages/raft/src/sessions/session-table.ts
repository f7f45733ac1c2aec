/**
 * The sessions of all clients, as every member has them at the same index. RAFT §6.3. Part of the replicated state: what is
 * kept, dropped and expired follows from the log alone. It applies nothing itself.
 */
import { assert } from "@quorate/base";
import { answerOverheadBytes, type SessionLimits, sessionLimitsDefault } from "./limits.ts";
import type { SessionId } from "./session-command.ts";

/** A saved answer; null when it was too large to be kept, or could not be. */
export type SavedAnswer = Uint8Array | null;

/** One session. */
export interface Session {
  readonly id: SessionId;
  /** Sequences below have been answered, and the client knows. */
  lowestPending: number;
  /** By sequence, at or above {@link lowestPending}. */
  readonly answers: Map<number, SavedAnswer>;
  bytes: number;
  /** When the table was last pinned: an older session belongs to a pin too, and is copied before it changes. */
  readonly pinEpoch: number;
}

/** What is known of one command. */
type SessionLookup =
  | { readonly kind: "new" }
  | { readonly kind: "answered"; readonly answer: SavedAnswer }
  | { readonly kind: "refused"; readonly reason: SessionRefusal };

/** Why a command of a session is not applied. */
export type SessionRefusal =
  /** No such session: it was expired or closed, or never was. */
  | "expired"
  /** The client has said that it has the answer: a late copy. */
  | "acknowledged"
  /** The session keeps as many answers as it may. */
  | "window-full";

/** A state of the table that later changes leave as it is. */
export interface SessionPin {
  readonly limits: SessionLimits;
  /** Least recently used first. */
  readonly sessions: readonly Session[];
}

/** All sessions, in order of their last use. */
export class SessionTable {
  /** ORDER: insertion is last use; the ids are never ordered by value. */
  readonly #sessions: Map<SessionId, Session> = new Map();
  #limits: SessionLimits = sessionLimitsDefault;
  #bytes = 0;
  #pinEpoch = 0;

  /** Sessions that are open. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Bytes of all saved answers, with what each costs. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The limits in force: those of the latest registration. */
  get limits(): SessionLimits {
    return this.#limits;
  }

  /** Begins a session; returns those that are expired for it. */
  register(id: SessionId, limits: SessionLimits): readonly SessionId[] {
    assert(!this.#sessions.has(id), "sessions: registered twice at one index");
    this.#limits = limits;
    this.#sessions.set(id, { id, lowestPending: 1, answers: new Map(), bytes: 0, pinEpoch: this.#pinEpoch });
    return this.#expire(id);
  }

  /** What is known of `sequence`; the session counts as used. */
  use(id: SessionId, sequence: number, lowestPending: number): SessionLookup {
    const session = this.touch(id, lowestPending);
    if (session === null) {
      // RAFT §6.3 [session-unknown]: a command without a record of its session is not processed.
      return { kind: "refused", reason: "expired" };
    }
    if (sequence < session.lowestPending) {
      return { kind: "refused", reason: "acknowledged" };
    }
    const answer = session.answers.get(sequence);
    if (answer !== undefined) {
      return { kind: "answered", answer };
    }
    const { answerCountMax, sessionBytesMax } = this.#limits;
    const full = session.answers.size >= answerCountMax || session.bytes >= sessionBytesMax;
    // The lowest that waits is always taken: until it is answered the client cannot acknowledge those above it.
    return full && sequence !== session.lowestPending
      ? { kind: "refused", reason: "window-full" }
      : { kind: "new" };
  }

  /** Makes the session the most recently used, drops answers that its client has; null when there is no such session. */
  touch(id: SessionId, lowestPending: number): Session | null {
    const session = this.#writable(id);
    if (session === null) {
      return null;
    }
    this.#sessions.delete(id);
    this.#sessions.set(id, session);
    // RAFT §6.3 [session-lowest]: answers below are of no more use. A copy that comes late names an older lowest: it never goes back.
    if (lowestPending > session.lowestPending) {
      session.lowestPending = lowestPending;
      for (const [sequence, answer] of session.answers) {
        if (sequence < lowestPending) {
          session.answers.delete(sequence);
          this.#account(session, -costOf(answer));
        }
      }
    }
    return session;
  }

  /** Keeps the answer of a command that {@link use} called new; returns the sessions that are expired for it. */
  save(id: SessionId, sequence: number, answer: SavedAnswer): readonly SessionId[] {
    const session = this.#writable(id);
    assert(session !== null, "sessions: answer of no session");
    assert(!session.answers.has(sequence), "sessions: one command answered twice");
    assert(sequence >= session.lowestPending, "sessions: answer of an acknowledged command");
    const isKept = answer !== null && answer.length <= this.#limits.answerBytesMax;
    const kept = isKept ? answer : null;
    session.answers.set(sequence, kept);
    this.#account(session, costOf(kept));
    return this.#expire(id);
  }

  /** Ends a session; whether there was one. */
  close(id: SessionId): boolean {
    const session = this.#sessions.get(id);
    if (session === undefined) {
      return false;
    }
    this.#sessions.delete(id);
    this.#bytes -= session.bytes;
    assert(this.#bytes >= 0, "sessions: fewer bytes than none");
    return true;
  }

  /** Pins the present state. PERF: one array of references; a session is copied only when it next changes. */
  pin(): SessionPin {
    this.#pinEpoch++;
    return { limits: this.#limits, sessions: [...this.#sessions.values()] };
  }

  /** Replaces everything. */
  replace(pin: SessionPin): void {
    this.#sessions.clear();
    this.#bytes = 0;
    this.#limits = pin.limits;
    for (const { answers, id, lowestPending } of pin.sessions) {
      assert(!this.#sessions.has(id), "sessions: one id twice");
      const session = { id, lowestPending, answers: new Map(answers), bytes: 0, pinEpoch: this.#pinEpoch };
      for (const answer of answers.values()) {
        this.#account(session, costOf(answer));
      }
      this.#sessions.set(id, session);
    }
  }

  #account(session: Session, bytes: number): void {
    session.bytes += bytes;
    this.#bytes += bytes;
    assert(session.bytes >= 0 && this.#bytes >= session.bytes, "sessions: bytes out of step");
  }

  /** RAFT §6.3 [session-expiry]: the same decision on every member, here by least recent use in the log. `id` itself stays. */
  #expire(id: SessionId): readonly SessionId[] {
    const { sessionCountMax, tableBytesMax } = this.#limits;
    const expired: SessionId[] = [];
    for (const oldest of this.#sessions.keys()) {
      if (this.#sessions.size <= sessionCountMax && this.#bytes <= tableBytesMax) {
        break;
      }
      if (oldest !== id) {
        this.close(oldest);
        expired.push(oldest);
      }
    }
    assert(this.#sessions.has(id), "sessions: expired for itself");
    return expired;
  }

  #writable(id: SessionId): Session | null {
    const session = this.#sessions.get(id);
    if (session === undefined || session.pinEpoch === this.#pinEpoch) {
      return session ?? null;
    }
    const copy: Session = { ...session, answers: new Map(session.answers), pinEpoch: this.#pinEpoch };
    this.#sessions.set(id, copy);
    return copy;
  }
}

function costOf(answer: SavedAnswer): number {
  return answerOverheadBytes + (answer?.length ?? 0);
}
