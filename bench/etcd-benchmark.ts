/**
 * etcd's own load generator, `benchmark`, against three servers of each system in turn. Its Go client takes 25 to 30 µs of CPU a
 * call, on the same machine: at many clients it is the limit, and so the ratio says less than what the servers' CPU says.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { goVersion } from "../scripts/lib/etcd-raft.ts";
import { type LoadResult, type LoadRound, loadResult, printLoads } from "./load-result.ts";
import { launchAll, type Running, root, shutDown, withCost } from "./system.ts";

const generatorFolder = "bench/etcd-benchmark";
const generatorPackage = "go.etcd.io/etcd/v3/tools/benchmark";

/** What one run of the generator is asked to do; `operations` are what its last summary counts. */
interface GeneratorLoad {
  readonly name: string;
  readonly clients: number;
  readonly connections: number;
  /** The command with its flags, without the total. */
  readonly command: readonly string[];
  readonly totalFlag: "--total" | "--put-total";
  /** Operations for each unit of the total: watchers that see each put. */
  readonly operationsPerUnit: number;
  /** Of the first run, which warms up and tells the rate. */
  readonly firstTotal: number;
}

const put = ["put", "--key-size=30", "--val-size=256", "--key-space-size=10000"];
const total = { totalFlag: "--total", operationsPerUnit: 1, firstTotal: 5000 } as const;

function watchLoad(streams: number, watchersPerStream: number, firstTotal: number): GeneratorLoad {
  const watchers = streams * watchersPerStream;
  return {
    name: `watch, ${watchers.toLocaleString("en")} watchers of one key`,
    clients: 10,
    connections: 10,
    command: [
      "watch",
      `--streams=${streams}`,
      `--watch-per-stream=${watchersPerStream}`,
      "--put-rate=1000000",
    ],
    totalFlag: "--put-total",
    operationsPerUnit: watchers,
    firstTotal,
  };
}

/** Given to each system before anything is measured: servers that just started are not what anybody runs. */
const warmUpTotal = 100_000;

const manyPuts: GeneratorLoad = {
  name: "put",
  clients: 1000,
  connections: 100,
  command: put,
  ...total,
  firstTotal: 20_000,
};

const loads: readonly GeneratorLoad[] = [
  manyPuts,
  { name: "put", clients: 100, connections: 10, command: put, ...total },
  { name: "put", clients: 1, connections: 1, command: put, ...total, firstTotal: 500 },
  {
    name: "range, linearizable",
    clients: 100,
    connections: 10,
    command: ["range", "foo", "--consistency=l"],
    ...total,
  },
  {
    name: "range, serializable",
    clients: 100,
    connections: 10,
    command: ["range", "foo", "--consistency=s"],
    ...total,
  },
  {
    name: "txn of one put",
    clients: 100,
    connections: 10,
    command: ["txn-put", "--key-size=30", "--val-size=256", "--key-space-size=10000"],
    ...total,
  },
  { name: "lease keep-alive", clients: 100, connections: 10, command: ["lease-keepalive"], ...total },
  watchLoad(10, 10, 1000),
  watchLoad(100, 100, 20),
];

function nameOf({ clients, connections, name }: GeneratorLoad): string {
  return `${name} ${clients}/${connections}`;
}

interface GeneratorReport {
  /** User and system time of the generator. */
  readonly cpuSeconds: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface GeneratorOptions {
  readonly etcd: string | null;
  readonly rounds: number;
  readonly seconds: number;
  /** Only loads whose names hold this text. */
  readonly only: string;
}

/** Measures all loads; null on a machine without Go. */
export async function benchEtcdBenchmark(options: GeneratorOptions): Promise<LoadResult[] | null> {
  if (goVersion() === null) {
    console.log("\netcd's benchmark: SKIPPED, there is no Go to build it with");
    return null;
  }
  const generator = build();
  const systems = await launchAll(options.etcd);
  try {
    for (const system of systems) {
      await measure(generator, system, manyPuts, warmUpTotal);
    }
    const results: LoadResult[] = [];
    for (const load of loads.filter((one) => nameOf(one).includes(options.only))) {
      results.push(...(await measureLoad(generator, systems, load, options)));
    }
    return results;
  } finally {
    await Promise.all(systems.map(shutDown));
  }
}

function build(): string {
  const folder = join(root, ".cache", "bench");
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "etcd-benchmark");
  const { error, status, stderr } = spawnSync("go", ["build", "-o", path, generatorPackage], {
    cwd: join(root, generatorFolder),
    env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-buildvcs=false" },
    encoding: "utf8",
  });
  if (error !== undefined || status !== 0) {
    throw new Error(`etcd's benchmark did not build: ${error?.message ?? stderr}`);
  }
  return path;
}

