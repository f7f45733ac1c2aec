/**
 * The client's side of a session, without Promise or clock: numbers the commands, names the lowest that waits, and sends a
 * command again, under its number, until its outcome is known. RAFT §6.3. It decides nothing about time: its port does.
 */
import { assert } from "@quorate/base";
import type { ProposalOutcome, RefusalReason, UnknownReason, Waiting } from "../host/outcome.ts";
import type { SessionLimits } from "./limits.ts";
import { encodeSessionCommand, type SessionCommand, type SessionId } from "./session-command.ts";
import type { SessionOutcome } from "./with-sessions.ts";

/** What a client works with. */
export interface SessionClientPort<Result> {
  /** Proposes to any member whose state machine keeps sessions. */
  propose(command: Uint8Array, done: (outcome: ProposalOutcome<SessionOutcome<Result>>) => void): Waiting;
  /** Calls `work` after a pause that grows with `attempt`, which counts from 1. */
  retryLater(attempt: number, work: () => void): void;
}

/** How a command of a session ended. */
export type SessionProposalOutcome<Result> =
  | { readonly kind: "applied"; readonly result: Result }
  /** Applied once, earlier; its answer was too large to be saved, or could not be. */
  | { readonly kind: "answer-lost" }
  /** Never applied, and never will be. */
  | { readonly kind: "refused"; readonly reason: RefusalReason | "expired" | "closed" | "abandoned" }
  /** Applied once or never: given up, or the session expired, while an attempt was under way. */
  | { readonly kind: "unknown"; readonly reason: UnknownReason | "expired" };

interface Pending<Result> {
  /** 0 until it starts: a command that is given up before leaves no gap. */
  sequence: number;
  readonly command: Uint8Array;
  done: ((outcome: SessionProposalOutcome<Result>) => void) | null;
  attempts: number;
  /** How an earlier attempt was lost: the command may have been applied. */
  lost: UnknownReason | null;
  waiting: Waiting | null;
}

/**
 * One session, open. Commands start in the order of the calls, `windowCount` at a time; only with a window of 1 are they also
 * applied in that order, whatever is lost on the way.
 */
export class SessionClient<Result> {
  readonly id: SessionId;
  readonly #port: SessionClientPort<Result>;
  readonly #windowCount: number;
  /** Under way, by ascending sequence. ORDER: insertion. */
  readonly #pending: Map<number, Pending<Result>> = new Map();
  /** Wait for a place in the window. */
  readonly #queued: Set<Pending<Result>> = new Set();
  /** Under way, but waiting for the next attempt. */
  readonly #retrying: Set<Pending<Result>> = new Set();
  #whenIdle: (() => void) | null = null;
  #lastSequence = 0;
  #ended: "expired" | "closed" | null = null;

  constructor(id: SessionId, port: SessionClientPort<Result>, windowCount: number) {
    assert(windowCount >= 1, "session client: empty window");
    this.id = id;
    this.#port = port;
    this.#windowCount = windowCount;
  }

  /** Why the session is over, null while it is open. */
  get ended(): "expired" | "closed" | null {
    return this.#ended;
  }

  /** Commands that have not ended. */
  get pendingCount(): number {
    return this.#pending.size + this.#queued.size;
  }

  /** The lowest sequence without an outcome; all below have one. */
  get lowestPending(): number {
    for (const sequence of this.#pending.keys()) {
      return sequence;
    }
    return this.#lastSequence + 1;
  }

  /**
   * Proposes a command; `done` is called exactly once. `abandon` gives up: what is under way may still be applied, once, until
   * the next command of this session is.
   */
  propose(command: Uint8Array, done: (outcome: SessionProposalOutcome<Result>) => void): Waiting {
    if (this.#ended !== null) {
      done({ kind: "refused", reason: this.#ended });
      return { abandon: () => {} };
    }
    const pending: Pending<Result> = { sequence: 0, command, done, attempts: 0, lost: null, waiting: null };
    this.#queued.add(pending);
    this.#fill();
    return { abandon: () => this.#abandon(pending) };
  }

  /** Uses the session, so that others are expired before it; `done` with false when it is over. */
  keepAlive(done: (alive: boolean) => void): void {
    this.#control({ kind: "keep-alive", session: this.id, lowestPending: this.lowestPending }, (outcome) => {
      if (outcome.kind === "applied" && outcome.result.kind === "refused") {
        this.#end("expired");
      }
      done(this.#ended === null);
    });
  }

  /**
   * Takes no more commands and ends the session once those under way have ended; `done` with true when the members have
   * forgotten it, with false when that is not known: it is then expired in time.
   */
  close(done: (closed: boolean) => void): void {
    if (this.#ended !== null) {
      done(this.#ended === "expired");
      return;
    }
    this.#ended = "closed";
    this.#whenIdle = () => {
      this.#control({ kind: "close", session: this.id }, (outcome) => done(outcome.kind === "applied"));
    };
    this.#settleIdle();
  }

  #settleIdle(): void {
    const whenIdle = this.#whenIdle;
    if (whenIdle !== null && this.pendingCount === 0) {
      this.#whenIdle = null;
      whenIdle();
    }
  }

  #control(command: SessionCommand, done: (outcome: ProposalOutcome<SessionOutcome<Result>>) => void): void {
    this.#port.propose(encodeSessionCommand(command), done);
  }

