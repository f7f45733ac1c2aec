/**
 * When leases end. Only the leader decides it, by the clock it is ticked with; a lease lives from the first tick after its
 * grant or renewal, so it ends late by at most a tick and never early. A new leader knows nothing of its predecessor's
 * clock and gives every lease its whole time again, or what a checkpoint left, and a moment more. An end is a command like any other; it
 * carries the leader's term, and in a later term it has no effect.
 */
import { assert, Heap } from "@quorate/base";
import { encodeCommand, type KvLease } from "@quorate/kv";
import type { StorePort, SubmitOutcome } from "../ports.ts";
import { leaseGraceMs } from "./recent-leadership.ts";

/** ETCD: leases that are revoked per second at most, so that many that end together do not flood the log. */
const revokesPerSecond = 1000;
const revokeBurstMax = 100;
/** Revocations whose outcome is not known yet. */
const revokesInFlightMax = 200;
/** ETCD: after a revocation that failed. */
const retryMs = 3000;
/** Leases that one tick takes up or looks at, at most. PERF: two milliseconds. */
const leasesPerTick = 5000;
/** ETCD: how often what is left is noted, and of how many leases at once. */
const checkpointIntervalMs = 5 * 60 * 1000;
const checkpointLeasesMax = 1000;

/** Proposes a command and calls back once. */
type Propose = (command: Uint8Array, done: (outcome: SubmitOutcome) => void) => void;

/** How a renewal ended. `deposed`: this member no longer decides; ask again. */
type Renewal =
  | { readonly kind: "renewed"; readonly ttlSeconds: number }
  | { readonly kind: "gone" | "deposed" };

interface Entry {
  readonly id: bigint;
  /** Null until the next tick, from which on it lives. */
  endMs: number | null;
  /** Whether the heap names it. */
  queued: boolean;
  readonly waiting: ((renewal: Renewal) => void)[];
}

interface Due {
  readonly atMs: number;
  readonly entry: Entry;
}

const byTime = (left: Due, right: Due): number =>
  left.atMs - right.atMs || (left.entry.id < right.entry.id ? -1 : 1);

/** One reign: everything that is known of time belongs to it and goes with it. */
class Reign {
  readonly term: number;
  readonly sinceMs: number;
  readonly entries: Map<bigint, Entry> = new Map();
  readonly due: Heap<Due> = new Heap(byTime);
  fresh: Entry[] = [];
  /** Leases up to this id have been taken up; null before the first. */
  takenUp: bigint | null = null;
  allTakenUp = false;
  revokesInFlight = 0;
  revokeCredit: number = revokeBurstMax;
  tickedMs: number;
  checkpointMs: number;
  checkpointed: bigint | null = null;

  constructor(term: number, nowMs: number) {
    assert(term > 0, "lessor: reign without a term");
    this.term = term;
    this.sinceMs = nowMs;
    this.tickedMs = nowMs;
    this.checkpointMs = nowMs + checkpointIntervalMs;
  }
}

/** See the head of this file. */
export class Lessor {
  readonly #store: StorePort;
  readonly #propose: Propose;
  readonly #checkpoints: boolean;
  #reign: Reign | null = null;

  constructor(store: StorePort, propose: Propose, checkpoints: boolean) {
    this.#store = store;
    this.#propose = propose;
    this.#checkpoints = checkpoints;
  }

  /** Whether this member decides about leases in `term`. */
  leads(term: number): boolean {
    return this.#reign?.term === term;
  }

  /** Moves the clock. `leaderTerm` is the term in which this member leads, 0 when it does not. */
  tick(nowMs: number, leaderTerm: number): void {
    this.follow(leaderTerm);
    if (leaderTerm === 0) {
      return;
    }
    this.#reign ??= new Reign(leaderTerm, nowMs);
    const reign = this.#reign;
    assert(nowMs >= reign.tickedMs, "lessor: time goes back");
    reign.revokeCredit += ((nowMs - reign.tickedMs) * revokesPerSecond) / 1000;
    reign.revokeCredit = Math.min(reign.revokeCredit, revokeBurstMax);
    reign.tickedMs = nowMs;
    this.#startFresh(reign, nowMs);
    this.#takeUp(reign);
    this.#expire(reign, nowMs);
    if (this.#checkpoints) {
      this.#checkpoint(reign, nowMs);
    }
  }

