/**
 * What must not grow: CPU of a put as keys, log entries and idle watchers become many. Servers are processes; their CPU is read
 * from outside, so other work on the machine shows little. One member each: what grows in one grows in all.
 */
import { connect } from "node:http2";
import { setTimeout as delay } from "node:timers/promises";
import { type LoadReport, runLoadProcess } from "./cluster.ts";
import { launch, type Running, root, rssBytes, shutDown, withCost } from "./system.ts";

const binary = `${root}/bin/quorate`;
const clients = 200;
const connections = 20;

/** CPU of one put at one size. */
export interface GrowthResult {
  readonly what: string;
  readonly count: number;
  readonly putCpuUs: number;
  readonly rssBytes: number;
}

export interface GrowthOptions {
  readonly keyCounts: readonly number[];
  /** Ascending; each is reached from the one before it. */
  readonly entryCounts: readonly number[];
  readonly watcherCounts: readonly number[];
  readonly sampleCount: number;
}

export const growthDefaults: GrowthOptions = {
  keyCounts: [1_000, 100_000, 1_000_000],
  entryCounts: [1_000_000, 3_000_000, 10_000_000],
  watcherCounts: [10, 1_000, 10_000],
  sampleCount: 200_000,
};

export async function benchGrowth(options: GrowthOptions = growthDefaults): Promise<GrowthResult[]> {
  return [...(await growKeys(options)), ...(await growEntries(options)), ...(await growWatchers(options))];
}

/** Puts to keys that exist, drawn over all of them. */
async function growKeys({ keyCounts, sampleCount }: GrowthOptions): Promise<GrowthResult[]> {
  return withMember(async (running) => {
    const results: GrowthResult[] = [];
    let present = 0;
    for (const count of keyCounts) {
      await puts(running, count - present, count);
      present = count;
      results.push(await sample(running, "keys", count, sampleCount, count));
    }
    return results;
  });
}

async function growEntries({ entryCounts, sampleCount }: GrowthOptions): Promise<GrowthResult[]> {
  return withMember(async (running) => {
    const keyCount = 1000;
    const results: GrowthResult[] = [];
    let written = 0;
    for (const count of entryCounts) {
      await puts(running, Math.max(0, count - written - sampleCount), keyCount);
      results.push(await sample(running, "log entries", count, sampleCount, keyCount));
      written = count;
    }
    return results;
  });
}

/** All on one stream, each on a key that nobody writes. */
async function growWatchers({ sampleCount, watcherCounts }: GrowthOptions): Promise<GrowthResult[]> {
  const results: GrowthResult[] = [];
  for (const count of watcherCounts) {
    results.push(
      ...(await withMember(async (running) => {
        await puts(running, sampleCount, 1000); // As warm as with the next number of watchers.
        const end = await watch(running.members[0]?.clientPort ?? 0, count);
        try {
          return [await sample(running, "idle watchers", count, sampleCount, 1000)];
        } finally {
          end();
        }
      })),
    );
  }
  return results;
}

async function withMember<Result>(work: (running: Running) => Promise<Result>): Promise<Result> {
  const running = await launch(
    "quorate",
    binary,
    ["serve", "--auto-compaction-mode=revision", "--auto-compaction-retention=10000"],
    1,
  );
  try {
    return await work(running);
  } finally {
    await shutDown(running);
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

async function sample(
  running: Running,
  what: string,
  count: number,
  sampleCount: number,
  keyCount: number,
): Promise<GrowthResult> {
  const { leaderCpuUs } = await withCost(
    running,
    () => puts(running, sampleCount, keyCount),
    () => sampleCount,
  );
  const bytes = rssBytes(running.members[0]?.process.pid);
  return { what, count, putCpuUs: leaderCpuUs, rssBytes: bytes };
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

/** Prints a table; `against the first` must stay near one. */
export function printGrowth(results: readonly GrowthResult[]): readonly GrowthResult[] {
  console.log("\none member, puts of 256 bytes: CPU of a put as the state grows");
  console.table(
    results.map((one) => {
      const first = results.find(({ what }) => what === one.what) ?? one;
      return {
        what: one.what,
        count: one.count,
        "µs/put": Number(one.putCpuUs.toFixed(1)),
        "against the first": Number((one.putCpuUs / first.putCpuUs).toFixed(2)),
        "RSS MB": Math.round(one.rssBytes / 1e6),
      };
    }),
  );
  return results;
}