  #fill(): void {
    for (const pending of this.#queued) {
      // By span, not by count: the answers above the lowest that waits are kept until it ends.
      if (this.#lastSequence + 1 - this.lowestPending >= this.#windowCount) {
        return;
      }
      this.#queued.delete(pending);
      this.#lastSequence++;
      pending.sequence = this.#lastSequence;
      this.#pending.set(pending.sequence, pending);
      this.#attempt(pending);
    }
  }

  #attempt(pending: Pending<Result>): void {
    const { command, sequence } = pending;
    assert(sequence >= 1 && pending.done !== null, "session client: attempt of what has ended");
    pending.attempts++;
    const envelope = encodeSessionCommand({
      kind: "command",
      session: this.id,
      sequence,
      lowestPending: this.lowestPending,
      command,
    });
    const waiting = this.#port.propose(envelope, (outcome) => {
      pending.waiting = null;
      if (pending.done !== null) {
        this.#attempted(pending, outcome);
      }
    });
    // A refusal comes before the call returns.
    if (pending.done !== null && pending.waiting === null && !this.#retrying.has(pending)) {
      pending.waiting = waiting;
    }
  }

  #attempted(pending: Pending<Result>, outcome: ProposalOutcome<SessionOutcome<Result>>): void {
    if (outcome.kind === "applied") {
      this.#answered(pending, outcome.result);
    } else if (outcome.kind === "unknown") {
      pending.lost = outcome.reason;
      if (outcome.reason === "stopped") {
        this.#settle(pending, outcome);
      } else {
        this.#retry(pending);
      }
    } else if (isFinal(outcome.reason)) {
      this.#refuse(pending, outcome.reason);
    } else {
      this.#retry(pending);
    }
  }

  #answered(pending: Pending<Result>, outcome: SessionOutcome<Result>): void {
    switch (outcome.kind) {
      case "applied":
        this.#settle(pending, { kind: "applied", result: outcome.result });
        return;
      case "answer-lost":
        this.#settle(pending, outcome);
        return;
      case "refused":
        // The lowest that waits is never acknowledged, so only two reasons are left.
        assert(outcome.reason !== "acknowledged", "session client: a pending command was acknowledged");
        if (outcome.reason === "expired") {
          this.#end("expired");
          this.#refuse(pending, "expired");
        } else {
          this.#retry(pending);
        }
        return;
      default:
        assert(false, "session client: another command's answer");
    }
  }

  /** Refused for good; what an earlier attempt did is as unknown as it was. */
  #refuse(pending: Pending<Result>, reason: RefusalReason | "expired"): void {
    if (pending.lost === null) {
      this.#settle(pending, { kind: "refused", reason });
    } else {
      this.#settle(pending, { kind: "unknown", reason: reason === "expired" ? "expired" : pending.lost });
    }
  }

  #retry(pending: Pending<Result>): void {
    this.#retrying.add(pending);
    this.#port.retryLater(pending.attempts, () => {
      if (this.#retrying.delete(pending)) {
        this.#attempt(pending);
      }
    });
  }

  #end(reason: "expired" | "closed"): void {
    this.#ended ??= reason;
    for (const pending of [...this.#queued]) {
      this.#settle(pending, { kind: "refused", reason });
    }
  }

  #abandon(pending: Pending<Result>): void {
    if (pending.done === null) {
      return;
    }
    const { waiting } = pending;
    const isUnknown = pending.lost !== null || waiting !== null;
    this.#settle(
      pending,
      isUnknown ? { kind: "unknown", reason: "abandoned" } : { kind: "refused", reason: "abandoned" },
    );
    waiting?.abandon();
  }

  #settle(pending: Pending<Result>, outcome: SessionProposalOutcome<Result>): void {
    const { done } = pending;
    assert(done !== null, "session client: a command ended twice");
    pending.done = null;
    this.#queued.delete(pending);
    this.#pending.delete(pending.sequence);
    this.#retrying.delete(pending);
    done(outcome);
    this.#fill();
    this.#settleIdle();
  }
}

/** Nothing that time changes. */
function isFinal(reason: RefusalReason): boolean {
  return reason === "too-large" || reason === "stopped" || reason === "not-a-member";
}

/** Registers a session; `done` once, with null when it is not known to be registered: another one can simply be opened. */
export function openSession<Result>(
  port: SessionClientPort<Result>,
  limits: SessionLimits,
  windowCount: number,
  done: (
    client: SessionClient<Result> | null,
    outcome: Exclude<ProposalOutcome<never>, { kind: "applied" }> | null,
  ) => void,
): Waiting {
  return port.propose(encodeSessionCommand({ kind: "register", limits }), (outcome) => {
    if (outcome.kind !== "applied") {
      done(null, outcome);
      return;
    }
    const { result } = outcome;
    assert(result.kind === "registered", "session client: another command's answer");
    // More under way than answers are kept would only be refused and tried again.
    const count = Math.min(windowCount, limits.answerCountMax);
    done(new SessionClient<Result>(result.session, port, count), null);
  });
}
