/**
 * Streams by a load generator that is light enough for the servers to be the limit: events to watchers of one key, and lease
 * keep-alives. Go's client, which `etcd-benchmark` drives, takes more CPU for an event or a keep-alive than both servers together.
 */
import { type LoadResult, type LoadRound, loadResult, printLoads } from "./load-result.ts";
import { launchAll, type Running, reportOf, shutDown, withCost } from "./system.ts";

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

/** Measures all loads. */
export async function benchStreams({ etcd, only, rounds, seconds }: StreamsOptions): Promise<LoadResult[]> {
  const systems = await launchAll(etcd);
  try {
    const results: LoadResult[] = [];
    for (const load of loads.filter(({ name }) => name.includes(only))) {
      const taken = systems.map((): LoadRound[] => []);
      for (const system of systems) {
        await measure(system, load, warmUpSeconds);
      }
      for (let round = 0; round < rounds; round++) {
        for (const [i, system] of systems.entries()) {
          taken[i]?.push(await measure(system, load, seconds));
        }
      }
      results.push(...systems.map(({ system }, i) => loadResult(load.name, system, taken[i] ?? [])));
    }
    return results;
  } finally {
    await Promise.all(systems.map(shutDown));
  }
}

/** The making of watchers and leases counts as CPU of what follows. */
async function measure(system: Running, load: StreamLoad, seconds: number): Promise<LoadRound> {
  const report = await withCost(
    system,
    (port) =>
      reportOf<StreamReport>("stream-load.ts", [
        `--endpoint=127.0.0.1:${port}`,
        `--seconds=${seconds}`,
        ...load.flags,
      ]),
    ({ operations }) => operations,
  );
  return { ...report, generatorCpuUs: report.clientCpuUs };
}

/** Prints a table, and the ratios where both systems ran. */
export function printStreams(results: readonly LoadResult[]): readonly LoadResult[] {
  printLoads("streams by a light client", results);
  return results;
}
