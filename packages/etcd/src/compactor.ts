/**
 * Compaction by itself, on the leader: by age (what was overwritten longer ago than the retention) or by count of revisions.
 * ETCD: the same rhythms, so that history is kept as long as its users expect.
 */
import { assert } from "@quorate/base";

/** What is kept. `off` keeps everything. */
export type CompactionPolicy =
  | { readonly mode: "off" }
  | { readonly mode: "periodic"; readonly retentionMs: number }
  | { readonly mode: "revision"; readonly retentionCount: number };

const revisionIntervalMs = 5 * 60 * 1000;
const hourMs = 60 * 60 * 1000;
/** ETCD: how often the revision is noted within an interval. */
const samplesPerInterval = 10;

interface Sample {
  readonly atMs: number;
  readonly revision: number;
}

/** Says when, and up to where, to compact. */
export class Compactor {
  readonly #policy: CompactionPolicy;
  /** The oldest first; the first is the newest that is older than the retention, where there is one. */
  #samples: Sample[] = [];
  #nextMs: number;
  #compacted = 0;

  constructor(policy: CompactionPolicy, nowMs: number) {
    this.#policy = policy;
    this.#nextMs = nowMs + this.#restMs();
  }

  /** The revision to compact to now, or null. `revision` is the store's; only a leader asks for a compaction. */
  due(nowMs: number, revision: number, leads: boolean): number | null {
    if (this.#policy.mode === "off" || nowMs < this.#nextMs) {
      return null;
    }
    this.#nextMs = nowMs + this.#restMs();
    const target =
      this.#policy.mode === "revision"
        ? revision - this.#policy.retentionCount
        : this.#revisionBefore(nowMs - this.#policy.retentionMs, { atMs: nowMs, revision });
    if (!leads || target <= this.#compacted || target < 1) {
      return null;
    }
    assert(target <= revision, "compactor: a revision to come");
    return target;
  }

  /** A compaction up to `revision` is done, or another has gone farther. */
  compacted(revision: number): void {
    this.#compacted = Math.max(this.#compacted, revision);
  }

  #restMs(): number {
    switch (this.#policy.mode) {
      case "off":
        return 0;
      case "revision":
        return revisionIntervalMs;
      case "periodic":
        return Math.min(this.#policy.retentionMs, hourMs) / samplesPerInterval;
    }
  }

  /** Notes `now`; the newest revision noted at `atMs` or before, 0 when there is none. */
  #revisionBefore(atMs: number, now: Sample): number {
    this.#samples.push(now);
    while ((this.#samples[1]?.atMs ?? Number.POSITIVE_INFINITY) <= atMs) {
      this.#samples.shift();
    }
    const first = this.#samples[0];
    return first !== undefined && first.atMs <= atMs ? first.revision : 0;
  }
}
