/**
 * `npm run bench -- --etcd PATH`: three servers of ours and three of etcd, the same loads in turn (A B A B …). With names of parts
 * only those. It measures and never judges: absolute figures belong to the machine they were taken on, compare within one run. What
 * was measured is kept in bench/results (record.ts), and docs/performance.md is made anew from it.
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { writePerformance } from "../scripts/performance.ts";
import { keepRows, type Row, resultsFolder } from "./record.ts";

const { values: flags, positionals } = parse();

/** The parts that run both systems in turn, and that the goals are about. */
const comparison = ["etcd-benchmark", "h2load", "streams", "failover", "restart"];

const usage = `usage: npm run bench -- [PART …] [--etcd PATH] [--rounds N] [--seconds N] [--kills N] [--keys N] [--only TEXT] [--no-record]

Without a part: ${comparison.join(", ")}, each on ours and, with --etcd, on etcd in turn.
  --etcd PATH   etcd's server, to be measured beside ours
  --rounds N    rounds of each load (5)          --seconds N  seconds of a round (4)
  --kills N     kills of failover (50)           --keys N     keys of restart (1000000)
  --only TEXT   of etcd-benchmark and streams, loads whose names hold TEXT: "put 1000", "watch"
  --no-record   leave bench/results and docs/performance.md as they are
`;

const { keys, kills, rounds, seconds } = {
  keys: whole("keys"),
  kills: whole("kills"),
  rounds: whole("rounds"),
  seconds: whole("seconds"),
};
const options = { etcd: flags.etcd ?? null, rounds, seconds, only: flags.only };

/** Measures, prints, and returns the rows to keep; none for what has no goal. */
const parts: Readonly<Record<string, () => Promise<readonly Row[]>>> = {
  "etcd-benchmark": async () => {
    const { benchEtcdBenchmark, printEtcdBenchmark } = await import("./etcd-benchmark.ts");
    return (await rows()).etcdBenchmarkRows(printEtcdBenchmark(await benchEtcdBenchmark(options)) ?? []);
  },
  h2load: async () => {
    const { benchH2load, printH2load } = await import("./h2load.ts");
    return (await rows()).h2loadRows(printH2load(await benchH2load(options)) ?? []);
  },
  streams: async () => {
    const { benchStreams, printStreams } = await import("./streams.ts");
    return (await rows()).streamsRows(printStreams(await benchStreams(options)));
  },
  failover: async () => {
    const { benchFailover, printFailover } = await import("./failover.ts");
    return (await rows()).failoverRows(printFailover(await benchFailover({ ...options, kills })));
  },
  restart: async () => {
    const { benchRestart, printRestart } = await import("./restart.ts");
    return (await rows()).restartRows(printRestart(await benchRestart(options.etcd, keys)));
  },
  cluster: async () => {
    const { benchCluster, clusterLoads, printCluster } = await import("./cluster.ts");
    return (await rows()).clusterRows(printCluster(await benchCluster({ ...options, loads: clusterLoads })));
  },
  library: async () => {
    const { benchLibrary, printLibrary } = await import("./library.ts");
    return (await rows()).libraryRows(printLibrary(await benchLibrary(options)));
  },
  core: async () => (await rows()).coreRows((await import("./core.ts")).benchCore()),
  growth: async () => {
    const { benchGrowth, printGrowth } = await import("./growth.ts");
    return (await rows()).growthRows(printGrowth(await benchGrowth()));
  },
  memory: async () => (await rows()).memoryRows(await (await import("./memory.ts")).benchMemory()),
  snapshot: async () => (await rows()).snapshotRows(await (await import("./snapshot.ts")).benchSnapshot()),
  workers: async () => {
    const { benchWorkers, printWorkers } = await import("./workers.ts");
    return (await rows()).workerRows(printWorkers(await benchWorkers(options)));
  },
  profile: async () => {
    const { graph, top } = await (await import("./profile.ts")).benchProfile(seconds);
    if (!flags["no-record"]) {
      writeFileSync(join(resultsFolder, "flame-graph.svg"), graph);
    }
    return (await rows()).profileRows(top);
  },
  wal: async () => {
    await (await import("./wal.ts")).benchWal();
    return [];
  },
  kv: async () => {
    await (await import("./kv.ts")).benchKv();
    return [];
  },
  grpc: async () => {
    const { benchGrpc, printGrpc } = await import("./grpc.ts");
    printGrpc(await benchGrpc(rounds));
    return [];
  },
};

function rows(): Promise<typeof import("./rows.ts")> {
  return import("./rows.ts");
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        etcd: { type: "string" },
        rounds: { type: "string", default: "5" },
        seconds: { type: "string", default: "4" },
        kills: { type: "string", default: "50" },
        keys: { type: "string", default: "1000000" },
        only: { type: "string", default: "" },
        "no-record": { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

function whole(name: "keys" | "kills" | "rounds" | "seconds"): number {
  const value = Number(flags[name]);
  if (!Number.isSafeInteger(value) || value < 1) {
    fail(`--${name} ${flags[name]} is not a whole number of at least 1`);
  }
  return value;
}

function fail(message: string): never {
  console.error(`bench: ${message}`);
  process.exit(2);
}

async function main(): Promise<void> {
  if (flags.help) {
    process.stdout.write(`${usage}Parts: ${Object.keys(parts).join(", ")}\n`);
    return;
  }
  const chosen = positionals.length > 0 ? positionals : comparison;
  const unknown = chosen.filter((part) => parts[part] === undefined);
  if (unknown.length > 0) {
    fail(`no part called ${unknown.join(", ")}; there are ${Object.keys(parts).join(", ")}`);
  }
  if (flags.etcd !== undefined && spawnSync(flags.etcd, ["--version"]).status !== 0) {
    fail(`--etcd ${flags.etcd} is no program`);
  }
  for (const part of chosen) {
    const measured = (await parts[part]?.()) ?? [];
    if (!flags["no-record"] && measured.length > 0) {
      keepRows(part, measured, part === "profile" ? "drop" : "keep");
    }
  }
  if (!flags["no-record"]) {
    writePerformance();
  }
}

await main();
