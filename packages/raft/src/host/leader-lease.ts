/**
 * The lease by which a leader answers reads without asking (RAFT §6.4.1), measured by a monotonic clock and not by ticks: a process
 * that slept has missed ticks, not time. A round with a quorum renews it, counted from when the round was asked; it ends before the
 * first member of that quorum may elect another leader, with a margin for clocks that run differently.
 */
import { assert } from "@quorate/base";
import type { Role } from "../types/hard-state.ts";
import type { Term } from "../types/ids.ts";
import type { ReadState } from "../types/ready.ts";
import type { HostEvent, LeaseEnd } from "./events.ts";
import { decodeContext, encodeContext } from "./read-context.ts";

/** What the lease needs of its host. */
interface LeasePort {
  readonly core: {
    readonly role: Role;
    readonly term: Term;
    readonly leaseHeld: boolean;
    allowLease(allowed: boolean): void;
    readIndex(context: Uint8Array, by: "quorum"): unknown;
  };
  /** A name for a round that no read has. */
  nextId(): number;
  nowMs(): number;
  emit(event: HostEvent): void;
}

/** Times of a lease, in milliseconds. */
export interface LeaseTimes {
  /** For how long a round renews it. */
  readonly durationMs: number;
  /** Between two ticks; after a longer one nothing is answered by the lease before the next round. */
  readonly tickGapMaxMs: number;
}

/** The lease of one member, while it leads. */
export class LeaderLease {
  readonly #port: LeasePort;
  readonly #times: LeaseTimes;
  #round: { readonly id: number; readonly askedAtMs: number; readonly term: Term } | null = null;
  #validUntilMs: number = Number.NEGATIVE_INFINITY;
  #term: Term | null = null;
  #tickedAtMs: number | null = null;
  #held = false;

  constructor(port: LeasePort, times: LeaseTimes) {
    assert(times.durationMs > 0 && times.tickGapMaxMs > 0, "lease: no time");
    this.#port = port;
    this.#times = times;
  }

  /** At the start of each turn, before any read is taken up: what is asked later in the turn was asked before this look. */
  look(): void {
    const { core } = this.#port;
    const runs =
      core.role === "leader" && core.term === this.#term && this.#port.nowMs() < this.#validUntilMs;
    core.allowLease(runs);
    this.#observe(runs ? "transfer" : "time-out");
  }

  #observe(reason: LeaseEnd): void {
    const { core } = this.#port;
    const held = core.leaseHeld;
    if (held !== this.#held) {
      this.#held = held;
      const why = core.role === "leader" ? reason : "role";
      this.#port.emit(held ? { type: "lease-held" } : { type: "lease-suspended", reason: why });
    }
  }

  /** Renews it, while this member leads. */
  tick(): void {
    const { core } = this.#port;
    const nowMs = this.#port.nowMs();
    const gapMs = nowMs - (this.#tickedAtMs ?? nowMs);
    assert(gapMs >= 0, "lease: the clock goes back");
    this.#tickedAtMs = nowMs;
    if (gapMs > this.#times.tickGapMaxMs) {
      this.revoke("tick-gap");
    }
    if (core.role !== "leader") {
      this.#round = null;
      return;
    }
    // Heartbeats repeat a round until it is confirmed; one that took long would renew too little.
    if (this.#round !== null && nowMs - this.#round.askedAtMs < this.#times.durationMs / 2) {
      return;
    }
    const id = this.#port.nextId();
    this.#round = { id, askedAtMs: nowMs, term: core.term };
    core.readIndex(encodeContext(id), "quorum");
  }

  /** Whether `state` is the end of a round of its own. */
  confirmed(state: ReadState): boolean {
    const round = this.#round;
    if (round === null || decodeContext(state.context) !== round.id) {
      return false;
    }
    this.#round = null;
    const { core } = this.#port;
    if (core.role === "leader" && core.term === round.term) {
      this.#term = round.term;
      this.#validUntilMs = round.askedAtMs + this.#times.durationMs;
      this.look();
    }
    return true;
  }

  /** It no longer runs, whatever the clock says; the next round renews it. */
  revoke(reason: LeaseEnd): void {
    this.#validUntilMs = Number.NEGATIVE_INFINITY;
    this.#round = null;
    this.#port.core.allowLease(false);
    this.#observe(reason);
  }
}
