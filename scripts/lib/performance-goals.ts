/** What Quorate wants to reach, each with the row of bench/results that says whether it does. */
import type { KeptRow, Side } from "../../bench/record.ts";
import { median, ratios } from "../../bench/statistics.ts";

/** What a row says about a goal. */
interface Reached {
  readonly text: string;
  readonly isMet: boolean;
}

/** One line of the table. */
export interface Goal {
  readonly what: string;
  readonly goal: string;
  readonly part: string;
  readonly row: string;
  /** As times the other system, for the chart; null where the goal is no quotient. */
  readonly times: number | null;
  /** Null when the row lacks what is needed, as the other system. */
  readonly reached: (row: KeptRow, of: RowOf) => Reached | null;
}

/** Finds a row of the same part. */
export type RowOf = (id: string) => KeptRow | null;

/** How many times better ours is: least, median, greatest. Null with one system. */
export function timesBetter({ better, sides }: KeptRow): [number, number, number] | null {
  const [ours, theirs] = sides;
  if (ours === undefined || theirs === undefined) {
    return null;
  }
  if (better === "more") {
    return ratios(ours.rounds, theirs.rounds);
  }
  const quotient = median(theirs.rounds) / median(ours.rounds);
  return [quotient, quotient, quotient];
}

function times(what: string, part: string, row: string, least: number): Goal {
  return {
    what,
    goal: `≥ ${least} ×`,
    part,
    row,
    times: least,
    reached: (kept) => {
      const found = timesBetter(kept);
      return found === null
        ? null
        : {
            text: `**${found[1].toFixed(2)} ×** (${found[0].toFixed(2)} to ${found[2].toFixed(2)})`,
            isMet: found[1] >= least,
          };
    },
  };
}

function atMost(
  what: string,
  [part, row]: readonly [string, string],
  most: number,
  unit: string,
  pick: (ours: Side, theirs: Side | undefined) => number | undefined,
): Goal {
  return {
    what,
    goal: `≤ ${most} ${unit}`,
    part,
    row,
    times: null,
    reached: ({ sides: [ours, theirs] }) => {
      const value = ours === undefined ? undefined : pick(ours, theirs);
      return value === undefined
        ? null
        : { text: `**${Number(value.toPrecision(3))} ${unit}**`, isMet: value <= most };
    },
  };
}

const middle = ({ rounds }: Side): number => median(rounds);

function quantile(share: number): (ours: Side) => number {
  return ({ rounds }) =>
    rounds.toSorted((left, right) => left - right)[Math.ceil(share * rounds.length) - 1] ?? Number.NaN;
}

/**
 * A figure as a part of etcd's in the same rounds. The goals in microseconds are of a machine on which etcd takes `theirsThere` of them; a host
 * that is slower, or shared, makes both systems slower.
 */
function share(
  what: string,
  [part, row]: readonly [string, string],
  most: number,
  theirsThere: number,
  pick: (side: Side) => number | undefined,
): Goal {
  return {
    what,
    goal: `≤ ${(most / theirsThere).toFixed(2)} (${most} of ${theirsThere} µs)`,
    part,
    row,
    times: null,
    reached: ({ sides: [ours, theirs] }) => {
      const [own, other] = [ours && pick(ours), theirs && pick(theirs)];
      if (own === undefined || other === undefined) {
        return null;
      }
      const text = `**${(own / other).toFixed(2)}** (${own.toFixed(1)} of ${other.toFixed(1)} µs)`;
      return { text, isMet: own / other <= most / theirsThere };
    },
  };
}

/** The last size against the first: rounds went over both in turn. */
function flat(what: string, thing: string, from: number, to: number): Goal {
  return {
    what,
    goal: "± 20 %",
    part: "growth",
    row: `${thing} ${to}`,
    times: null,
    reached: (kept, of) => {
      const [first, last] = [of(`${thing} ${from}`)?.sides[0], kept.sides[0]];
      if (first === undefined || last === undefined) {
        return null;
      }
      const quotients = ratios(last.rounds, first.rounds);
      const [least, change, most] = quotients.map((quotient) => {
        const percent = Math.round((quotient - 1) * 100);
        return `${percent < 0 ? "−" : "+"}${Math.abs(percent)} %`;
      });
      return {
        text: `**${change}** (${least} to ${most})`,
        isMet: Math.abs(quotients[1] - 1) <= 0.2,
      };
    },
  };
}

