/**
 * Puts by h2load of nghttp2: a load generator in C that takes some 2 µs of CPU a call, so that the servers are the limit and not
 * the client. All calls carry the same message; the key is one.
 */
import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { median } from "./statistics.ts";
import {
  launchAll,
  type NodeCost,
  printRatio,
  type Running,
  revisionOf,
  shutDown,
  withCost,
} from "./system.ts";

const run = promisify(execFile);
const connections = 10;
const streams = 50;
const warmUpSeconds = 6;

export interface H2loadOptions {
  readonly etcd: string | null;
  readonly rounds: number;
  readonly seconds: number;
}

/** Medians over the rounds. */
export interface H2loadResult extends NodeCost {
  readonly system: string;
  readonly perSecond: number;
  readonly perSecondByRound: readonly number[];
}

type Round = NodeCost & { readonly perSecond: number };

/** Measures; null on a machine without h2load (Debian: nghttp2-client). */
export async function benchH2load({ etcd, rounds, seconds }: H2loadOptions): Promise<H2loadResult[] | null> {
  if (spawnSync("h2load", ["--version"]).status !== 0) {
    console.log("\nh2load: SKIPPED, it is not on this machine (Debian package nghttp2-client)");
    return null;
  }
  const folder = mkdtempSync(join(tmpdir(), "quorate-bench-h2load-"));
  const body = join(folder, "put");
  writeFileSync(body, putMessage());
  const systems = await launchAll(etcd);
  try {
    const all = systems.map((): Round[] => []);
    for (const system of systems) {
      await measure(system, body, warmUpSeconds);
    }
    for (let round = 0; round < rounds; round++) {
      for (const [i, system] of systems.entries()) {
        all[i]?.push(await measure(system, body, seconds));
      }
    }
    return systems.map(({ system }, i) => {
      const taken = all[i] ?? [];
      return {
        system,
        perSecond: median(taken.map((one) => one.perSecond)),
        leaderCpuUs: median(taken.map((one) => one.leaderCpuUs)),
        followerCpuUs: median(taken.map((one) => one.followerCpuUs)),
        leaderRssBytes: median(taken.map((one) => one.leaderRssBytes)),
        followerRssBytes: median(taken.map((one) => one.followerRssBytes)),
        perSecondByRound: taken.map((one) => one.perSecond),
      };
    });
  } finally {
    await Promise.all(systems.map(shutDown));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** gRPC's five bytes, then a PutRequest: field 1 the key, field 2 a value of 256 bytes. */
function putMessage(): Buffer {
  const key = Buffer.from("bench/key/00000000000000000000");
  const value = Buffer.alloc(256, "v");
  const message = Buffer.concat([
    Buffer.from([0x0a, key.length]),
    key,
    Buffer.from([0x12, 0x80, 0x02]),
    value,
  ]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function measure(system: Running, body: string, seconds: number): Promise<Round> {
  return withCost(
    system,
    async (port) => {
      const before = await revisionOf(port);
      const perSecond = await load(port, body, seconds);
      const made = (await revisionOf(port)) - before;
      // It counts answers by their HTTP status, and gRPC's errors have status 200 too.
      if (!(made >= perSecond * seconds)) {
        throw new Error(`h2load: ${perSecond * seconds} answers, but ${made} revisions`);
      }
      return { perSecond };
    },
    ({ perSecond }) => perSecond * seconds,
  );
}

async function load(port: number, body: string, seconds: number): Promise<number> {
  const { stdout, stderr } = await run("h2load", [
    `--clients=${connections}`,
    `--max-concurrent-streams=${streams}`,
    `--duration=${seconds}`,
    `--data=${body}`,
    "--header=content-type: application/grpc",
    "--header=te: trailers",
    `http://127.0.0.1:${port}/etcdserverpb.KV/Put`,
  ]);
  const succeeded = Number(/, (\d+) succeeded/.exec(stdout)?.[1] ?? Number.NaN);
  const failed = Number(/, (\d+) failed/.exec(stdout)?.[1] ?? Number.NaN);
  if (!(succeeded > 0) || failed > 0) {
    throw new Error(`h2load: ${succeeded} answers, ${failed} failed: ${stderr}`);
  }
  return succeeded / seconds;
}

/** Prints a table, and the ratio where both systems ran. */
export function printH2load(results: readonly H2loadResult[] | null): readonly H2loadResult[] | null {
  if (results === null) {
    return null;
  }
  console.log(
    `\nputs of 256 bytes by h2load, ${connections} connections of ${streams} calls, load on the leader`,
  );
  console.table(
    results.map((one) => ({
      system: one.system,
      "puts/s": Math.round(one.perSecond),
      "leader µs/put": Number(one.leaderCpuUs.toFixed(1)),
      "follower µs/put": Number(one.followerCpuUs.toFixed(1)),
      "leader MB": Math.round(one.leaderRssBytes / 1e6),
      "follower MB": Math.round(one.followerRssBytes / 1e6),
    })),
  );
  const [ours, theirs] = results;
  if (ours !== undefined && theirs !== undefined) {
    printRatio("put", ours, theirs);
  }
  return results;
}
