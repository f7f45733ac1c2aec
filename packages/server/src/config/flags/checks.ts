/** Comparing the members' states. */
import type { FlagRows } from "../flag-row.ts";
import { durationKind } from "../value-kind.ts";

/** The settings of this group. */
export interface CheckValues {
  /** Milliseconds; 0 for never. */
  readonly corruptCheckTimeMs: number;
  /** Milliseconds. */
  readonly compactHashCheckTimeMs: number;
}

/** Its rows. */
export const checkFlags: FlagRows<CheckValues> = {
  corruptCheckTimeMs: {
    name: "corrupt-check-time",
    group: "Checks",
    kind: durationKind(0),
    defaultValue: 0,
    etcdDefault: "0s",
    isEtcds: true,
    help: "Time between two comparisons of the members' whole histories by hash; who stands against a majority is named by the alarm CORRUPT, which stops serving keys. 0: none.",
  },
  compactHashCheckTimeMs: {
    name: "compact-hash-check-time",
    group: "Checks",
    kind: durationKind(1),
    defaultValue: 60_000,
    etcdDefault: "1m",
    isEtcds: true,
    help: "Time between two comparisons of what the last compaction left, where the feature gate CompactHashCheck is on.",
  },
};
