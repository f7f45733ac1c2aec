/**
 * The systems under measurement: three server processes of ours or of etcd on loopback, started with the same flags, because only
 * what runs side by side in one run can be compared on a noisy machine. Linux only: CPU and memory come from /proc.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePorts } from "@quorate/raft-node/testing";
import { ratios } from "./statistics.ts";

/** The repository. */
export const root: string = join(import.meta.dirname, "..");
const clockTicksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
const electionMsMax = 30_000;
/** No load comes near it: a put that is refused for want of space costs less than one that is done. */
const quotaBytes = 8 * 2 ** 30;

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

/** Starts members, three unless told, and waits for a leader. `prefix` stands before the flags that both systems share. */
export async function launch(
  system: string,
  binary: string,
  prefix: readonly string[],
  memberCount = 3,
): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), `quorate-bench-${system}-`));
  const ports = await freePorts(2 * memberCount);
  const names = Array.from({ length: memberCount }, (_, i) => `m${i + 1}`);
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
      `--quota-backend-bytes=${quotaBytes}`,
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
  const deadline = performance.now() + electionMsMax;
  while ((await leaderPosition(running)) === null) {
    if (performance.now() > deadline) {
      const logs = names
        .map((name) => readFileSync(join(folder, `${name}.log`), "utf8").slice(-2000))
        .join("\n");
      await shutDown(running);
      throw new Error(`${system} elected no leader within ${electionMsMax} ms\n${logs}`);
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

/** The revision of a member, by its metrics. */
export async function revisionOf(clientPort: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${clientPort}/metrics`)).text();
  return Number(/^etcd_debugging_mvcc_current_revision (\S+)$/m.exec(text)?.[1] ?? Number.NaN);
}

/** CPU time of the leader and of the followers, in microseconds for each operation, and what they hold resident at the end. */
export interface NodeCost {
  readonly leaderCpuUs: number;
  readonly followerCpuUs: number;
  readonly leaderRssBytes: number;
  readonly followerRssBytes: number;
}

/** Runs `work` against the leader's client port; `operationsOf` says how many operations its report stands for. */
export async function withCost<Report>(
  running: Running,
  work: (leaderPort: number) => Promise<Report>,
  operationsOf: (report: Report, elapsedSeconds: number) => number,
): Promise<Report & NodeCost> {
  const leader = (await leaderPosition(running)) ?? 0;
  const before = running.members.map(({ process: { pid } }) => cpuSeconds(pid));
  const started = performance.now();
  const report = await work(running.members[leader]?.clientPort ?? 0);
  const operations = Math.max(1, operationsOf(report, (performance.now() - started) / 1000));
  const used = running.members.map(({ process: { pid } }, i) => cpuSeconds(pid) - (before[i] ?? 0));
  const ofFollowers = (values: readonly number[]): number => {
    const followers = values.filter((_, i) => i !== leader);
    return followers.reduce((sum, one) => sum + one, 0) / Math.max(1, followers.length);
  };
  const rss = running.members.map(({ process: { pid } }) => rssBytes(pid));
  return {
    ...report,
    leaderCpuUs: ((used[leader] ?? 0) * 1e6) / operations,
    followerCpuUs: (ofFollowers(used) * 1e6) / operations,
    leaderRssBytes: rss[leader] ?? 0,
    followerRssBytes: ofFollowers(rss),
  };
}

/** Runs a load generator of this folder to its end; what it says is one line of JSON. */
export async function reportOf<Report>(script: string, flags: readonly string[]): Promise<Report> {
  const child = spawn(process.execPath, [join(root, "bench", script), ...flags], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) {
    throw new Error(`${script} ended with ${code}`);
  }
  return JSON.parse(output) as Report;
}

/** Starts ours, and etcd beside it where there is a binary. */
export async function launchAll(etcd: string | null): Promise<Running[]> {
  const systems = [await launch("quorate", join(root, "bin", "quorate"), ["serve"])];
  try {
    if (etcd !== null) {
      systems.push(await launch("etcd", etcd, []));
    }
    return systems;
  } catch (error) {
    await Promise.all(systems.map(shutDown));
    throw error;
  }
}

/** One line: how many times the rate of the other system, round by round. */
export function printRatio(
  what: string,
  ours: { readonly system: string; readonly perSecondByRound: readonly number[] },
  theirs: { readonly system: string; readonly perSecondByRound: readonly number[] },
): void {
  const text = ratios(ours.perSecondByRound, theirs.perSecondByRound).map((ratio) => ratio.toFixed(2));
  console.log(`${what}: ${ours.system} / ${theirs.system} = ${text.join(" / ")} (min / median / max)`);
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
