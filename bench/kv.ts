/**
 * The key-value state machine alone: µs per put, get and range at 1 thousand to 1 million keys, and what overwriting a
 * million keys costs in memory and pauses. `node --conditions=source bench/kv.ts [KEYS]`
 */
import { performance } from "node:perf_hooks";
import { Prng } from "@quorate/base";
import { encodeCommand, KvStateMachine, type PutRequest, type RangeRequest } from "@quorate/kv";

const valueBytes = 256;
const batchLength = 64;
/** Of {@link measureSize}, with a look ahead and without. */
const overwriteRounds = 10;
const none = new Uint8Array(0);
const encoder = new TextEncoder();

const keyOf = (n: number): Uint8Array =>
  encoder.encode(`/registry/pods/namespace-${n % 97}/${String(n).padStart(10, "0")}`);

function putOf(n: number, fill: number): PutRequest {
  const value = new Uint8Array(valueBytes).fill(fill);
  return {
    type: "put",
    key: keyOf(n),
    value,
    lease: 0n,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
  };
}

function rangeOf(key: Uint8Array, rangeEnd: Uint8Array, limit: number): RangeRequest {
  return {
    type: "range",
    key,
    rangeEnd,
    limit,
    revision: 0,
    sortOrder: "none",
    sortTarget: "key",
    serializable: true,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
  };
}

