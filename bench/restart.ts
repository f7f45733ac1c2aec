/**
 * A million keys of 256 bytes in three members, all stopped, then all started: how long until the first put is acknowledged, and
 * what the members hold in memory afterwards. Idle memory is taken before anything was written.
 */
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { runLoadProcess } from "./cluster.ts";
import { LightClient } from "./light-client.ts";
import { launchAll, leaderPosition, type Running, rssBytes, shutDown } from "./system.ts";

const givenUpMs = 120_000;

/** One system; bytes are those of the member that needs most. */
export interface RestartResult {
  readonly system: string;
  readonly keys: number;
  readonly idleRssBytes: number;
  readonly loadedRssBytes: number;
  readonly firstPutSeconds: number;
  readonly restartedRssBytes: number;
}

export async function benchRestart(etcd: string | null, keys: number): Promise<RestartResult[]> {
  const systems = await launchAll(etcd);
  try {
    const results: RestartResult[] = [];
    for (const system of systems) {
      results.push(await measure(system, keys));
    }
    return results;
  } finally {
    await Promise.all(systems.map(shutDown));
  }
}

async function measure(running: Running, keys: number): Promise<RestartResult> {
  await delay(2000);
  const idleRssBytes = mostMemory(running);
  const leader = running.members[(await leaderPosition(running)) ?? 0];
  await runLoadProcess(leader?.clientPort ?? 0, [
    "--clients=200",
    "--connections=20",
    `--operations=${keys}`,
    `--keys=${keys}`,
    "--warmup-seconds=0",
  ]);
  const loadedRssBytes = mostMemory(running);
  await Promise.all(
    running.members.map(async ({ process }) => {
      const gone = once(process, "exit");
      process.kill("SIGTERM");
      await gone;
    }),
  );
  const started = performance.now();
  for (const member of running.members) {
    member.restart();
  }
  await firstPut(running);
  const firstPutSeconds = (performance.now() - started) / 1000;
  await delay(2000);
  return {
    system: running.system,
    keys,
    idleRssBytes,
    loadedRssBytes,
    firstPutSeconds,
    restartedRssBytes: mostMemory(running),
  };
}

function mostMemory({ members }: Running): number {
  return Math.max(...members.map(({ process }) => rssBytes(process.pid)));
}

/** Asks all members in turn until one acknowledges. */
async function firstPut({ members, system }: Running): Promise<void> {
  const deadline = performance.now() + givenUpMs;
  const message = Buffer.from([0x0a, 1, 0x61, 0x12, 1, 0x62]); // key "a", value "b"
  for (let at = 0; performance.now() < deadline; at++) {
    const port = members[at % members.length]?.clientPort ?? 0;
    try {
      const client = await LightClient.open("127.0.0.1", port, "/etcdserverpb.KV/Put");
      const isAnswered = await new Promise<boolean>((resolve) => {
        setTimeout(() => resolve(false), 5000).unref();
        client.call(message, resolve);
      });
      client.close();
      if (isAnswered) {
        return;
      }
    } catch {
      // Not listening yet: the next member, a moment later.
    }
    await delay(5);
  }
  throw new Error(`${system}: no put was acknowledged within ${givenUpMs} ms of the restart`);
}

/** Prints a table. */
export function printRestart(results: readonly RestartResult[]): readonly RestartResult[] {
  const mb = (bytes: number): number => Math.round(bytes / 1e6);
  console.log(
    "\nthree members stopped and started again, keys of 256 bytes; memory of the member that needs most",
  );
  console.table(
    results.map((one) => ({
      system: one.system,
      keys: one.keys,
      "idle MB": mb(one.idleRssBytes),
      "loaded MB": mb(one.loadedRssBytes),
      "first put s": Number(one.firstPutSeconds.toFixed(2)),
      "restarted MB": mb(one.restartedRssBytes),
    })),
  );
  return results;
}
