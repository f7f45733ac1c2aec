/** How often clients of the API really did what the workloads are for: what never happened tests nothing. */
import { assert } from "@quorate/base";

/** Every operation, in the order of the report. Counted when its answer came and was right. */
export const operationKinds = [
  "put",
  "put-keeping-value",
  "get",
  "range",
  "range-serializable",
  "range-at-revision",
  "range-compacted",
  "delete",
  "delete-range",
  "txn",
  "txn-else",
  "txn-nested",
  "txn-read-only",
  "single-key-swap",
  "compaction",
  "hash-kv",
  "watch",
  "watch-event",
  "watch-resumed",
  "watch-compacted",
  "watch-progress",
  "watch-reader-slow",
  "lease-grant",
  "lease-attached",
  "lease-keep-alive",
  "lease-keep-alive-gone",
  "lease-time-to-live",
  "lease-revoke",
  "lease-expired",
  "bank-transfer",
  "bank-read",
  "lock",
  "lock-fenced-write",
  "lock-lost",
  "unlock",
  "auth-enable",
  "auth-change",
  "auth-write",
  "auth-denied",
  "auth-read",
  "auth-read-denied",
  "auth-tried-at-once",
  "auth-watch",
  "auth-lease-keys",
  "auth-members",
  "auth-stranger",
  "no-space",
  "alarm-disarmed",
  "refused-write",
  "lost-answer",
  "connection-reset",
] as const;

/** The name of an operation. */
export type OperationKind = (typeof operationKinds)[number];

/** One counter per kind. */
export class OperationCount {
  readonly #counts = new Map<OperationKind, number>(operationKinds.map((kind) => [kind, 0]));

  add(kind: OperationKind, count: number = 1): void {
    this.#counts.set(kind, this.get(kind) + count);
  }

  get(kind: OperationKind): number {
    const count = this.#counts.get(kind);
    assert(count !== undefined, "operation count: unknown kind");
    return count;
  }

  /** Adds all of `other` to this. */
  merge(other: OperationCount): void {
    for (const kind of operationKinds) {
      this.add(kind, other.get(kind));
    }
  }

  get total(): number {
    return operationKinds.reduce((sum, kind) => sum + this.get(kind), 0);
  }
}