/** This thread's CPU time in milliseconds: what others do on the machine does not count. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

class Bench {
  readonly machine: KvStateMachine = new KvStateMachine();
  /** Whether the machine is told of a batch before, as the host of a member does. */
  looksAhead = true;
  #index = 0;

  /** Applies commands made beforehand, in batches with a turn of the event loop between; µs per command. */
  async puts(
    count: number,
    keyAt: (i: number) => number,
    afterTurn: () => void = () => undefined,
  ): Promise<number> {
    let busy = 0;
    for (let done = 0; done < count; done += batchLength) {
      const commands: Uint8Array[] = [];
      for (let i = 0; i < batchLength && done + i < count; i++) {
        commands.push(encodeCommand(putOf(keyAt(done + i), i)));
      }
      const start = cpuMs();
      if (this.looksAhead) {
        this.machine.lookAhead(commands);
      }
      for (const command of commands) {
        this.machine.apply(command, { index: ++this.#index, term: 1 });
      }
      busy += cpuMs() - start;
      afterTurn();
      await new Promise(setImmediate);
    }
    return (busy * 1000) / count;
  }

  compact(): void {
    const revision = this.machine.revision;
    this.machine.apply(encodeCommand({ type: "compaction", revision, physical: false }), {
      index: ++this.#index,
      term: 1,
    });
  }

  gets(count: number, keyCount: number, random: Prng): number {
    const requests = Array.from({ length: 4096 }, () => rangeOf(keyOf(random.integer(0, keyCount)), none, 0));
    const start = cpuMs();
    for (let i = 0; i < count; i++) {
      this.machine.range(requests[i & 4095] as RangeRequest);
    }
    return ((cpuMs() - start) * 1000) / count;
  }

  /** Ranges that hold about a hundred keys each. */
  ranges(count: number, keyCount: number, random: Prng): number {
    const requests = Array.from({ length: 256 }, () => {
      const first = random.integer(0, Math.max(1, keyCount - 9_800));
      return rangeOf(keyOf(first), keyOf(first + 97 * 100), 100);
    });
    const start = cpuMs();
    for (let i = 0; i < count; i++) {
      this.machine.range(requests[i & 255] as RangeRequest);
    }
    return ((cpuMs() - start) * 1000) / count;
  }
}

const rssMb = (): number => Math.round(process.memoryUsage.rss() / 1e6);
const round = (value: number, digits = 2): number => Number(value.toFixed(digits));

/** µs of CPU per operation at one number of keys. */
export interface KvSizeResult {
  readonly keys: number;
  readonly putNewUs: number;
  readonly putOldUs: number;
  /** The same without a look ahead, in turn with it. */
  readonly putOldUnseenUs: number;
  readonly getUs: number;
  readonly range100Us: number;
  readonly rssMb: number;
}

/** What 600,000 overwrites cost; pauses in milliseconds of the thread's own CPU and of the clock. */
export interface KvOverwriteResult {
  readonly compactedEach: number;
  readonly putUs: number;
  readonly sweepUsPerPut: number;
  readonly longestTurnCpuMs: number;
  readonly longestTurnMs: number;
  readonly rssMbMax: number;
  readonly dbMb: number;
  readonly liveMb: number;
}

/** All of it. */
export interface KvBenchResult {
  readonly sizes: readonly KvSizeResult[];
  readonly overwrites: readonly KvOverwriteResult[];
  readonly image: Readonly<Record<string, number>>;
}

async function measureSize(bench: Bench, keys: number): Promise<KvSizeResult> {
  const random = new Prng(7);
  const shuffled = (i: number): number => Number((BigInt(i) * 7_368_787n) % BigInt(keys));
  const putNewUs = round(await bench.puts(keys, shuffled));
  const old = { seen: 0, unseen: 0 };
  for (let i = 0; i < overwriteRounds; i++) {
    bench.looksAhead = true;
    old.seen += await bench.puts(25_600, () => random.integer(0, keys));
    bench.looksAhead = false;
    old.unseen += await bench.puts(25_600, () => random.integer(0, keys));
  }
  bench.looksAhead = true;
  const putOldUs = round(old.seen / overwriteRounds);
  const putOldUnseenUs = round(old.unseen / overwriteRounds);
  bench.compact();
  while (bench.machine.sweep(1_000)) {}
  const getUs = round(bench.gets(200_000, keys, random));
  const range100Us = round(bench.ranges(2_000, keys, random), 1);
  return { keys, putNewUs, putOldUs, putOldUnseenUs, getUs, range100Us, rssMb: rssMb() };
}

async function overwrite(bench: Bench, keys: number, compactedEach: number): Promise<KvOverwriteResult> {
  const random = new Prng(11);
  const turn = { at: performance.now(), cpu: cpuMs(), longest: 0, longestCpu: 0 };
  let sweepMs = 0;
  let rssMbMax = rssMb();
  let puts = 0;
  const putUs = await bench.puts(
    600_000,
    () => random.integer(0, keys),
    () => {
      const start = cpuMs();
      while (bench.machine.sweep(256) && cpuMs() - start < 1) {}
      sweepMs += cpuMs() - start;
      puts += batchLength;
      if (compactedEach > 0 && puts % compactedEach < batchLength) {
        bench.compact();
        rssMbMax = Math.max(rssMbMax, rssMb());
      }
      const now = { at: performance.now(), cpu: cpuMs() };
      turn.longest = Math.max(turn.longest, now.at - turn.at);
      turn.longestCpu = Math.max(turn.longestCpu, now.cpu - turn.cpu);
      Object.assign(turn, now);
    },
  );
  return {
    compactedEach,
    putUs: round(putUs),
    sweepUsPerPut: round(sweepMs / 600),
    longestTurnCpuMs: round(turn.longestCpu, 1),
    longestTurnMs: round(turn.longest, 1),
    rssMbMax: Math.max(rssMbMax, rssMb()),
    dbMb: Math.round(bench.machine.dbSizeBytes / 1e6),
    liveMb: Math.round(bench.machine.liveBytes / 1e6),
  };
}

function measureImage(machine: KvStateMachine): Record<string, number> {
  const image = machine.snapshot();
  const restore = new KvStateMachine().restore();
  let readMs = 0;
  let sliceMs = 0;
  let writeMs = 0;
  let bytes = 0;
  for (;;) {
    const start = cpuMs();
    const chunk = image.read(256 * 1024);
    const read = cpuMs() - start;
    readMs += read;
    sliceMs = Math.max(sliceMs, read);
    if (chunk === null) {
      break;
    }
    bytes += chunk.length;
    restore.write(chunk);
    writeMs += cpuMs() - start - read;
  }
  image.close();
  restore.finish();
  return {
    mb: Math.round(bytes / 1e6),
    readSeconds: round(readMs / 1000),
    longestSliceMs: round(sliceMs, 1),
    restoreSeconds: round(writeMs / 1000),
  };
}

/** Measures and prints. For pauses see ADR 4: `--max-semi-space-size=2` against the 16 that a server has. */
export async function benchKv(keyCountMax = 1_000_000): Promise<KvBenchResult> {
  console.log(
    `\nkey-value state machine, values of ${valueBytes} bytes, keys of ${keyOf(0).length}, in random order`,
  );
  const sizes: KvSizeResult[] = [];
  let bench = new Bench();
  let keys = 0;
  for (const count of [1_000, 100_000, 1_000_000]) {
    if (count <= keyCountMax) {
      bench = new Bench();
      keys = count;
      sizes.push(await measureSize(bench, count));
    }
  }
  console.table(sizes);
  console.log(
    `600,000 overwrites of ${keys} keys, in turns of ${batchLength}, with and without MVCC compaction`,
  );
  const overwrites = [await overwrite(bench, keys, 50_000), await overwrite(bench, keys, 0)];
  console.table(overwrites);
  const image = measureImage(bench.machine);
  console.log("image of all that, history included, in slices of 256 KiB, and its restore");
  console.table([image]);
  return { sizes, overwrites, image };
}

if (import.meta.main) {
  await benchKv(Number(process.argv[2] ?? 1_000_000));
}
