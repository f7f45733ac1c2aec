/**
 * A million keys of 256 bytes in a real cluster: resident memory of the leader, and the longest event-loop gap while they are
 * loaded and while they are overwritten. Heartbeats live on that event loop, so a long gap is an election.
 */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { runLoadProcess } from "./cluster.ts";
import { launch, leaderPosition, type Running, root, rssBytes, shutDown } from "./system.ts";

const keyCount = 1_000_000;
const overwriteCount = 600_000;

/** One phase of the run, of the leader. */
export interface MemoryResult {
  readonly phase: string;
  readonly perSecond: number;
  readonly rssBytesMax: number;
  readonly longestGapMs: number;
}

export async function benchMemory(): Promise<MemoryResult[]> {
  const running = await launch("quorate", join(root, "bin", "quorate"), ["serve"]);
  try {
    const results = [
      await measurePhase(running, "load", keyCount),
      await measurePhase(running, "overwrite", overwriteCount),
    ];
    console.log("\none million keys of 256 bytes, three server processes; the leader");
    console.table(
      results.map((one) => ({
        phase: one.phase,
        "puts/s": Math.round(one.perSecond),
        "max RSS MB": Math.round(one.rssBytesMax / 1e6),
        "longest event-loop gap ms": Number(one.longestGapMs.toFixed(1)),
      })),
    );
    return results;
  } finally {
    await shutDown(running);
  }
}

async function measurePhase(running: Running, phase: string, operationCount: number): Promise<MemoryResult> {
  const leader = running.members[(await leaderPosition(running)) ?? 0];
  if (leader === undefined) {
    throw new Error("a cluster has members");
  }
  await longestGapMs(leader.clientPort); // Forgets what came before this phase.
  let done = false;
  const load = runLoadProcess(leader.clientPort, [
    "--clients=500",
    "--connections=50",
    `--operations=${operationCount}`,
    `--keys=${keyCount}`,
    "--warmup-seconds=0",
  ]).finally(() => {
    done = true;
  });
  let rssBytesMax = 0;
  let gapMs = 0;
  while (!done) {
    await delay(500);
    rssBytesMax = Math.max(rssBytesMax, rssBytes(leader.process.pid));
    gapMs = Math.max(gapMs, await longestGapMs(leader.clientPort));
  }
  const { perSecond } = await load;
  return { phase, perSecond, rssBytesMax, longestGapMs: gapMs };
}

/** The longest gap since the last time it was asked: the server's own histogram, 10 ms of which are its sampling interval. */
async function longestGapMs(port: number): Promise<number> {
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const seconds = Number(/^nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(metrics)?.[1] ?? Number.NaN);
  return Math.max(0, seconds * 1000 - 10);
}
