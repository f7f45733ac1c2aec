/** When a member makes a snapshot: by the size of its log, or as often as the command line says. */
import type { KvStateMachine } from "@quorate/kv";
import type { SnapshotPolicy } from "@quorate/raft";
import type { ServerConfig } from "../config/server-config.ts";

/** From so much log on, a start takes longer to apply it again than to read an image: a stop makes one. */
const stopLogBytesMin = 16 * 1024 * 1024;

/** The policy of one member. */
export function snapshotPolicy(
  { snapshotCatchupEntries, snapshotCount }: Pick<ServerConfig, "snapshotCatchupEntries" | "snapshotCount">,
  machine: Pick<KvStateMachine, "liveBytes">,
): SnapshotPolicy {
  const bySize = { liveBytes: () => machine.liveBytes, stopLogBytesMin };
  return snapshotCount === 0
    ? bySize
    : {
        ...bySize,
        entryCountMax: snapshotCount,
        trailingEntryCount: Math.min(snapshotCatchupEntries, snapshotCount),
      };
}