  /** Lets go of a reign that is over; a new one begins with a tick. */
  follow(leaderTerm: number): void {
    const reign = this.#reign;
    if (reign !== null && reign.term !== leaderTerm) {
      this.#reign = null;
      for (const entry of reign.entries.values()) {
        answer(entry, { kind: "deposed" });
      }
    }
  }

  /** A lease was granted, or its checkpoint changed. */
  leaseSet(lease: KvLease): void {
    const reign = this.#reign;
    if (reign !== null && !reign.entries.has(lease.id)) {
      this.#begin(reign, lease.id);
    }
  }

  leaseRemoved(id: bigint): void {
    const entry = this.#reign?.entries.get(id);
    if (entry !== undefined) {
      this.#reign?.entries.delete(id);
      answer(entry, { kind: "gone" });
    }
  }

  /** The state was replaced: what was known of time is no longer about it. */
  restored(): void {
    this.follow(0);
  }

  /**
   * Gives a lease its whole time again. One that has ended is not renewed any more, even while its revocation waits or runs:
   * the answer then comes with the outcome. The caller has made sure that this member still leads, or did so a moment ago.
   */
  renew(id: bigint, nowMs: number, done: (renewal: Renewal) => void): void {
    const reign = this.#reign;
    const lease = this.#store.lease(id);
    if (reign === null || lease === null) {
      done({ kind: reign === null ? "deposed" : "gone" });
      return;
    }
    const entry = reign.entries.get(id) ?? this.#enter(reign, lease);
    if (hasEnded(entry, nowMs)) {
      entry.waiting.push(done);
      return;
    }
    if (lease.remainingSeconds === 0) {
      this.#restart(reign, entry);
      done({ kind: "renewed", ttlSeconds: lease.ttlSeconds });
    } else {
      this.#renewCheckpointed(reign, entry, lease, done);
    }
  }

  /** Milliseconds that a lease has left; null when it has ended or this member does not decide. */
  remainingMs(id: bigint, nowMs: number): number | null {
    const reign = this.#reign;
    const lease = this.#store.lease(id);
    if (reign === null || lease === null) {
      return null;
    }
    const entry = reign.entries.get(id) ?? this.#enter(reign, lease);
    if (entry.endMs === null) {
      return lease.ttlSeconds * 1000;
    }
    return entry.endMs > nowMs ? Math.min(entry.endMs - nowMs, lease.ttlSeconds * 1000) : null;
  }

