/** Where the leader's time goes under puts at many clients: a profile of its process, drawn as a flame graph. */
import { globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runLoadProcess } from "./cluster.ts";
import {
  between,
  type CpuProfile,
  flameGraph,
  readProfile,
  type SelfTime,
  selfTimes,
} from "./flame-graph.ts";
import { launch, leaderPosition, root, shutDown } from "./system.ts";

const clients = 1000;
const connections = 100;
const shownCount = 20;
/** Start of the load generator, and code that is not compiled yet. */
const warmUpUs = 2_000_000;

/** Loads three members for `seconds`, draws what the leader did, and prints where its time went. */
export async function benchProfile(seconds: number): Promise<{ graph: string; top: readonly SelfTime[] }> {
  const folder = mkdtempSync(join(tmpdir(), "quorate-bench-profile-"));
  const flags = process.env["QUORATE_NODE_FLAGS"] ?? "--max-semi-space-size=16";
  process.env["QUORATE_SOURCES"] = "1"; // Places in the graph are places in the sources.
  process.env["QUORATE_NODE_FLAGS"] = `${flags} --cpu-prof --cpu-prof-interval=500 --cpu-prof-dir=${folder}`;
  try {
    const running = await launch("quorate", join(root, "bin", "quorate"), ["serve"]);
    const leader = running.members[(await leaderPosition(running)) ?? 0];
    const fromUs = clockUs();
    const { perSecond } = await runLoadProcess(leader?.clientPort ?? 0, [
      `--clients=${clients}`,
      `--connections=${connections}`,
      `--seconds=${seconds}`,
    ]);
    const toUs = clockUs();
    await shutDown(running); // Profiles are written at the end of a process.
    const profile = between(profileOf(folder, leader?.process.pid ?? 0), fromUs + warmUpUs, toUs);
    const top = selfTimes(profile, shownCount);
    print(top, perSecond);
    return {
      graph: flameGraph(profile, "The leader's main thread: puts of 256 bytes from 1,000 clients"),
      top,
    };
  } finally {
    process.env["QUORATE_NODE_FLAGS"] = flags;
    delete process.env["QUORATE_SOURCES"];
    rmSync(folder, { recursive: true, force: true });
  }
}

function clockUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** The main thread's, which has the least thread id. */
function profileOf(folder: string, pid: number): CpuProfile {
  const [name] = globSync(`*.${pid}.0.*.cpuprofile`, { cwd: folder });
  if (name === undefined) {
    throw new Error(`process ${pid} left no profile`);
  }
  return readProfile(join(folder, name));
}

function print(top: readonly SelfTime[], perSecond: number): void {
  console.log(
    `\nthe leader under ${Math.round(perSecond)} puts/s, slowed by the profiler: time in the function itself`,
  );
  console.table(
    top.map(({ name, place, share }) => ({ function: name, place, "%": Number((share * 100).toFixed(1)) })),
  );
}
