/** What a load on a system comes to: medians over the rounds, with what it cost servers and load generator, and how they are shown. */
import { median } from "./statistics.ts";
import { type NodeCost, printRatio } from "./system.ts";

/** One round. */
export interface LoadRound extends NodeCost {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU of the load generator for an operation. */
  readonly generatorCpuUs: number;
}

/** All rounds. */
export interface LoadResult extends LoadRound {
  readonly load: string;
  readonly system: string;
  readonly perSecondByRound: readonly number[];
}

/** The medians of the rounds, each figure's own. */
export function loadResult(load: string, system: string, rounds: readonly LoadRound[]): LoadResult {
  const middle = (pick: (round: LoadRound) => number): number => median(rounds.map(pick));
  return {
    load,
    system,
    perSecond: middle((round) => round.perSecond),
    p50Ms: middle((round) => round.p50Ms),
    p99Ms: middle((round) => round.p99Ms),
    leaderCpuUs: middle((round) => round.leaderCpuUs),
    followerCpuUs: middle((round) => round.followerCpuUs),
    leaderRssBytes: middle((round) => round.leaderRssBytes),
    followerRssBytes: middle((round) => round.followerRssBytes),
    generatorCpuUs: middle((round) => round.generatorCpuUs),
    perSecondByRound: rounds.map((round) => round.perSecond),
  };
}

/** Prints a table, and the ratios where both systems ran. */
export function printLoads(title: string, results: readonly LoadResult[]): void {
  console.log(`\n${title}, three server processes, load on the leader (medians of the rounds)`);
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
  printRatios(results, ({ load }) => load);
}

/** One line for each load that both systems ran, by its name. */
export function printRatios<
  Result extends { readonly system: string; readonly perSecondByRound: readonly number[] },
>(results: readonly Result[], nameOf: (result: Result) => string): void {
  for (const ours of results.filter(({ system }) => system === "quorate")) {
    const theirs = results.find((one) => one.system === "etcd" && nameOf(one) === nameOf(ours));
    if (theirs !== undefined) {
      printRatio(nameOf(ours), ours, theirs);
    }
  }
}
