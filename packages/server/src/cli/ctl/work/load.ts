/** Writing at a rate, for the checks: many calls at once, evenly over time, each one's delay noted. */
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { utf8Encode } from "@quorate/base";
import { KV, Maintenance } from "@quorate/etcd/messages";
import { ClientFailure } from "../../../client/client-failure.ts";
import type { ClusterClient } from "../../../client/cluster-client.ts";
import type { CtlContext } from "../command-tree.ts";
import { durationText } from "../go-text.ts";
import { prefixEndOf } from "../key-range.ts";

/** What came of it. */
export interface LoadResult {
  readonly tookMs: number;
  readonly delaysMs: readonly number[];
  readonly failures: readonly string[];
}

/** How much to write. */
interface LoadPlan {
  readonly prefix: string;
  readonly keyBytes: number;
  readonly valueBytes: number;
  /** Calls that may be under way at once. */
  readonly callCountMax: number;
  /** Writes in all; without it as many as fit into the time. */
  readonly writeCount?: number;
  readonly durationMs?: number;
  /** Writes a second; without it as fast as they are answered. */
  readonly perSecond?: number;
  readonly onWrite?: (done: number) => void;
}

/** Writes as planned. A write that failed is counted, not made again. */
export async function writeLoad(client: ClusterClient, plan: LoadPlan): Promise<LoadResult> {
  const {
    callCountMax,
    durationMs = Number.POSITIVE_INFINITY,
    perSecond,
    writeCount = Number.POSITIVE_INFINITY,
  } = plan;
  const value = randomBytes(plan.valueBytes);
  const delaysMs: number[] = [];
  const failures: string[] = [];
  const startMs = performance.now();
  let begun = 0;
  const worker = async (): Promise<void> => {
    while (begun < writeCount) {
      const number = begun++;
      const dueMs = perSecond === undefined ? 0 : (number * 1000) / perSecond;
      if (Math.max(dueMs, performance.now() - startMs) >= durationMs) {
        return;
      }
      const waitMs = dueMs - (performance.now() - startMs);
      if (waitMs > 0) {
        await delay(waitMs);
      }
      const sentMs = performance.now();
      try {
        await client.call(KV.method.put, { key: keyOf(plan, number), value });
        delaysMs.push(performance.now() - sentMs);
      } catch (error) {
        if (!(error instanceof ClientFailure)) {
          throw error;
        }
        failures.push(error.message);
      }
      plan.onWrite?.(delaysMs.length + failures.length);
    }
  };
  await Promise.all(Array.from({ length: callCountMax }, worker));
  return { tookMs: performance.now() - startMs, delaysMs, failures };
}

function keyOf({ keyBytes, prefix }: LoadPlan, number: number): Uint8Array {
  return utf8Encode(prefix + String(number).padStart(keyBytes, "0"));
}

/** Whether keys under the prefix exist already: they would be removed with those of the check. */
export async function isTaken(client: ClusterClient, prefix: string): Promise<boolean> {
  const key = utf8Encode(prefix);
  const answer = await client.call(KV.method.range, { key, rangeEnd: prefixEndOf(key), countOnly: true });
  return answer.count > 0n;
}

/** Removes what was written; on request compacts and defragments. */
export async function tidyUp(context: CtlContext, client: ClusterClient, prefix: string): Promise<void> {
  const key = utf8Encode(prefix);
  const { header } = await client.call(
    KV.method.deleteRange,
    { key, rangeEnd: prefixEndOf(key) },
    { timeoutMs: null },
  );
  const { flags, output } = context;
  const revision = header?.revision ?? 0n;
  if (flags.bool("auto-compact")) {
    await client.call(KV.method.compact, { revision, physical: true }, { timeoutMs: null });
    output.lines([`Compacted with revision ${revision}`]);
  }
  if (flags.bool("auto-defrag")) {
    for (const endpoint of client.config.endpoints) {
      const startMs = performance.now();
      await client.call(Maintenance.method.defragment, {}, { endpoint, timeoutMs: null });
      output.lines([`Defragmented "${endpoint.text}" in ${durationText(performance.now() - startMs)}`]);
    }
  }
}
