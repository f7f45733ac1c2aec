/**
 * Three server processes under load: calls per second, latency, CPU per call of the leader and of the followers. With an etcd
 * binary the same load goes to three etcd processes, in turn within the same run.
 */
import { printRatios } from "./load-result.ts";
import { median } from "./statistics.ts";
import { launchAll, type NodeCost, type Running, reportOf, shutDown, withCost } from "./system.ts";

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

const put = { operation: "put" } as const;

/** What is measured. */
export const clusterLoads: readonly Load[] = [
  { ...put, clients: 1, connections: 1 },
  { ...put, clients: 64, connections: 8 },
  { ...put, clients: 1000, connections: 100 },
  { operation: "range", clients: 100, connections: 10 },
  { operation: "serializable-range", clients: 100, connections: 10 },
];

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
  readonly followerRssBytes: number;
  readonly perSecondByRound: readonly number[];
}

/** What the load generator prints. */
export interface LoadReport {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
  readonly clientCpuUs: number;
}

type Round = LoadReport & NodeCost;

export async function benchCluster(options: ClusterBenchOptions): Promise<ClusterResult[]> {
  const systems = await launchAll(options.etcd);
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

function measure(running: Running, load: Load, seconds: number): Promise<Round> {
  return withCost(
    running,
    (port) => runLoad(port, load, seconds),
    // The warm-up second is work too.
    ({ perSecond }, elapsedSeconds) => perSecond * Math.min(elapsedSeconds, seconds + 1),
  );
}

async function runLoad(port: number, load: Load, seconds: number): Promise<LoadReport> {
  return runLoadProcess(port, [
    `--clients=${load.clients}`,
    `--connections=${load.connections}`,
    `--seconds=${seconds}`,
    `--operation=${load.operation}`,
  ]);
}

/** Runs the load generator to its end; a call that failed ends the benchmark, for its figure would be of something else. */
export async function runLoadProcess(port: number, flags: readonly string[]): Promise<LoadReport> {
  const report = await reportOf<LoadReport>("load.ts", [`--endpoint=127.0.0.1:${port}`, ...flags]);
  if (report.failed > 0) {
    throw new Error(`${report.failed} calls of ${flags.join(" ")} failed`);
  }
  return report;
}

function summarize(system: string, load: Load, rounds: readonly Round[]): ClusterResult {
  const middle = (pick: (round: Round) => number): number => median(rounds.map(pick));
  return {
    system,
    load,
    perSecond: middle((round) => round.perSecond),
    p50Ms: middle((round) => round.p50Ms),
    p99Ms: middle((round) => round.p99Ms),
    leaderCpuUs: middle((round) => round.leaderCpuUs),
    followerCpuUs: middle((round) => round.followerCpuUs),
    clientCpuUs: middle((round) => round.clientCpuUs),
    leaderRssBytes: middle((round) => round.leaderRssBytes),
    followerRssBytes: middle((round) => round.followerRssBytes),
    perSecondByRound: rounds.map((round) => round.perSecond),
  };
}

/** Prints a table, and the ratios where both systems ran. */
export function printCluster(results: readonly ClusterResult[]): readonly ClusterResult[] {
  console.log("\nthree server processes, values of 256 bytes, load on the leader (medians of the rounds)");
  console.table(
    results.map((one) => ({
      load: `${one.load.operation} ${one.load.clients}/${one.load.connections}`,
      system: one.system,
      "ops/s": Math.round(one.perSecond),
      "p50 ms": Number(one.p50Ms.toFixed(2)),
      "p99 ms": Number(one.p99Ms.toFixed(2)),
      "leader µs/op": Number(one.leaderCpuUs.toFixed(1)),
      "follower µs/op": Number(one.followerCpuUs.toFixed(1)),
      "client µs/op": Number(one.clientCpuUs.toFixed(1)),
      "leader MB": Math.round(one.leaderRssBytes / 1e6),
    })),
  );
  printRatios(results, ({ load }) => `${load.operation} ${load.clients}/${load.connections}`);
  return results;
}
