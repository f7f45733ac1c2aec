/** The contract of {@link Storage}, as tests that every storage must pass. */
import { concatBytes, equalBytes } from "@quorate/base";
import type { SnapshotSource, Storage, StorageBatch } from "../host/ports.ts";
import type { Entry } from "../types/entry.ts";
import { type NodeId, toLogIndex, toNodeId, toTerm } from "../types/ids.ts";
import type { SnapshotMetadata } from "../types/snapshot.ts";
import { completion, expect, type TestFunction } from "./suite.ts";

/** One store over its lives. */
export interface StorageFixture {
  /** Opens the store, a new one at first, later the same: with what was durable when the last one was closed. */
  open(): Promise<Storage>;
  /** Removes everything. */
  dispose(): Promise<void>;
}

/** The voters that a {@link StorageFixture} bootstraps with. */
export const suiteVoters: readonly NodeId[] = [toNodeId(1), toNodeId(2), toNodeId(3)];

const confState = {
  voters: suiteVoters,
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

function entry(index: number, term: number, data: Uint8Array = Uint8Array.of(index & 255)): Entry {
  return { index: toLogIndex(index), term: toTerm(term), type: "normal", data };
}

function run(first: number, last: number, term: number): Entry[] {
  return Array.from({ length: last - first + 1 }, (_, i) => entry(first + i, term));
}

function metadata(index: number, term: number): SnapshotMetadata {
  return { index: toLogIndex(index), term: toTerm(term), confState };
}

async function write(storage: Storage, batch: Partial<StorageBatch>): Promise<void> {
  const whole: StorageBatch = { hardState: null, entries: [], snapshot: null, mustSync: true, ...batch };
  await completion((completed) => storage.write(whole, completed));
}

async function entriesOf(
  storage: Storage,
  low: number,
  high: number,
  bytesMax = 1e9,
): Promise<readonly Entry[]> {
  for (;;) {
    const found = storage.entries(toLogIndex(low), toLogIndex(high), bytesMax);
    if (found === "pending") {
      await completion((completed) => storage.load(toLogIndex(low), toLogIndex(high), bytesMax, completed));
      continue;
    }
    expect(found !== "compacted", "the entries asked for are there");
    return found === "compacted" ? [] : found;
  }
}

async function expectLog(storage: Storage, expected: readonly Entry[]): Promise<void> {
  const first = expected[0]?.index ?? 1;
  expect(storage.firstIndex === first, "the log begins where it should");
  expect(storage.lastIndex === first + expected.length - 1, "the log ends where it should");
  const found: Entry[] = [];
  while (found.length < expected.length) {
    found.push(...(await entriesOf(storage, first + found.length, first + expected.length)));
  }
  expected.forEach((each, i) => {
    const other = found[i];
    expect(other !== undefined && other.index === each.index, "indexes follow each other");
    expect(other?.term === each.term && storage.term(each.index) === each.term, "terms are kept");
    expect(other !== undefined && equalBytes(other.data, each.data), "data is kept");
  });
}

async function readImage(
  storage: Storage,
  chunkBytes = 3,
): Promise<{ source: SnapshotSource; bytes: Uint8Array }> {
  const source = await completion<SnapshotSource>((completed) => storage.openSnapshot(completed));
  const chunks: Uint8Array[] = [];
  for (let offset = 0; ; ) {
    const chunk = await completion<Uint8Array>((completed) => source.read(offset, chunkBytes, completed));
    if (chunk.length === 0) {
      break;
    }
    chunks.push(chunk.slice());
    offset += chunk.length;
  }
  source.close();
  return { source, bytes: concatBytes(chunks) };
}

const image = Uint8Array.from({ length: 10 }, (_, i) => i);

async function makeSnapshot(storage: Storage, snapshot: SnapshotMetadata): Promise<void> {
  const sink = storage.createSnapshot(snapshot);
  // As a host does: the next chunk lies where the last one lay.
  const room = new Uint8Array(image.length);
  for (const part of [image.subarray(0, 4), image.subarray(4)]) {
    room.set(part);
    await completion((completed) => sink.write(room.subarray(0, part.length), completed));
    room.fill(0xff);
  }
  await completion((completed) => sink.finish(completed));
}

async function receive(storage: Storage, snapshot: SnapshotMetadata): Promise<void> {
  const sink = storage.receiveSnapshot(snapshot);
  await completion((completed) => sink.write(image, completed));
  await completion((completed) => sink.finish(completed));
}

type Scenario = (open: () => Promise<Storage>) => Promise<void>;

const scenarios: readonly (readonly [string, Scenario])[] = [
  [
    "a new store is empty and has the bootstrap's configuration",
    async (open) => {
      const storage = await open();
      const { hardState, confState: initial } = storage.initial;
      expect(hardState.term === 0 && hardState.vote === 0 && hardState.commit === 0, "no term, vote, commit");
      expect(initial.voters.join() === suiteVoters.join(), "the bootstrap's voters");
      expect(storage.firstIndex === 1 && storage.lastIndex === 0, "no entries");
      expect(storage.term(toLogIndex(0)) === 0, "the place before the first entry has term 0");
      expect(storage.term(toLogIndex(1)) === "unavailable", "nothing behind the end");
      expect(storage.snapshot() === null, "no snapshot");
      await completion((completed) => storage.close(completed));
    },
  ],
  [
    "entries and hard state survive",
    async (open) => {
      const hardState = { term: toTerm(3), vote: toNodeId(2), commit: toLogIndex(4) };
      const storage = await open();
      await write(storage, { hardState, entries: run(1, 5, 3) });
      await expectLog(storage, run(1, 5, 3));
      await completion((completed) => storage.close(completed));
      const again = await open();
      expect(
        again.initial.hardState.term === 3 && again.initial.hardState.vote === 2,
        "term and vote survive",
      );
      expect(again.initial.hardState.commit <= 4, "the commit index lags, never leads");
      await expectLog(again, run(1, 5, 3));
      await completion((completed) => again.close(completed));
    },
  ],
  [
    "an entry at a taken index replaces it and everything behind it",
    async (open) => {
      const storage = await open();
      await write(storage, { entries: run(1, 6, 1) });
      await write(storage, { entries: run(4, 5, 2) });
      await expectLog(storage, [...run(1, 3, 1), ...run(4, 5, 2)]);
      await completion((completed) => storage.close(completed));
      const again = await open();
      await expectLog(again, [...run(1, 3, 1), ...run(4, 5, 2)]);
      await completion((completed) => again.close(completed));
    },
  ],
  [
    "batches complete in order, also when they overlap",
    async (open) => {
      const storage = await open();
      const order: number[] = [];
      const writes = [1, 2, 3, 4].map((index) =>
        write(storage, { entries: run(index, index, 1) }).then(() => void order.push(index)),
      );
      await Promise.all(writes);
      expect(order.join() === "1,2,3,4", "first written, first complete");
      await expectLog(storage, run(1, 4, 1));
      await completion((completed) => storage.close(completed));
    },
  ],
  [
    "a page holds at least one entry, and no more than fits",
    async (open) => {
      const storage = await open();
      const large = [1, 2, 3].map((index) => entry(index, 1, new Uint8Array(1000).fill(index)));
      await write(storage, { entries: large });
      expect((await entriesOf(storage, 1, 4, 1)).length === 1, "one entry even where none fits");
      expect((await entriesOf(storage, 1, 4, 2100)).length === 2, "two entries where two fit");
      await completion((completed) => storage.close(completed));
    },
  ],
  [
    "a local snapshot allows compaction, and both survive",
    async (open) => {
      const storage = await open();
      await write(storage, { entries: run(1, 8, 2) });
      await makeSnapshot(storage, metadata(6, 2));
      await completion((completed) => storage.compact(toLogIndex(4), completed));
      await expectLog(storage, run(5, 8, 2));
      expect(storage.term(toLogIndex(4)) === 2, "the term before the first entry is known");
      expect(storage.term(toLogIndex(3)) === "compacted", "below it nothing is");
      expect(
        storage.entries(toLogIndex(4), toLogIndex(6), 100) === "compacted",
        "compacted entries are gone",
      );
      await completion((completed) => storage.close(completed));
      const again = await open();
      await expectLog(again, run(5, 8, 2));
      const { bytes, source } = await readImage(again);
      expect(source.metadata.index === 6 && source.metadata.term === 2, "metadata survives");
      expect(source.bytes === image.length && equalBytes(bytes, image), "the image survives");
      expect(again.initial.hardState.commit >= 6, "a snapshot holds what is committed");
      await completion((completed) => again.close(completed));
    },
  ],
  [
    "a received snapshot counts only once its batch is written",
    async (open) => {
      const storage = await open();
      await write(storage, { entries: run(1, 3, 1) });
      await receive(storage, metadata(20, 4));
      expect(storage.snapshot() === null, "received is not installed");
      await expectLog(storage, run(1, 3, 1));
      await write(storage, { snapshot: metadata(20, 4) });
      expect(storage.firstIndex === 21 && storage.lastIndex === 20, "the log begins behind the snapshot");
      expect(storage.term(toLogIndex(20)) === 4, "its term is known");
      await write(storage, { entries: run(21, 22, 4) });
      await completion((completed) => storage.close(completed));
      const again = await open();
      await expectLog(again, run(21, 22, 4));
      expect(equalBytes((await readImage(again)).bytes, image), "the image survives");
      await completion((completed) => again.close(completed));
    },
  ],
  [
    "an aborted image leaves nothing",
    async (open) => {
      const storage = await open();
      await write(storage, { entries: run(1, 3, 1) });
      const sink = storage.createSnapshot(metadata(3, 1));
      await completion((completed) => sink.write(image, completed));
      sink.abort();
      expect(storage.snapshot() === null, "no snapshot");
      await expectLog(storage, run(1, 3, 1));
      await completion((completed) => storage.close(completed));
    },
  ],
];

/**
 * Registers the contract as tests.
 *
 * @example
 * ```ts
 * import { MemoryStorage, storageSuite, suiteVoters } from "@quorate/raft/testing";
 * const registered: string[] = [];
 * storageSuite((name) => registered.push(name), async () => {
 *   let storage = new MemoryStorage({ voters: suiteVoters });
 *   return {
 *     open: async () => (storage = storage.reopen()),
 *     dispose: async () => {},
 *   };
 * });
 * ```
 */
export function storageSuite(test: TestFunction, create: () => Promise<StorageFixture>): void {
  for (const [name, scenario] of scenarios) {
    test(`storage: ${name}`, async () => {
      const fixture = await create();
      try {
        await scenario(() => fixture.open());
      } finally {
        await fixture.dispose();
      }
    });
  }
}
