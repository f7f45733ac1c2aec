/**
 * What must not grow: CPU of a put as keys, log entries and idle watchers become many. Servers are processes; their CPU is read
 * from outside, so other work on the machine shows little. One member each: what grows in one grows in all.
 */
import { connect } from "node:http2";
import { setTimeout as delay } from "node:timers/promises";
import { type LoadReport, runLoadProcess } from "./cluster.ts";
import { median, ratios } from "./statistics.ts";
import { launch, type Running, root, rssBytes, shutDown, withCost } from "./system.ts";

const binary = `${root}/bin/quorate`;
const clients = 200;
const connections = 20;

/** CPU of one put at one size. */
export interface GrowthResult {
  readonly what: string;
  readonly count: number;
  /** One of each round; rounds go over all sizes of the same thing in turn. */
  readonly putCpuUs: readonly number[];
  readonly rssBytes: number;
}

export interface GrowthOptions {
  readonly keyCounts: readonly number[];
  readonly entryCounts: readonly number[];
  readonly watcherCounts: readonly number[];
  /** Puts of one sample. */
  readonly sampleCount: number;
  readonly rounds: number;
}

export const growthDefaults: GrowthOptions = {
  keyCounts: [1_000, 100_000, 1_000_000],
  entryCounts: [1_000_000, 3_000_000, 10_000_000],
  watcherCounts: [10, 1_000, 10_000],
  sampleCount: 100_000,
  rounds: 7,
};

/** A member of its size. */
interface Grown {
  /** Samples draw their keys from as many. */
  readonly keyCount: number;
  end?(): void;
}

const fewKeys = 1000;
/** As warm as the others, whatever its size. */
const warmUpPuts = 500_000;

export async function benchGrowth(options: GrowthOptions = growthDefaults): Promise<GrowthResult[]> {
  const { entryCounts, keyCounts, watcherCounts } = options;
  return [
    ...(await grow("keys", keyCounts, options, async (running, count) => {
      await puts(running, Math.max(count, warmUpPuts), count);
      return { keyCount: count };
    })),
    ...(await grow("log entries", entryCounts, options, async (running, count) => {
      await puts(running, count, fewKeys);
      return { keyCount: fewKeys };
    })),
    ...(await grow("idle watchers", watcherCounts, options, async (running, count) => {
      await puts(running, warmUpPuts, fewKeys);
      // All on one stream, each on a key that nobody writes.
      const end = await watch(running.members[0]?.clientPort ?? 0, count);
      return { keyCount: fewKeys, end };
    })),
  ];
}

/**
 * A member of each size stands beside the others and all are sampled in turn: what one member says early and late in its life
 * differs as much by the hour as by its size.
 */
async function grow(
  what: string,
  counts: readonly number[],
  { rounds, sampleCount }: GrowthOptions,
  bring: (running: Running, count: number) => Promise<Grown>,
): Promise<GrowthResult[]> {
  const members: Running[] = [];
  const grown: Grown[] = [];
  try {
    for (const count of counts) {
      const running = await launch("quorate", binary, ["serve"], 1);
      members.push(running);
      grown.push(await bring(running, count));
    }
    const samples = counts.map((): number[] => []);
    for (let round = 0; round < rounds; round++) {
      for (const [i, running] of members.entries()) {
        const work = (): Promise<LoadReport> => puts(running, sampleCount, grown[i]?.keyCount ?? fewKeys);
        samples[i]?.push((await withCost(running, work, () => sampleCount)).leaderCpuUs);
      }
    }
    return counts.map((count, i) => ({
      what,
      count,
      putCpuUs: samples[i] ?? [],
      rssBytes: rssBytes(members[i]?.members[0]?.process.pid),
    }));
  } finally {
    for (const one of grown) {
      one.end?.();
    }
    await Promise.all(members.map(shutDown));
  }
}

function puts(running: Running, count: number, keyCount: number): Promise<LoadReport> {
  return runLoadProcess(running.members[0]?.clientPort ?? 0, [
    `--clients=${clients}`,
    `--connections=${connections}`,
    `--operations=${count}`,
    `--keys=${keyCount}`,
    "--warmup-seconds=0",
  ]);
}

/** Opens `count` watchers of distinct keys and waits until all are registered; returns what closes them. */
async function watch(port: number, count: number): Promise<() => void> {
  const session = connect(`http://127.0.0.1:${port}`);
  const stream = session.request({
    ":method": "POST",
    ":path": "/etcdserverpb.Watch/Watch",
    "content-type": "application/grpc",
    te: "trailers",
  });
  let failure: Error | null = null;
  let receivedBytes = 0;
  stream.on("error", (error) => {
    failure = error;
  });
  stream.on("data", (chunk: Buffer) => {
    receivedBytes += chunk.length;
  });
  for (let n = 0; n < count; n++) {
    stream.write(createWatch(`idle/${String(n).padStart(8, "0")}`));
  }
  // Each answer to a create has ten bytes and more: a prefix of five, a header, the id, the flag.
  const deadline = performance.now() + 60_000;
  for (let before = -1; before !== receivedBytes || receivedBytes < count * 10; ) {
    if (failure !== null || performance.now() > deadline) {
      throw failure ?? new Error(`${count} watchers were not registered within a minute`);
    }
    before = receivedBytes;
    await delay(250);
  }
  return () => session.destroy();
}

/** gRPC's five bytes, then WatchRequest { create_request { key } }. */
function createWatch(name: string): Buffer {
  const key = Buffer.from(name);
  const create = Buffer.concat([Buffer.from([0x0a, key.length]), key]);
  const message = Buffer.concat([Buffer.from([0x0a, create.length]), create]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Prints a table; the least, middle and greatest quotient against the first size must stay near one. */
export function printGrowth(results: readonly GrowthResult[]): readonly GrowthResult[] {
  console.log("\none member, puts of 256 bytes: CPU of a put as the state grows");
  console.table(
    results.map((one) => {
      const first = results.find(({ what }) => what === one.what) ?? one;
      return {
        what: one.what,
        count: one.count,
        "µs/put": Number(median(one.putCpuUs).toFixed(1)),
        "against the first": ratios(one.putCpuUs, first.putCpuUs)
          .map((quotient) => quotient.toFixed(2))
          .join(" / "),
        "RSS MB": Math.round(one.rssBytes / 1e6),
      };
    }),
  );
  return results;
}
