/**
 * `npm run bench [-- PART…] [--etcd PATH] [--rounds N] [--seconds N] [--kills N] [--keys N] [--json FILE]`: measures, never judges. Absolute figures
 * belong to the machine they were taken on; compare within one run.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

const parts: Readonly<Record<string, () => Promise<unknown>>> = {
  core: async () => (await import("./core.ts")).benchCore(),
  wal: async () => (await import("./wal.ts")).benchWal(),
  kv: async () => (await import("./kv.ts")).benchKv(),
  grpc: async () => {
    const { benchGrpc, printGrpc } = await import("./grpc.ts");
    return printGrpc(await benchGrpc(Number(flags.rounds)));
  },
  memory: async () => (await import("./memory.ts")).benchMemory(),
  snapshot: async () => (await import("./snapshot.ts")).benchSnapshot(),
  failover: async () => {
    const { benchFailover, printFailover } = await import("./failover.ts");
    return printFailover(await benchFailover({ etcd: flags.etcd ?? null, kills: Number(flags.kills) }));
  },
  "etcd-benchmark": async () => {
    const { benchEtcdBenchmark, printEtcdBenchmark } = await import("./etcd-benchmark.ts");
    return printEtcdBenchmark(await benchEtcdBenchmark(roundOptions()));
  },
  h2load: async () => {
    const { benchH2load, printH2load } = await import("./h2load.ts");
    return printH2load(await benchH2load(roundOptions()));
  },
  restart: async () => {
    const { benchRestart, printRestart } = await import("./restart.ts");
    return printRestart(await benchRestart(flags.etcd ?? null, Number(flags.keys)));
  },
  growth: async () => {
    const { benchGrowth, printGrowth } = await import("./growth.ts");
    return printGrowth(await benchGrowth());
  },
  library: async () => {
    const { benchLibrary, printLibrary } = await import("./library.ts");
    return printLibrary(await benchLibrary(roundOptions()));
  },
  cluster: async () => printCluster(await (await import("./cluster.ts")).benchCluster(clusterOptions())),
};

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    etcd: { type: "string" },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "4" },
    kills: { type: "string", default: "50" },
    keys: { type: "string", default: "1000000" },
    json: { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  },
});

if (flags.help) {
  console.log(
    `usage: npm run bench [-- ${Object.keys(parts).join("|")} …] [--etcd PATH] [--rounds N] [--seconds N] [--kills N] [--keys N] [--json FILE]`,
  );
  process.exit(0);
}

function roundOptions(): { etcd: string | null; rounds: number; seconds: number } {
  return { etcd: flags.etcd ?? null, rounds: Number(flags.rounds), seconds: Number(flags.seconds) };
}

function clusterOptions(): import("./cluster.ts").ClusterBenchOptions {
  const put = { operation: "put" } as const;
  return {
    ...roundOptions(),
    loads: [
      { ...put, clients: 1, connections: 1 },
      { ...put, clients: 64, connections: 8 },
      { ...put, clients: 1000, connections: 100 },
      { operation: "range", clients: 100, connections: 10 },
      { operation: "serializable-range", clients: 100, connections: 10 },
    ],
  };
}

function printCluster(results: readonly import("./cluster.ts").ClusterResult[]): unknown {
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
      failed: one.failed,
    })),
  );
  for (const ours of results.filter((one) => one.system === "quorate")) {
    const theirs = results.find((one) => one.system !== "quorate" && one.load === ours.load);
    if (theirs !== undefined) {
      const ratios = ours.perSecondByRound.map(
        (rate, i) => rate / (theirs.perSecondByRound[i] ?? Number.NaN),
      );
      const sorted = ratios.toSorted((left, right) => left - right);
      const text = [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)]
        .map((ratio) => ratio?.toFixed(2))
        .join(" / ");
      console.log(
        `${ours.load.operation} ${ours.load.clients}: quorate / ${theirs.system} = ${text} (min / median / max)`,
      );
    }
  }
  return results;
}

const chosen = positionals.length > 0 ? positionals : Object.keys(parts);
const unknown = chosen.filter((part) => parts[part] === undefined);
if (unknown.length > 0) {
  console.error(`bench: no part called ${unknown.join(", ")}; there are ${Object.keys(parts).join(", ")}`);
  process.exit(2);
}
const collected: Record<string, unknown> = {};
for (const part of chosen) {
  collected[part] = await parts[part]?.();
}
if (flags.json !== undefined) {
  writeFileSync(flags.json, `${JSON.stringify(collected, null, 2)}\n`);
}
