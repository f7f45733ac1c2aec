/** How often each kind of fault really happened: a fault that never fires tests nothing. */
import { assert } from "@quorate/base";
import { type BuggifyPoint, buggifyPoints } from "@quorate/raft";

const namedKinds = [
  "crash",
  "crash-before-disk-call",
  "crash-after-disk-call",
  "crash-before-send",
  "crash-after-send",
  "crash-before-apply",
  "crash-after-apply",
  "power-loss",
  "stop",
  "rolling-restart",
  "last-image",
  "last-image-failed",
  "crash-in-last-image",
  "pause",
  "stall",
  "partition",
  "partition-one-way",
  "partition-ring",
  "partition-bridge",
  "partition-graph",
  "isolate-leader",
  "frame-lost",
  "frame-duplicated",
  "frame-reordered",
  "frame-delayed",
  "frame-blocked",
  "frame-corrupted",
  "connection-reset",
  "frame-replayed",
  "clog",
  "swizzle-clog",
  "frame-clogged",
  "disk-slow",
  "disk-error",
  "disk-full",
  "log-bit-flipped",
  "log-sector-zeroed",
  "log-write-lost",
  "log-write-misdirected",
  "slot-bit-flipped",
  "slot-write-lost",
  "snapshot-bit-flipped",
  "read-bit-flipped",
  "read-failed",
  "slots-lost",
  "log-set-aside",
  "log-repaired",
  "start-refused",
  "disk-wiped",
  "wiped-disk-refused",
  "disk-set-back",
  "set-back-disk-refused",
  "member-replaced",
  "clock-drift",
  "clock-jump",
  "member-upgraded",
  "member-downgraded",
  "learner-added",
  "voter-added",
  "voter-removed",
  "voter-replaced",
  "voter-demoted",
  "learner-promoted",
  "learner-removed",
  "members-swapped",
  "leader-removed",
  "joint-left-by-request",
  "leadership-handed-over",
  "member-retired",
  "session-command-repeated",
] as const;

/** The name of a fault, or of a place in the code that behaved at its worst. */
export type FaultKind = (typeof namedKinds)[number] | `buggify-${BuggifyPoint}`;

/** Every fault the world knows, in the order of the report. */
export const faultKinds: readonly FaultKind[] = [
  ...namedKinds,
  ...buggifyPoints.map((point) => `buggify-${point}` as const),
];

/** One counter per kind. */
export class FaultCount {
  readonly #counts = new Map<FaultKind, number>(faultKinds.map((kind) => [kind, 0]));

  add(kind: FaultKind, count: number = 1): void {
    const before = this.#counts.get(kind);
    assert(before !== undefined, "fault count: unknown kind");
    this.#counts.set(kind, before + count);
  }

  get(kind: FaultKind): number {
    const count = this.#counts.get(kind);
    assert(count !== undefined, "fault count: unknown kind");
    return count;
  }

  /** Adds all of `other` to this. */
  merge(other: FaultCount): void {
    for (const kind of faultKinds) {
      this.add(kind, other.get(kind));
    }
  }

  get total(): number {
    // Places in the code that behave at their worst are no faults of the world.
    return namedKinds.reduce((sum, kind) => sum + this.get(kind), 0);
  }
}