  /** ETCD: what a checkpoint left is cleared in the log first, or the next leader would end the renewed lease early. */
  #renewCheckpointed(reign: Reign, entry: Entry, lease: KvLease, done: (renewal: Renewal) => void): void {
    const remaining = [{ id: lease.id, remainingSeconds: 0 }];
    const command = encodeCommand({ type: "lease-checkpoint", fenceTerm: reign.term, remaining });
    this.#propose(command, (outcome) => {
      const applied = outcome.kind === "applied" && outcome.result.type === "lease-checkpoint";
      if (!applied || this.#reign !== reign) {
        done({ kind: "deposed" });
      } else if (reign.entries.get(entry.id) !== entry) {
        done({ kind: "gone" });
      } else if (hasEnded(entry, reign.tickedMs)) {
        entry.waiting.push(done);
      } else {
        this.#restart(reign, entry);
        done({ kind: "renewed", ttlSeconds: lease.ttlSeconds });
      }
    });
  }

  #begin(reign: Reign, id: bigint): void {
    const entry: Entry = { id, endMs: null, queued: false, waiting: [] };
    reign.entries.set(id, entry);
    reign.fresh.push(entry);
  }

  #restart(reign: Reign, entry: Entry): void {
    if (entry.endMs !== null) {
      entry.endMs = null;
      reign.fresh.push(entry);
    }
  }

  /** Starts the time of what was granted or renewed since the last tick. */
  #startFresh(reign: Reign, nowMs: number): void {
    const { fresh } = reign;
    reign.fresh = [];
    for (const entry of fresh) {
      const lease = this.#store.lease(entry.id);
      if (lease !== null && reign.entries.get(entry.id) === entry && entry.endMs === null) {
        entry.endMs = nowMs + lease.ttlSeconds * 1000;
        this.#queue(reign, entry, entry.endMs);
      }
    }
  }

  /** Takes up a slice of the leases that were there before the reign. */
  #takeUp(reign: Reign): void {
    if (reign.allTakenUp) {
      return;
    }
    const leases = this.#store.leasesAfter(reign.takenUp, leasesPerTick);
    for (const lease of leases) {
      if (!reign.entries.has(lease.id)) {
        this.#enter(reign, lease);
      }
      reign.takenUp = lease.id;
    }
    reign.allTakenUp = leases.length < leasesPerTick;
  }

  /** A lease from before the reign lives from the reign's beginning, and for as long as its predecessor may have renewed it since. */
  #enter(reign: Reign, lease: KvLease): Entry {
    const seconds = lease.remainingSeconds > 0 ? lease.remainingSeconds : lease.ttlSeconds;
    const endMs = reign.sinceMs + seconds * 1000 + leaseGraceMs;
    const entry: Entry = { id: lease.id, endMs, queued: false, waiting: [] };
    reign.entries.set(lease.id, entry);
    this.#queue(reign, entry, endMs);
    return entry;
  }

  /** One place in the heap per lease: a renewed one is put back when its old time comes. */
  #queue(reign: Reign, entry: Entry, atMs: number): void {
    if (!entry.queued) {
      entry.queued = true;
      reign.due.push({ atMs, entry });
    }
  }

  #expire(reign: Reign, nowMs: number): void {
    for (let looked = 0; looked < leasesPerTick; looked++) {
      const first = reign.due.peek();
      const mayRevoke = reign.revokeCredit >= 1 && reign.revokesInFlight < revokesInFlightMax;
      if (first === undefined || first.atMs > nowMs || !mayRevoke) {
        return;
      }
      reign.due.pop();
      const { entry } = first;
      entry.queued = false;
      if (reign.entries.get(entry.id) !== entry) {
        continue;
      }
      if (hasEnded(entry, nowMs)) {
        this.#revoke(reign, entry);
      } else if (entry.endMs !== null) {
        this.#queue(reign, entry, entry.endMs);
      }
    }
  }

  #revoke(reign: Reign, entry: Entry): void {
    assert(reign === this.#reign, "lessor: a deposed leader revokes");
    reign.revokeCredit--;
    reign.revokesInFlight++;
    const command = encodeCommand({ type: "lease-revoke", id: entry.id, fenceTerm: reign.term });
    this.#propose(command, () => {
      reign.revokesInFlight--;
      assert(reign.revokesInFlight >= 0, "lessor: fewer than no revocations");
      // When it was applied, the store has told so, and the entry is gone; otherwise it is tried again.
      if (this.#reign === reign && reign.entries.get(entry.id) === entry) {
        this.#queue(reign, entry, reign.tickedMs + retryMs);
      }
    });
  }

  /** ETCD: only leases that live longer than the interval are noted. */
  #checkpoint(reign: Reign, nowMs: number): void {
    if (nowMs < reign.checkpointMs || !reign.allTakenUp) {
      return;
    }
    const leases = this.#store.leasesAfter(reign.checkpointed, checkpointLeasesMax);
    const remaining: { readonly id: bigint; readonly remainingSeconds: number }[] = [];
    for (const { id, ttlSeconds } of leases) {
      const endMs = reign.entries.get(id)?.endMs ?? null;
      const left = endMs === null ? ttlSeconds : Math.ceil((endMs - nowMs) / 1000);
      if (ttlSeconds * 1000 > checkpointIntervalMs && left > 0 && left < ttlSeconds) {
        remaining.push({ id, remainingSeconds: left });
      }
      reign.checkpointed = id;
    }
    if (remaining.length > 0) {
      // Its outcome does not matter: a checkpoint that is lost is made up for by the next.
      const command = encodeCommand({ type: "lease-checkpoint", fenceTerm: reign.term, remaining });
      this.#propose(command, () => {});
    }
    if (leases.length < checkpointLeasesMax) {
      reign.checkpointed = null;
      reign.checkpointMs = nowMs + checkpointIntervalMs;
    }
  }
}

function hasEnded(entry: Entry, nowMs: number): boolean {
  return entry.endMs !== null && entry.endMs <= nowMs;
}

function answer(entry: Entry, renewal: Renewal): void {
  for (const done of entry.waiting.splice(0)) {
    done(renewal);
  }
}
