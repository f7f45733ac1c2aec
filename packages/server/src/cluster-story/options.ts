/** What a story is about. */
import type { Step } from "./script.ts";
import type { Timing } from "./timing.ts";

/** The cluster itself. */
export interface ClusterPlan {
  readonly serverCount: number;
  /** Of server 1; the others have the ports behind it. */
  readonly port: number;
  readonly timing: Timing;
  /** Applied entries that make a snapshot due; null: none by count. */
  readonly snapshotEntryCount: number | null;
}

/** What `quorate cluster` was asked. */
export interface ClusterStoryOptions extends ClusterPlan {
  /** Kept between runs; null: a folder that is removed at the end. */
  readonly dataDir: string | null;
  readonly script: { readonly path: string; readonly steps: readonly Step[] } | null;
  /** Null: never. */
  readonly killLeaderAfterMs: number | null;
  /** The story ends by itself after this time; null: when it is told to. */
  readonly durationMs: number | null;
  /** Of a simulated cluster; null: a real one. */
  readonly seed: number | null;
  readonly json: boolean;
  readonly verbose: boolean;
}
