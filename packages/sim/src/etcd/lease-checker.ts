/**
 * The time of leases as their holders see it: an expiry is decided no earlier than a whole time to live after the last renewal that was
 * answered, by the clock of the member that decided it; a lease that is gone is never renewed; one that ended by itself was decided by
 * the leader of the term it is applied in (the model refuses others).
 */
import type { NodeId } from "@quorate/raft";
import { promise } from "../violation.ts";

/** What every member's clock shows at one moment, in milliseconds. */
export type Clocks = ReadonlyMap<NodeId, number>;

interface Decision {
  readonly node: NodeId;
  readonly term: number;
  readonly clockMs: number;
}

interface LeaseState {
  readonly ttlSeconds: number;
  /** The latest moment at which a holder that was answered had asked: for the grant, and for renewals. */
  held: Clocks | null;
  readonly decisions: Decision[];
  /** When the lease was removed, and by which decision. */
  removed: { readonly atMs: number; readonly decision: Decision | null } | null;
}

/** See the head of this file. */
export class LeaseChecker {
  readonly #leases = new Map<bigint, LeaseState>();
  #expiredCount = 0;

  /** Leases that ended by themselves. */
  get expiredCount(): number {
    return this.#expiredCount;
  }

  /** A grant is applied. */
  granted(id: bigint, ttlSeconds: number): void {
    this.#leases.set(id, { ttlSeconds, held: null, decisions: [], removed: null });
  }

  /** A member proposes the end of a lease, as the leader of `term`. */
  deciding(id: bigint, decision: Decision): void {
    this.#leases.get(id)?.decisions.push(decision);
  }

  /** A revocation is applied; `fenceTerm` is 0 where a client asked for it. */
  removed(id: bigint, fenceTerm: number, atMs: number): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) {
      return;
    }
    // The latest of several in one term is the one that gives the most time; a retry is sent only after the first was lost.
    const decision =
      fenceTerm === 0 ? null : (lease.decisions.find(({ term }) => term === fenceTerm) ?? null);
    promise(
      fenceTerm === 0 || decision !== null,
      "lease",
      () => `lease ${id} is ended by the leader of term ${fenceTerm}, which never said so`,
    );
    this.#expiredCount += fenceTerm === 0 ? 0 : 1;
    lease.removed = { atMs, decision };
    this.#checkTime(id, lease);
  }

  /**
   * A grant or a renewal that was asked for at `asked` is answered.
   *
   * @param askedAtMs The same moment of the world, or an earlier one: a lease that was removed since then may still be renewed.
   */
  held(id: bigint, asked: Clocks, askedAtMs: number): void {
    const lease = this.#leases.get(id);
    promise(lease !== undefined, "lease", () => `lease ${id} is held, and was never granted`);
    const { removed } = lease;
    promise(
      removed === null || removed.atMs >= askedAtMs,
      "lease",
      () => `lease ${id} was removed at ${removed?.atMs} ms, and renewed by a request of ${askedAtMs} ms`,
    );
    lease.held = latest(lease.held, asked);
    this.#checkTime(id, lease);
  }

  /** A member says that a lease does not exist. */
  gone(id: bigint, isKnown: boolean): void {
    promise(!isKnown, "lease", () => `lease ${id} is said to be gone, and exists`);
  }

  #checkTime(id: bigint, lease: LeaseState): void {
    const decision = lease.removed?.decision ?? null;
    const since = decision === null ? undefined : lease.held?.get(decision.node);
    if (decision === null || since === undefined) {
      return;
    }
    promise(
      decision.clockMs - since >= lease.ttlSeconds * 1000,
      "lease",
      () =>
        `lease ${id} of ${lease.ttlSeconds} s is ended by node ${decision.node} at ${decision.clockMs} of its clock, which showed ${since} ` +
        "when its holder asked for the time it was given",
    );
  }
}

/** The later of two moments; clocks never go back. */
function latest(left: Clocks | null, right: Clocks): Clocks {
  if (left === null) {
    return right;
  }
  const isLater = [...right].some(([node, clockMs]) => clockMs > (left.get(node) ?? -1));
  return isLater ? right : left;
}
