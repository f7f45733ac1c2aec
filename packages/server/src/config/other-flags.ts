/**
 * The flags of etcd 3.7 that are not honoured: those without anything here that they could change, which are taken and noted in
 * the log, and those that would be missed, which are refused by name with the reason. A flag that comes to be honoured moves to
 * its group in `flags/`.
 */

import type { OtherFlag } from "./flags/other-flag.ts";
import { refusedFlags } from "./flags/refused.ts";
import { flagsWithoutEffect } from "./flags/without-effect.ts";
import { booleanKind, parseDuration } from "./value-kind.ts";

/** What becomes of it. */
export type Fate = "no effect" | "refused";

/** All of them by name. */
export const otherFlags: ReadonlyMap<string, OtherFlag & { readonly fate: Fate }> = new Map(
  [
    ...flagsWithoutEffect.map((flag) => ({ ...flag, fate: "no effect" as const })),
    ...refusedFlags.map((flag) => ({ ...flag, fate: "refused" as const })),
  ].map((flag) => [flag.name, flag]),
);

/** Whether `text` asks for nothing beyond what etcd does anyway. */
export function asksForNothing(flag: OtherFlag, text: string): boolean {
  if (text === flag.etcdDefault || text === "") {
    return true;
  }
  if (flag.type === "time") {
    return parseDuration(text) === parseDuration(flag.etcdDefault);
  }
  const given = flag.type === "switch" ? booleanKind.parse(text) : { problem: "" };
  return "value" in given && String(given.value) === flag.etcdDefault;
}

/** ETCD: names that 3.6 still took beside the new ones. */
export const oldNames: ReadonlyMap<string, string> = new Map(
  [
    "bootstrap-defrag-threshold-megabytes",
    "compact-hash-check-time",
    "compaction-batch-limit",
    "compaction-sleep-interval",
    "corrupt-check-time",
    "distributed-tracing-address",
    "distributed-tracing-instance-id",
    "distributed-tracing-sampling-rate",
    "distributed-tracing-service-name",
    "downgrade-check-time",
    "enable-distributed-tracing",
    "memory-mlock",
    "peer-skip-client-san-verification",
    "snapshot-catchup-entries",
    "warning-apply-duration",
    "warning-unary-request-duration",
    "watch-progress-notify-interval",
  ].map((name) => [`experimental-${name}`, name]),
);

/** ETCD: flags of 3.6 that became switches of `--feature-gates`. */
export const oldSwitches: ReadonlyMap<string, string> = new Map([
  ["experimental-compact-hash-check-enabled", "CompactHashCheck"],
  ["experimental-enable-lease-checkpoint", "LeaseCheckpoint"],
  ["experimental-enable-lease-checkpoint-persist", "LeaseCheckpointPersist"],
  ["experimental-initial-corrupt-check", "InitialCorruptCheck"],
  ["experimental-stop-grpc-service-on-defrag", "StopGRPCServiceOnDefrag"],
  ["experimental-txn-mode-write-with-shared-buffer", "TxnModeWriteWithSharedBuffer"],
]);