const busyPut = ["etcd-benchmark", "put 1000/100"] as const;

/** All of them, in the order of the table. */
export const goals: readonly Goal[] = [
  times("puts, etcd's `benchmark`, 1,000 clients", ...busyPut, 3),
  times("puts, etcd's `benchmark`, 100 clients", "etcd-benchmark", "put 100/10", 3),
  times("puts, h2load (a light client)", "h2load", "put", 6),
  atMost("CPU of a put, leader", busyPut, 15, "µs", ({ leaderCpuUs }) => leaderCpuUs),
  atMost("CPU of a put, follower", busyPut, 6, "µs", ({ followerCpuUs }) => followerCpuUs),
  share("the same, as a part of etcd's, leader", busyPut, 15, 56, ({ leaderCpuUs }) => leaderCpuUs),
  share("the same, as a part of etcd's, follower", busyPut, 6, 16, ({ followerCpuUs }) => followerCpuUs),
  times("puts, one client", "etcd-benchmark", "put 1/1", 1.4),
  times("linearizable ranges, 100 clients", "etcd-benchmark", "range, linearizable 100/10", 2.5),
  times("serializable ranges, 100 clients", "etcd-benchmark", "range, serializable 100/10", 2),
  times("transactions", "etcd-benchmark", "txn of one put 100/10", 2),
  times("lease keep-alives, etcd's `benchmark`", "etcd-benchmark", "lease keep-alive 100/10", 2),
  times("the same, a light client", "streams", "lease keep-alives, a stream for each", 2),
  times("the same, streams that stay", "streams", "lease keep-alives on 100 streams", 2),
  times("events to 100 watchers", "etcd-benchmark", "watch, 100 watchers of one key 10/10", 2),
  times("events to 10,000 watchers", "etcd-benchmark", "watch, 10,000 watchers of one key 10/10", 2),
  atMost("memory of an idle member, above etcd's", ["restart", "idle"], 40, "MB", (ours, theirs) =>
    theirs === undefined ? undefined : middle(ours) - middle(theirs),
  ),
  atMost("memory with a million keys of 256 bytes", ["restart", "loaded"], 600, "MB", middle),
  atMost("restart of all with a million keys, to the first put", ["restart", "first put"], 3, "s", middle),
  atMost("longest turn of the leader's event loop, snapshot made", ["snapshot", "made"], 5, "ms", middle),
  atMost("longest turn of the leader's event loop, snapshot sent", ["snapshot", "sent"], 5, "ms", middle),
  atMost("leader killed, writes resume: median", ["failover", "resumed"], 150, "ms", middle),
  atMost("leader killed, writes resume: 99 of 100", ["failover", "resumed"], 400, "ms", quantile(0.99)),
  flat("CPU of a put, a thousand to a million keys", "keys", 1_000, 1_000_000),
  flat("CPU of a put, one to ten million log entries", "log entries", 1_000_000, 10_000_000),
  flat("CPU of a put, ten to ten thousand idle watchers", "idle watchers", 10, 10_000),
  times("library, 1 in flight, against hashicorp/raft", "library", "1", 1),
  times("library, 64 in flight, against hashicorp/raft", "library", "64", 3),
  times("library, 1,024 in flight, against hashicorp/raft", "library", "1024", 5),
  {
    what: "core in memory, 3 members, batches of 64",
    goal: "≥ 1,000,000 /s",
    part: "core",
    row: "3/64",
    times: null,
    reached: ({ sides: [ours] }) =>
      ours === undefined
        ? null
        : {
            text: `**${Math.round(middle(ours)).toLocaleString("en")} /s**`,
            isMet: middle(ours) >= 1_000_000,
          },
  },
];
