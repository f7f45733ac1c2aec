/** What each part of the benchmark reports, as the rows that are kept. */
import type { ClusterResult } from "./cluster.ts";
import type { CoreResult } from "./core.ts";
import type { FailoverResult } from "./failover.ts";
import type { SelfTime } from "./flame-graph.ts";
import type { GrowthResult } from "./growth.ts";
import type { H2loadResult } from "./h2load.ts";
import type { LibraryResult } from "./library.ts";
import type { LoadResult } from "./load-result.ts";
import type { MemoryResult } from "./memory.ts";
import type { Row, Side } from "./record.ts";
import type { RestartResult } from "./restart.ts";
import type { SnapshotResult } from "./snapshot.ts";
import type { WorkerResult } from "./workers.ts";

interface Measured extends Omit<Side, "rounds"> {
  readonly perSecondByRound: readonly number[];
}

/** Leaves out what does not belong to a side. */
function sideOf(one: Measured): Side {
  const { followerCpuUs, followerRssBytes, generatorCpuUs, leaderCpuUs, leaderRssBytes } = one;
  const { p50Ms, p99Ms, system } = one;
  return {
    system,
    rounds: one.perSecondByRound,
    ...(p50Ms !== undefined && { p50Ms }),
    ...(p99Ms !== undefined && { p99Ms }),
    ...(leaderCpuUs !== undefined && { leaderCpuUs }),
    ...(followerCpuUs !== undefined && { followerCpuUs }),
    ...(leaderRssBytes !== undefined && { leaderRssBytes }),
    ...(followerRssBytes !== undefined && { followerRssBytes }),
    ...(generatorCpuUs !== undefined && { generatorCpuUs }),
  };
}

/** Rows of results that name what they measured by `nameOf`, one result for each system. */
function rates<Result extends Measured>(
  results: readonly Result[],
  nameOf: (result: Result) => string,
  whatOf: (name: string) => string = (name) => name,
): Row[] {
  return [...new Set(results.map(nameOf))].map((id) => ({
    id,
    what: whatOf(id),
    unit: "/s",
    better: "more",
    sides: results.filter((one) => nameOf(one) === id).map(sideOf),
  }));
}

export function etcdBenchmarkRows(results: readonly LoadResult[]): Row[] {
  return rates(results, ({ load }) => load);
}

export function h2loadRows(results: readonly H2loadResult[]): Row[] {
  return rates(
    results,
    () => "put",
    () => "put by h2load, 10 connections of 50 calls",
  );
}

export function streamsRows(results: readonly LoadResult[]): Row[] {
  return rates(
    results,
    ({ load }) => load,
    (name) => `${name}, a light client`,
  );
}

export function clusterRows(results: readonly ClusterResult[]): Row[] {
  return rates(
    results,
    ({ load }) => `${load.operation} ${load.clients}/${load.connections}`,
    (name) => `${name}, our own client`,
  );
}

export function libraryRows(results: readonly LibraryResult[]): Row[] {
  return rates(
    // All three members run in one process: there is no leader's share.
    results.map((one) => ({ ...one, leaderCpuUs: one.cpuUs })),
    ({ inFlight }) => String(inFlight),
    (name) => `applied by the library, ${Number(name).toLocaleString("en")} in flight`,
  );
}

export function coreRows({ results }: { readonly results: readonly CoreResult[] }): Row[] {
  return results.map((one) => ({
    id: `${one.members}/${one.batch}`,
    what: `the core in memory, ${one.members} ${one.members === 1 ? "member" : "members"}, batches of ${one.batch}`,
    unit: "/s",
    better: "more",
    sides: [
      { system: "quorate", rounds: [one.entriesPerSecond] },
      ...(one.etcdEntriesPerSecond === null
        ? []
        : [{ system: "etcd-io/raft", rounds: [one.etcdEntriesPerSecond] }]),
    ],
  }));
}

export function restartRows(results: readonly RestartResult[]): Row[] {
  const row = (id: string, what: string, unit: string, pick: (one: RestartResult) => number): Row => ({
    id,
    what,
    unit,
    better: "less",
    sides: results.map((one) => ({ system: one.system, rounds: [pick(one)] })),
  });
  const keys = (results[0]?.keys ?? 0).toLocaleString("en");
  return [
    row("idle", "memory of a member, idle", "MB", (one) => one.idleRssBytes / 1e6),
    row("loaded", `memory after ${keys} puts of 256 bytes`, "MB", (one) => one.loadedRssBytes / 1e6),
    row("restarted", `memory after a restart with ${keys} keys`, "MB", (one) => one.restartedRssBytes / 1e6),
    row(
      "first put",
      `restart of all members with ${keys} keys to the first put`,
      "s",
      (one) => one.firstPutSeconds,
    ),
  ];
}

export function failoverRows(results: readonly FailoverResult[]): Row[] {
  return [
    {
      id: "resumed",
      what: "kill -9 of the leader until writes resume",
      unit: "ms",
      better: "less",
      sides: results.map(({ resumedMs, system }) => ({ system, rounds: resumedMs })),
    },
  ];
}

export function growthRows(results: readonly GrowthResult[]): Row[] {
  return results.map((one) => ({
    id: `${one.what} ${one.count}`,
    what: `CPU of a put, ${one.count.toLocaleString("en")} ${one.what}`,
    unit: "µs",
    better: "less",
    sides: [{ system: "quorate", rounds: one.putCpuUs, leaderRssBytes: one.rssBytes }],
  }));
}

export function memoryRows(results: readonly MemoryResult[]): Row[] {
  return results.map((one) => ({
    id: one.phase,
    what: `longest gap of the leader's event loop, a million keys: ${one.phase}`,
    unit: "ms",
    better: "less",
    sides: [{ system: "quorate", rounds: [one.longestGapMs], leaderRssBytes: one.rssBytesMax }],
  }));
}

export function snapshotRows(results: readonly SnapshotResult[]): Row[] {
  return results.map((one) => ({
    id: one.phase,
    what: `longest turn of the leader's event loop by CPU time, a snapshot of a million keys is ${one.phase}`,
    unit: "ms",
    better: "less",
    sides: [{ system: "quorate", rounds: [one.longestTurnCpuMs] }],
  }));
}

export function profileRows(top: readonly SelfTime[]): Row[] {
  return top.map(({ name, place, share }) => ({
    id: `${name} ${place}`,
    what: place === "" ? name : `\`${name}\` ${place}`,
    unit: "%",
    better: "less",
    sides: [{ system: "quorate", rounds: [share * 100] }],
  }));
}

export function workerRows(results: readonly WorkerResult[]): Row[] {
  return [...new Set(results.map(({ load }) => load))].map((load) => ({
    id: load,
    what: `${load} on one server without peers`,
    unit: "/s",
    better: "more",
    sides: results
      .filter((one) => one.load === load)
      .map((one) => ({
        system: one.form === "main" ? "connections in the main thread" : "connections in a worker",
        rounds: one.perSecondByRound,
        p50Ms: one.p50Ms,
        p99Ms: one.p99Ms,
        leaderCpuUs: one.cpuUs,
        mainThreadUs: one.mainThreadUs,
      })),
  }));
}
