/**
 * The log alone: entries per second by batch size on a real disk, and what an entry costs the processor when the disk costs
 * nothing. Rules of the measured path: one write and one fdatasync per batch.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Entry, toLogIndex, toNodeId, toTerm } from "@quorate/raft";
import {
  type FileCompleted,
  type FileHandle,
  type FileSystem,
  openWal,
  type StoreCipher,
  type WalStorage,
} from "@quorate/wal";
import { MemoryFileSystem } from "@quorate/wal/testing";

/** One line of the table. */
export interface WalBenchResult {
  readonly disk: string;
  readonly batch: number;
  readonly entriesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuUsPerEntry: number;
}

const entryBytes = 256;
const nodeId = toNodeId(1);

/** Measures on a temporary directory of this machine, then without a disk; prints a table. */
export async function benchWal(): Promise<readonly WalBenchResult[]> {
  const { AesCipher, KeyRing, NodeFileSystem } = await import("@quorate/raft-node");
  const results: WalBenchResult[] = [];
  for (const batch of [1, 16, 256]) {
    const directory = mkdtempSync(join(tmpdir(), "quorate-bench-wal-"));
    try {
      results.push(await measureWal("temporary directory", new NodeFileSystem(directory), batch, 2));
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
  for (const batch of [1, 16, 256]) {
    results.push(await measureWal("none", new WeightlessFileSystem(), batch, 1));
  }
  // Side by side and by turns: what encryption at rest adds, whatever else the machine does meanwhile.
  const keys = { current: 1, keys: [{ id: 1, key: new Uint8Array(32).fill(7) }] };
  for (const round of [1, 2]) {
    const cipher = new AesCipher(new KeyRing(keys));
    results.push(await measureWal(`none, round ${round}`, new WeightlessFileSystem(), 64, 1));
    results.push(await measureWal(`none, encrypted ${round}`, new WeightlessFileSystem(), 64, 1, cipher));
  }
  console.log(`\nappends of ${entryBytes}-byte entries, one batch in flight at a time`);
  console.table(
    results.map((one) => ({
      disk: one.disk,
      batch: one.batch,
      "entries/s": Math.round(one.entriesPerSecond),
      "p50 ms": Number(one.p50Ms.toFixed(3)),
      "p99 ms": Number(one.p99Ms.toFixed(3)),
      "CPU µs/entry": Number(one.cpuUsPerEntry.toFixed(2)),
    })),
  );
  return results;
}

/** Appends batches of `batch` entries, one after the other, for about `seconds`. */
export async function measureWal(
  disk: string,
  fileSystem: FileSystem,
  batch: number,
  seconds: number,
  cipher?: StoreCipher,
): Promise<WalBenchResult> {
  const storage = await openStore(fileSystem, cipher);
  const data = new Uint8Array(entryBytes).fill(7);
  const latencies: number[] = [];
  let index = storage.lastIndex + 1;
  await appendOnce(storage, entriesFrom(index, batch, data), true);
  index += batch;
  const begin = performance.now();
  const cpu = process.cpuUsage();
  let count = 0;
  while (performance.now() - begin < seconds * 1000) {
    const started = performance.now();
    await appendOnce(storage, entriesFrom(index, batch, data), false);
    latencies.push(performance.now() - started);
    index += batch;
    count += batch;
  }
  const elapsedSeconds = (performance.now() - begin) / 1000;
  const used = process.cpuUsage(cpu);
  await new Promise<void>((resolve, reject) => {
    storage.close((error) => (error === null ? resolve() : reject(error)));
  });
  latencies.sort((left, right) => left - right);
  const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
  return {
    disk,
    batch,
    entriesPerSecond: count / elapsedSeconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    cpuUsPerEntry: (used.user + used.system) / count,
  };
}

function openStore(fileSystem: FileSystem, cipher: StoreCipher | undefined): Promise<WalStorage> {
  const confState = {
    voters: [nodeId],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
  const bootstrap = { storeId: new Uint8Array(16).fill(1), confState, application: new Uint8Array(0) };
  return new Promise((resolve, reject) => {
    const encryption = cipher === undefined ? {} : { cipher };
    openWal({ fileSystem, clusterId: 1, nodeId, bootstrap, ...encryption }, (error, storage) => {
      if (error !== null || storage === undefined) {
        reject(error);
      } else {
        resolve(storage);
      }
    });
  });
}

function entriesFrom(index: number, count: number, data: Uint8Array): Entry[] {
  return Array.from({ length: count }, (_, i) => {
    return { index: toLogIndex(index + i), term: toTerm(1), type: "normal", data };
  });
}

function appendOnce(storage: WalStorage, entries: readonly Entry[], first: boolean): Promise<void> {
  const hardState = first ? { term: toTerm(1), vote: nodeId, commit: toLogIndex(0) } : null;
  return new Promise((resolve, reject) => {
    storage.write({ hardState, entries, snapshot: null, mustSync: true }, (error) => {
      if (error === null) {
        resolve();
      } else {
        reject(error);
      }
    });
  });
}

/** A disk that forgets: what remains is the cost of packing, checksums and bookkeeping. */
class WeightlessFileSystem extends MemoryFileSystem {
  override open(path: string, mode: "read" | "write" | "create", completed: FileCompleted<FileHandle>): void {
    super.open(path, mode, (error, handle) => {
      if (error !== null || handle === undefined) {
        completed(error);
      } else {
        completed(null, path.startsWith("wal/") ? weightless(handle) : handle);
      }
    });
  }
}

function weightless(handle: FileHandle): FileHandle {
  // Only headers are kept, so that the segment can be opened again.
  const keepHeader: FileHandle["write"] = (offset, bytes, completed) => {
    if (offset === 0) {
      handle.write(0, bytes.subarray(0, 512), () => handle.truncate(64 * 1024 * 1024, completed));
    } else {
      completed(null);
    }
  };
  return {
    read: (offset, length, completed) => handle.read(offset, length, completed),
    write: keepHeader,
    append: keepHeader,
    sync: (completed) => completed(null),
    truncate: (lengthBytes, completed) => handle.truncate(lengthBytes, completed),
    size: (completed) => handle.size(completed),
    close: (completed) => handle.close(completed),
  };
}