async function measureLoad(
  generator: string,
  systems: readonly Running[],
  load: GeneratorLoad,
  { rounds, seconds }: GeneratorOptions,
): Promise<LoadResult[]> {
  const reports = systems.map((): LoadRound[] => []);
  const totals: number[] = [];
  for (const system of systems) {
    const first = await measure(generator, system, load, load.firstTotal);
    totals.push(Math.max(load.firstTotal, Math.ceil((first.perSecond * seconds) / load.operationsPerUnit)));
  }
  for (let round = 0; round < rounds; round++) {
    for (const [i, system] of systems.entries()) {
      reports[i]?.push(await measure(generator, system, load, totals[i] ?? load.firstTotal));
    }
  }
  return systems.map(({ system }, i) => loadResult(nameOf(load), system, reports[i] ?? []));
}

async function measure(
  generator: string,
  system: Running,
  load: GeneratorLoad,
  total: number,
): Promise<LoadRound> {
  const operations = total * load.operationsPerUnit;
  const report = await withCost(
    system,
    (port) =>
      generate(generator, [
        `--endpoints=127.0.0.1:${port}`,
        `--clients=${load.clients}`,
        `--conns=${load.connections}`,
        ...load.command,
        `${load.totalFlag}=${total}`,
      ]),
    () => operations,
  );
  return { ...report, generatorCpuUs: (report.cpuSeconds * 1e6) / operations };
}

async function generate(generator: string, args: readonly string[]): Promise<GeneratorReport> {
  // Its gRPC library logs to stderr at length; what it says matters only when it fails. Node does not tell a child's CPU; a shell does.
  const script = '"$0" "$@"; code=$?; times; exit $code';
  const child = spawn("sh", ["-c", script, generator, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-2000);
  });
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) {
    throw new Error(`${args.join(" ")} ended with ${code}: ${errors}`);
  }
  return parseReport(output);
}

/** The last summary is the one that counts: a watch prints that of its registrations first. */
export function parseReport(output: string): GeneratorReport {
  const [, failures] = output.split("Error distribution:");
  if (failures !== undefined) {
    throw new Error(`calls of etcd's benchmark failed: ${failures.trim().slice(0, 500)}`);
  }
  const summary = output.slice(output.lastIndexOf("Summary:"));
  const number = (pattern: RegExp): number => Number(pattern.exec(summary)?.[1] ?? Number.NaN);
  const perSecond = number(/Requests\/sec:\s+([\d.]+)/);
  if (!Number.isFinite(perSecond)) {
    throw new Error(`etcd's benchmark printed no rate: ${output.slice(-500)}`);
  }
  return {
    cpuSeconds: childSeconds(output),
    perSecond,
    p50Ms: number(/50% in ([\d.]+) secs/) * 1000,
    p99Ms: number(/99% in ([\d.]+) secs/) * 1000,
  };
}

/** The last line of a shell's `times`: user and system time of its children, as 1m2.500s each. */
function childSeconds(output: string): number {
  const last = output.trimEnd().split("\n").at(-1) ?? "";
  const times = [...last.matchAll(/(\d+)m([\d.]+)s/g)];
  return times.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0);
}

/** Prints a table, and the ratios where both systems ran. */
export function printEtcdBenchmark(results: readonly LoadResult[] | null): readonly LoadResult[] | null {
  if (results === null) {
    return null;
  }
  printLoads("etcd's own benchmark, loads as clients/connections", results);
  return results;
}
