/**
 * Three real server processes under load: puts/s, latency, CPU per put of the leader and of the followers. With an etcd
 * binary the same load goes to three etcd processes, interleaved in the same run, because only ratios survive a noisy machine.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePorts } from "@quorate/raft-node/testing";

/** The repository. */
export const root: string = join(import.meta.dirname, "..");
const clockTicksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

export interface ClusterBenchOptions {
  readonly etcd: string | null;
  readonly rounds: number;
  readonly seconds: number;
  readonly loads: readonly Load[];
}

/** `clients` calls in flight over `connections`. */
export interface Load {
  readonly operation: "put" | "range" | "serializable-range";
  readonly clients: number;
  readonly connections: number;
}

/** One load on one system: medians over the rounds. */
export interface ClusterResult {
  readonly system: string;
  readonly load: Load;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly leaderCpuUs: number;
  readonly followerCpuUs: number;
  readonly clientCpuUs: number;
  readonly leaderRssBytes: number;
  readonly failed: number;
  readonly perSecondByRound: readonly number[];
}

/** A started system. */
export interface Running {
  readonly system: string;
  readonly folder: string;
  readonly members: readonly RunningMember[];
}

/** One member; after its end `restart` starts it anew on the same data. */
export interface RunningMember {
  process: ChildProcess;
  readonly clientPort: number;
  restart(): void;
}

/** What the load generator prints. */
export interface LoadReport {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
  readonly clientCpuUs: number;
}

type Round = LoadReport & { leaderCpuUs: number; followerCpuUs: number; leaderRssBytes: number };

export async function benchCluster(options: ClusterBenchOptions): Promise<ClusterResult[]> {
  const systems = [await launch("quorate", join(root, "bin", "quorate"), ["serve"])];
  if (options.etcd !== null) {
    systems.push(await launch("etcd", options.etcd, []));
  }
  const results: ClusterResult[] = [];
  try {
    for (const load of options.loads) {
      const rounds = systems.map((): Round[] => []);
      for (let round = 0; round < options.rounds; round++) {
        for (const [i, system] of systems.entries()) {
          rounds[i]?.push(await measure(system, load, options.seconds));
        }
      }
      for (const [i, system] of systems.entries()) {
        results.push(summarize(system.system, load, rounds[i] ?? []));
      }
    }
  } finally {
    await Promise.all(systems.map(shutDown));
  }
  return results;
}

/** Starts three members and waits for a leader. */
export async function launch(system: string, binary: string, prefix: readonly string[]): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), `quorate-bench-${system}-`));
  const ports = await freePorts(6);
  const names = ["m1", "m2", "m3"];
  const peerUrl = (i: number): string => `http://127.0.0.1:${ports[2 * i + 1]}`;
  const members = names.map((name, i) => {
    const clientPort = ports[2 * i] ?? 0;
    const log = openSync(join(folder, `${name}.log`), "a");
    const args = [
      ...prefix,
      `--name=${name}`,
      `--data-dir=${join(folder, name)}`,
      `--listen-client-urls=http://127.0.0.1:${clientPort}`,
      `--advertise-client-urls=http://127.0.0.1:${clientPort}`,
      `--listen-peer-urls=${peerUrl(i)}`,
      `--initial-advertise-peer-urls=${peerUrl(i)}`,
      `--initial-cluster=${names.map((other, k) => `${other}=${peerUrl(k)}`).join(",")}`,
      "--initial-cluster-state=new",
      "--initial-cluster-token=bench",
      "--log-level=error",
    ];
    const start = (): ChildProcess => spawn(binary, args, { stdio: ["ignore", log, log] });
    const member: RunningMember = {
      process: start(),
      clientPort,
      restart() {
        member.process = start();
      },
    };
    return member;
  });
  const running = { system, folder, members };
  const deadline = performance.now() + 30_000;
  while ((await leaderPosition(running)) === null) {
    if (performance.now() > deadline) {
      const logs = names
        .map((name) => readFileSync(join(folder, `${name}.log`), "utf8").slice(-2000))
        .join("\n");
      await shutDown(running);
      throw new Error(`${system} elected no leader within 30 s\n${logs}`);
    }
    await delay(100);
  }
  return running;
}

