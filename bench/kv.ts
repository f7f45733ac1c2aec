/**
 * The key-value state machine alone: µs per put, get and range at 1 thousand to 1 million keys, and what overwriting a
 * million keys costs in memory and pauses. `node --conditions=source bench/kv.ts [KEYS]`
 */
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { Prng } from "@quorate/base";
import { encodeCommand, KvStateMachine, type PutRequest, type RangeRequest } from "@quorate/kv";

const valueBytes = 256;
const batchLength = 64;
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

class Bench {
  readonly machine: KvStateMachine = new KvStateMachine();
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
      const start = performance.now();
      for (const command of commands) {
        this.machine.apply(command, { index: ++this.#index, term: 1 });
      }
      busy += performance.now() - start;
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
    const start = performance.now();
    for (let i = 0; i < count; i++) {
      this.machine.range(requests[i & 4095] as RangeRequest);
    }
    return ((performance.now() - start) * 1000) / count;
  }

  /** Ranges that hold about a hundred keys each. */
  ranges(count: number, keyCount: number, random: Prng): number {
    const requests = Array.from({ length: 256 }, () => {
      const first = random.integer(0, Math.max(1, keyCount - 9_800));
      return rangeOf(keyOf(first), keyOf(first + 97 * 100), 100);
    });
    const start = performance.now();
    for (let i = 0; i < count; i++) {
      this.machine.range(requests[i & 255] as RangeRequest);
    }
    return ((performance.now() - start) * 1000) / count;
  }
}

const rssMb = (): number => Math.round(process.memoryUsage.rss() / 1e6);
const us = (value: number): string => value.toFixed(2).padStart(8);

async function sizes(keyCountMax: number): Promise<Bench> {
  console.log("      keys  put new µs  put old µs      get µs  range100 µs   RSS MB");
  let last = new Bench();
  for (const keyCount of [1_000, 100_000, 1_000_000]) {
    if (keyCount > keyCountMax) {
      break;
    }
    const bench = new Bench();
    const random = new Prng(7);
    const shuffled = (i: number): number => Number((BigInt(i) * 7_368_787n) % BigInt(keyCount));
    const create = await bench.puts(keyCount, shuffled);
    const old = await bench.puts(Math.min(keyCount, 100_000), () => random.integer(0, keyCount));
    const get = bench.gets(200_000, keyCount, random);
    const range = bench.ranges(2_000, keyCount, random);
    console.log(
      `${String(keyCount).padStart(10)}    ${us(create)}    ${us(old)}    ${us(get)}     ${us(range)}   ${String(rssMb()).padStart(6)}`,
    );
    last = bench;
  }
  return last;
}

async function overwrite(label: string, bench: Bench, keyCount: number, compactEvery: number): Promise<void> {
  const random = new Prng(11);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  let longest = 0;
  let turn = performance.now();
  let sweep = 0;
  let peak = 0;
  let puts = 0;
  delay.enable();
  const perPut = await bench.puts(
    600_000,
    () => random.integer(0, keyCount),
    () => {
      const start = performance.now();
      while (bench.machine.sweep(256) && performance.now() - start < 1) {}
      sweep += performance.now() - start;
      puts += batchLength;
      if (compactEvery > 0 && puts % compactEvery < batchLength) {
        bench.compact();
        peak = Math.max(peak, rssMb());
      }
      const now = performance.now();
      longest = Math.max(longest, now - turn);
      turn = now;
    },
  );
  delay.disable();
  const arena = Math.round(bench.machine.dbSizeBytes / 1e6);
  const live = Math.round(bench.machine.liveBytes / 1e6);
  console.log(
    `${label}: ${perPut.toFixed(2)} µs per put, ${(sweep / 600).toFixed(2)} µs sweep per put, longest turn ${longest.toFixed(1)} ms, ` +
      `loop delay max ${(delay.max / 1e6).toFixed(1)} ms, RSS ${rssMb()} MB (peak ${Math.max(peak, rssMb())}), db ${arena} MB, live ${live} MB`,
  );
}

const keyCount = Number(process.argv[2] ?? 1_000_000);
const bench = await sizes(keyCount);
await overwrite("600,000 overwrites, compacted each 50k ", bench, keyCount, 50_000);
await overwrite("600,000 overwrites, no compaction      ", bench, keyCount, 0);

const image = bench.machine.snapshot();
let slice = 0;
let bytes = 0;
const begin = performance.now();
const other = new KvStateMachine();
const restore = other.restore();
let restoring = 0;
for (;;) {
  const start = performance.now();
  const chunk = image.read(256 * 1024);
  slice = Math.max(slice, performance.now() - start);
  if (chunk === null) {
    break;
  }
  bytes += chunk.length;
  const middle = performance.now();
  restore.write(chunk);
  restoring += performance.now() - middle;
}
image.close();
restore.finish();
console.log(
  `image: ${Math.round(bytes / 1e6)} MB in ${((performance.now() - begin - restoring) / 1000).toFixed(2)} s, longest slice ` +
    `${slice.toFixed(1)} ms; restored in ${(restoring / 1000).toFixed(2)} s; RSS with both ${rssMb()} MB`,
);
