/**
 * Commands on leases. What depends on time was decided before they were proposed: a grant carries its id and its time to
 * live, an expiry is a revocation that the leader proposed, and here everything is a function of the log.
 */
import { assert } from "@quorate/base";
import { noRecord } from "../mvcc/record-table.ts";
import type { MvccStore } from "../mvcc/store.ts";
import type {
  KvRefusal,
  LeaseCheckpointRequest,
  LeaseCheckpointResult,
  LeaseGrantRequest,
  LeaseGrantResult,
  LeaseRevokeRequest,
  LeaseRevokeResult,
} from "../types.ts";
import type { KvLease, LeaseTable } from "./lease-table.ts";

/** ETCD: the longest time to live that is granted, in seconds. */
export const leaseTtlSecondsMax = 9_000_000_000;

/** Adds a lease. */
export function applyLeaseGrant(
  store: MvccStore,
  leases: LeaseTable,
  grant: LeaseGrantRequest,
): LeaseGrantResult | KvRefusal {
  // ETCD: the order of these checks.
  if (grant.id === 0n) {
    return { type: "refused", code: "KV_LEASE_NOT_FOUND" };
  }
  if (grant.ttlSeconds > leaseTtlSecondsMax) {
    return { type: "refused", code: "KV_LEASE_TTL_TOO_LARGE" };
  }
  if (leases.has(grant.id)) {
    return { type: "refused", code: "KV_LEASE_EXIST" };
  }
  const { id, ttlSeconds } = grant;
  leases.set({ id, ttlSeconds, remainingSeconds: 0 });
  assert(store.attachments.slots(id).length === 0, "lease: keys attached before the grant");
  return { type: "lease-grant", revision: store.revision, id, ttlSeconds };
}

/** Removes a lease and deletes its keys, in key order and in one revision. `term` is that of the command's entry. */
export function applyLeaseRevoke(
  store: MvccStore,
  leases: LeaseTable,
  revoke: LeaseRevokeRequest,
  term: number,
): LeaseRevokeResult | KvRefusal {
  if (fencedOff(revoke.fenceTerm, term)) {
    return { type: "refused", code: "KV_LEADER_CHANGED" };
  }
  if (!leases.has(revoke.id)) {
    return { type: "refused", code: "KV_LEASE_NOT_FOUND" };
  }
  for (const slot of attachedSlots(store, revoke.id)) {
    const record = store.visibleRecord(slot, store.revision);
    assert(record !== noRecord, "lease: a key that does not exist is attached");
    store.remove(record);
  }
  leases.remove(revoke.id);
  assert(store.attachments.slots(revoke.id).length === 0, "lease: keys outlive their lease");
  return { type: "lease-revoke", revision: store.finishRevision() };
}

/** Notes what is left of leases; those that are gone meanwhile are passed over. */
export function applyLeaseCheckpoint(
  store: MvccStore,
  leases: LeaseTable,
  checkpoint: LeaseCheckpointRequest,
  term: number,
  changed: (lease: KvLease) => void,
): LeaseCheckpointResult | KvRefusal {
  if (fencedOff(checkpoint.fenceTerm, term)) {
    return { type: "refused", code: "KV_LEADER_CHANGED" };
  }
  for (const { id, remainingSeconds } of checkpoint.remaining) {
    const lease = leases.get(id);
    if (lease !== null) {
      const next = { ...lease, remainingSeconds: Math.min(remainingSeconds, lease.ttlSeconds) };
      leases.set(next);
      changed(next);
    }
  }
  return { type: "lease-checkpoint", revision: store.revision };
}

/** The key slots of a lease, in key order. */
export function attachedSlots(store: MvccStore, lease: bigint): number[] {
  const slots = store.attachments.slots(lease);
  return slots.sort((left, right) => store.keys.compare(store.keys.key(left), right));
}

/**
 * Whether what a leader decided comes too late: its entry is of a later term than the leader's, so another leader, which
 * had given the lease its time anew, has taken it into the log.
 */
function fencedOff(fenceTerm: number, term: number): boolean {
  assert(fenceTerm <= term, "lease: decided in a term after that of its entry");
  return fenceTerm !== 0 && fenceTerm !== term;
}
