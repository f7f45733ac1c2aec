/** The store-wide counter of etcd's data model, kept apart from other numbers by the compiler. All casts to it live here. */
import { assert, type Brand } from "@quorate/base";

/** Number of the write request that made a state: 1 is the empty store, the first write makes 2. */
export type Revision = Brand<number, "Revision">;

/** The revision of an empty store. */
export const revisionInitial: Revision = 1 as Revision;

/** Stands for no revision, as in the create revision of a key that does not exist. */
export const revisionZero: Revision = 0 as Revision;

/** ETCD: what a store that was never compacted reports as its compact revision. */
export const neverCompacted: Revision = -1 as Revision;

/** @throws InvariantViolation unless `value` is a safe integer of at least −1. */
export function toRevision(value: number): Revision {
  assert(Number.isSafeInteger(value) && value >= -1, "revision: not a revision");
  return value as Revision;
}

/** The revision after `revision`. */
export function nextRevision(revision: Revision): Revision {
  assert(revision < Number.MAX_SAFE_INTEGER, "revision: out of numbers");
  return (revision + 1) as Revision;
}
