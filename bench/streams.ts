/**
 * Streams by a load generator that is light enough for the servers to be the limit: events to watchers of one key, and lease
 * keep-alives. Go's client, which `etcd-benchmark` drives, takes more CPU for an event or a keep-alive than both servers together.
 */
import { median } from "./statistics.ts";
import {
  launchAll,
  type NodeCost,
  printRatio,
  type Running,
  reportOf,
  shutDown,
  withCost,
} from "./system.ts";

interface StreamLoad {
  readonly name: string;
  readonly flags: readonly string[];
}

const loads: readonly StreamLoad[] = [
  { name: "events to 100 watchers of one key", flags: ["--load=watch", "--watchers=100", "--streams=10"] },
  {
    name: "events to 10,000 watchers of one key",
    flags: ["--load=watch", "--watchers=10000", "--streams=100"],
  },
  { name: "lease keep-alives, a stream for each", flags: ["--load=keep-alive-once", "--clients=100"] },
  { name: "lease keep-alives on 100 streams", flags: ["--load=keep-alive", "--clients=100"] },
];

const warmUpSeconds = 4;

export interface StreamsOptions {
  readonly etcd: string | null;
  readonly rounds: number;
  readonly seconds: number;
  /** Only loads whose names hold this text. */
  readonly only: string;
}

/** What the load generator prints. */
interface StreamReport {
  readonly perSecond: number;
  readonly operations: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly clientCpuUs: number;
}

/** One load on one system: medians over the rounds. */
export interface StreamsResult extends NodeCost {
  readonly load: string;
  readonly system: string;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly generatorCpuUs: number;
  readonly perSecondByRound: readonly number[];
}

type Round = StreamReport & NodeCost;

/** Measures all loads. */
export async function benchStreams({
  etcd,
  only,
  rounds,
  seconds,
}: StreamsOptions): Promise<StreamsResult[]> {
  const systems = await launchAll(etcd);
  try {
    const results: StreamsResult[] = [];
    for (const load of loads.filter(({ name }) => name.includes(only))) {
      const taken = systems.map((): Round[] => []);
      for (const system of systems) {
        await measure(system, load, warmUpSeconds);
      }
      for (let round = 0; round < rounds; round++) {
        for (const [i, system] of systems.entries()) {
          taken[i]?.push(await measure(system, load, seconds));
        }
      }
      results.push(...systems.map(({ system }, i) => summarize(load, system, taken[i] ?? [])));
    }
    return results;
  } finally {
    await Promise.all(systems.map(shutDown));
  }
}

/** The making of watchers and leases counts as CPU of what follows. */
function measure(system: Running, load: StreamLoad, seconds: number): Promise<Round> {
  return withCost(
    system,
    (port) =>
      reportOf<StreamReport>("stream-load.ts", [
        `--endpoint=127.0.0.1:${port}`,
        `--seconds=${seconds}`,
        ...load.flags,
      ]),
    ({ operations }) => operations,
  );
}

function summarize(load: StreamLoad, system: string, rounds: readonly Round[]): StreamsResult {
  const middle = (pick: (round: Round) => number): number => median(rounds.map(pick));
  return {
    load: load.name,
    system,
    perSecond: middle((round) => round.perSecond),
    p50Ms: middle((round) => round.p50Ms),
    p99Ms: middle((round) => round.p99Ms),
    generatorCpuUs: middle((round) => round.clientCpuUs),
    leaderCpuUs: middle((round) => round.leaderCpuUs),
    followerCpuUs: middle((round) => round.followerCpuUs),
    leaderRssBytes: middle((round) => round.leaderRssBytes),
    followerRssBytes: middle((round) => round.followerRssBytes),
    perSecondByRound: rounds.map((round) => round.perSecond),
  };
}

/** Prints a table, and the ratios where both systems ran. */
export function printStreams(results: readonly StreamsResult[]): readonly StreamsResult[] {
  console.log(
    "\nstreams by a light client, three server processes, load on the leader (medians of the rounds)",
  );
  console.table(
    results.map((one) => ({
      load: one.load,
      system: one.system,
      "per second": Math.round(one.perSecond),
      "p50 ms": Number(one.p50Ms.toFixed(1)),
      "p99 ms": Number(one.p99Ms.toFixed(1)),
      "leader µs/op": Number(one.leaderCpuUs.toFixed(2)),
      "follower µs/op": Number(one.followerCpuUs.toFixed(2)),
      "client µs/op": Number(one.generatorCpuUs.toFixed(2)),
      "leader MB": Math.round(one.leaderRssBytes / 1e6),
      "follower MB": Math.round(one.followerRssBytes / 1e6),
    })),
  );
  for (const ours of results.filter(({ system }) => system === "quorate")) {
    const theirs = results.find(({ load, system }) => load === ours.load && system === "etcd");
    if (theirs !== undefined) {
      printRatio(ours.load, ours, theirs);
    }
  }
  return results;
}
