/** What the two flags on compaction ask for together. ETCD: a number alone is hours, or revisions, by the mode. */
import type { CompactionPolicy } from "@quorate/etcd";
import type { ServerConfig } from "./server-config.ts";
import { parseDuration } from "./value-kind.ts";

const hourMs = 3_600_000;

/** The policy, or null where mode and retention do not go together. */
export function compactionPolicy({
  autoCompactionMode: mode,
  autoCompactionRetention: retention,
}: Pick<ServerConfig, "autoCompactionMode" | "autoCompactionRetention">): CompactionPolicy | null {
  const count = /^\d+$/.test(retention) ? Number(retention) : null;
  const timeMs = count === null ? parseDuration(retention) : count * hourMs;
  if (count === 0 || timeMs === 0) {
    return { mode: "off" };
  }
  if (mode === "revision") {
    return count === null ? null : { mode, retentionCount: count };
  }
  return timeMs === null ? null : { mode, retentionMs: timeMs };
}