/** Asks each member's metrics, which both systems name alike. */
export async function leaderPosition(running: Running): Promise<number | null> {
  for (const [i, member] of running.members.entries()) {
    try {
      const answer = await fetch(`http://127.0.0.1:${member.clientPort}/metrics`);
      if (/^etcd_server_is_leader(\{[^}]*\})? 1$/m.test(await answer.text())) {
        return i;
      }
    } catch {
      return null; // Not listening yet.
    }
  }
  return null;
}

async function measure(running: Running, load: Load, seconds: number): Promise<Round> {
  const leader = (await leaderPosition(running)) ?? 0;
  const before = running.members.map(({ process: { pid } }) => cpuSeconds(pid));
  const started = performance.now();
  const report = await runLoad(running.members[leader]?.clientPort ?? 0, load, seconds);
  const elapsedSeconds = (performance.now() - started) / 1000;
  const used = running.members.map(({ process: { pid } }, i) => cpuSeconds(pid) - (before[i] ?? 0));
  // The warm-up second is work too: spread CPU over all that was done in the elapsed time.
  const calls = report.perSecond * Math.min(elapsedSeconds, seconds + 1);
  const perCall = (cpu: number): number => (cpu * 1e6) / Math.max(1, calls);
  const followers = used.filter((_, i) => i !== leader);
  return {
    ...report,
    leaderCpuUs: perCall(used[leader] ?? 0),
    followerCpuUs: perCall(followers.reduce((sum, one) => sum + one, 0) / Math.max(1, followers.length)),
    leaderRssBytes: rssBytes(running.members[leader]?.process.pid),
  };
}

async function runLoad(port: number, load: Load, seconds: number): Promise<LoadReport> {
  return runLoadProcess(port, [
    `--clients=${load.clients}`,
    `--connections=${load.connections}`,
    `--seconds=${seconds}`,
    `--operation=${load.operation}`,
  ]);
}

/** Runs the load generator to its end. */
export async function runLoadProcess(port: number, flags: readonly string[]): Promise<LoadReport> {
  const child = spawn(
    process.execPath,
    [join(root, "bench", "load.ts"), `--endpoint=127.0.0.1:${port}`, ...flags],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) {
    throw new Error(`the load generator ended with ${code}`);
  }
  return JSON.parse(output) as LoadReport;
}

function summarize(system: string, load: Load, rounds: readonly Round[]): ClusterResult {
  const median = (pick: (round: Round) => number): number =>
    rounds.map(pick).toSorted((left, right) => left - right)[rounds.length >> 1] ?? Number.NaN;
  return {
    system,
    load,
    perSecond: median((round) => round.perSecond),
    p50Ms: median((round) => round.p50Ms),
    p99Ms: median((round) => round.p99Ms),
    leaderCpuUs: median((round) => round.leaderCpuUs),
    followerCpuUs: median((round) => round.followerCpuUs),
    clientCpuUs: median((round) => round.clientCpuUs),
    leaderRssBytes: median((round) => round.leaderRssBytes),
    failed: rounds.reduce((sum, round) => sum + round.failed, 0),
    perSecondByRound: rounds.map((round) => round.perSecond),
  };
}

/** User and system time of a process, all its threads. */
function cpuSeconds(pid: number | undefined): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / clockTicksPerSecond;
}

/** Resident memory of a process. */
export function rssBytes(pid: number | undefined): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
}

/** Ends all members and removes their data. */
export async function shutDown(running: Running): Promise<void> {
  await Promise.all(
    running.members.map(async ({ process: child }) => {
      if (child.exitCode === null && child.signalCode === null) {
        const gone = once(child, "exit");
        child.kill("SIGTERM");
        const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
        await gone;
        clearTimeout(timer);
      }
    }),
  );
  rmSync(running.folder, { recursive: true, force: true });
}
