/**
 * Stores whose disk lies, seed by seed: bits flipped, runs of zeros, sectors that were never written or written elsewhere, files of
 * another store. What opens afterwards holds everything that was acknowledged before the last few batches; all else is refused by name.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyBytes, Prng } from "@quorate/base";
import { type Entry, type HardState, StorageError, toLogIndex, toNodeId, toTerm } from "@quorate/raft";
import { openWal, type WalStorage } from "@quorate/wal";
import { MemoryFileSystem } from "@quorate/wal/testing";

const self = toNodeId(1);
const voters = [self, toNodeId(2), toNodeId(3)];
const confState = { voters, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
const sectorBytes = 512;

/** The value of a call that completes before it returns. */
function now<T>(call: (completed: (error: Error | null, value?: T) => void) => void): T {
  let outcome: { readonly error: Error | null; readonly value: T | undefined } | undefined;
  call((error, value) => {
    outcome = { error, value };
  });
  assert.ok(outcome !== undefined, "did not complete");
  if (outcome.error !== null) {
    throw outcome.error;
  }
  return outcome.value as T;
}

function open(fileSystem: MemoryFileSystem, store: number): WalStorage {
  const bootstrap = { storeId: new Uint8Array(16).fill(store), confState, application: emptyBytes };
  const sizes = { segmentBytes: 4096, windowBytesMax: 256 };
  return now((done) => openWal({ fileSystem, clusterId: 7, nodeId: self, bootstrap, ...sizes }, done));
}

/** The log as it reads, entry for entry, from the disk where it is not in memory. */
function readLog(storage: WalStorage): string[] {
  const lines: string[] = [];
  for (let index = storage.firstIndex; index <= storage.lastIndex; ) {
    const end = toLogIndex(storage.lastIndex + 1);
    if (storage.entries(index, end, 2000) === "pending") {
      now<void>((done) => storage.load(index, end, 2000, done));
    }
    const found = storage.entries(index, end, 2000);
    assert.ok(typeof found === "object", `entries at ${index}: ${String(found)}`);
    for (const { data, index: at, term } of found) {
      assert.equal(storage.term(at), term);
      lines.push(`${at}/${term} ${Buffer.from(data).toString("hex")}`);
    }
    index = toLogIndex(index + found.length);
  }
  return lines;
}

/** One store, written by chance, with the disk as it was after each write. */
class Story {
  readonly disk = new MemoryFileSystem();
  readonly before: MemoryFileSystem[] = [];
  readonly #storage: WalStorage;
  readonly #random: Prng;
  #term = 1;
  #vote = 0;
  #commit = 0;

  constructor(seed: number, store: number) {
    this.#random = new Prng(seed).stream("story");
    this.#storage = open(this.disk, store);
  }

  /** Writes; what was acknowledged before the last three batches. */
  play(): { readonly log: readonly string[]; readonly hardState: HardState } {
    for (let count = this.#random.integer(4, 24); count > 0; count--) {
      this.#act();
      this.before.push(this.disk.clone());
    }
    this.#appendAt(this.#storage.lastIndex + 1, 2, 90);
    const log = readLog(this.#storage);
    for (let i = 0; i < 3; i++) {
      this.#appendAt(this.#storage.lastIndex + 1, 1, 700);
    }
    return { log, hardState: this.#hardState() };
  }

  /** Writes a little, in the first term. */
  playShort(): readonly string[] {
    this.#appendAt(1, this.#random.integer(1, 4), 90);
    return readLog(this.#storage);
  }

  close(): void {
    now<void>((done) => this.#storage.close(done));
  }

  /** Reads everything back while the store is open. */
  reread(): string[] {
    return readLog(this.#storage);
  }

  #act(): void {
    const last = this.#storage.lastIndex;
    const kind = this.#random.integer(0, 10);
    if (kind === 0 && last > 0) {
      this.#snapshot();
    } else if (kind === 1) {
      // A later term, or in the same one the vote that was still free. FIG 2 State.
      this.#term += this.#vote === 0 ? this.#random.integer(0, 2) : 1;
      this.#vote = this.#random.pick([0, 1, 2]);
      this.#write([]);
    } else if (kind === 2 && last > Math.max(this.#commit, this.#storage.firstIndex)) {
      this.#term++;
      this.#vote = 0;
      this.#appendAt(this.#random.integer(this.#commit + 1, last + 1), this.#random.integer(1, 4), 300);
    } else {
      this.#appendAt(last + 1, this.#random.integer(1, 5), 300);
    }
    if (this.#random.chance(0.3)) {
      this.#commit = this.#random.integer(this.#commit, this.#storage.lastIndex + 1);
    }
  }

  #snapshot(): void {
    const { firstIndex, lastIndex } = this.#storage;
    const index = toLogIndex(this.#random.integer(Math.min(firstIndex, lastIndex), lastIndex + 1));
    const term = this.#storage.term(index);
    const newest = this.#storage.snapshot();
    if (typeof term !== "number" || (typeof newest === "object" && (newest?.index ?? 0) >= index)) {
      return;
    }
    this.#commit = Math.max(this.#commit, index);
    const sink = this.#storage.createSnapshot({ index, term, confState });
    now<void>((done) => sink.write(new Uint8Array(this.#random.integer(1, 900)).fill(index), done));
    now<void>((done) => sink.finish(done));
    if (this.#random.chance(0.5)) {
      now<void>((done) => this.#storage.compact(toLogIndex(Math.max(1, index - 2)), done));
    }
  }

  #appendAt(first: number, count: number, bytesMax: number): void {
    const entries = Array.from({ length: count }, (_, i): Entry => {
      const data = new Uint8Array(this.#random.integer(0, bytesMax)).map(() => this.#random.integer(0, 256));
      return { index: toLogIndex(first + i), term: toTerm(this.#term), type: "normal", data };
    });
    this.#write(entries);
  }

  #hardState(): HardState {
    const { lastIndex } = this.#storage;
    const commit = toLogIndex(Math.min(this.#commit, lastIndex));
    return { term: toTerm(this.#term), vote: this.#vote as HardState["vote"], commit };
  }

  #write(entries: readonly Entry[]): void {
    const hardState = { ...this.#hardState(), commit: toLogIndex(0) };
    const batch = {
      hardState: { ...hardState, commit: this.#known() },
      entries,
      snapshot: null,
      mustSync: true,
    };
    now<void>((done) => this.#storage.write(batch, done));
  }

  /** The commit index as far as entries are there already. */
  #known(): HardState["commit"] {
    return toLogIndex(Math.min(this.#commit, this.#storage.lastIndex));
  }
}

type Damage = (disk: MemoryFileSystem, story: Story, random: Prng) => void;

const damages: Readonly<Record<string, Damage>> = {
  "a bit flips": (disk, _story, random) => {
    const path = random.pick(disk.files());
    disk.flipBit(path, random.integer(0, contentBytes(disk, path) * 8));
  },
  "eight bytes become zeros": (disk, _story, random) => {
    const path = random.pick(disk.files());
    const at = random.integer(0, Math.ceil(contentBytes(disk, path) / 8)) * 8;
    disk.damage(path, (bytes) => bytes.fill(0, at, at + 8));
  },
  "a sector becomes zeros": (disk, _story, random) => {
    const path = random.pick(disk.files());
    const at = sectorIn(disk, path, random);
    disk.damage(path, (bytes) => bytes.fill(0, at, at + sectorBytes));
  },
  "a write is acknowledged and lost": (disk, story, random) => {
    const path = random.pick(disk.files());
    const old = random.pick(story.before);
    if (old.files().includes(path)) {
      const at = sectorIn(disk, path, random);
      const bytesThen = old.content(path).slice(at, at + sectorBytes);
      disk.damage(path, (bytes) => replaced(bytes, at, bytesThen));
    }
  },
  "a write goes elsewhere": (disk, _story, random) => {
    const from = random.pick(disk.files());
    const to = random.pick(disk.files());
    const start = sectorIn(disk, from, random);
    const sector = disk.content(from).slice(start, start + sectorBytes);
    const at = sectorIn(disk, to, random);
    disk.damage(to, (bytes) => replaced(bytes, at, sector));
  },
};

function replaced(bytes: Uint8Array, at: number, by: Uint8Array): Uint8Array {
  bytes.set(by.subarray(0, Math.max(0, bytes.length - at)), at);
  return bytes;
}

/** Up to the last byte that is not zero. */
function contentBytes(disk: MemoryFileSystem, path: string): number {
  const bytes = disk.content(path);
  let length = bytes.length;
  while (length > 1 && bytes[length - 1] === 0) {
    length--;
  }
  return Math.max(1, length);
}

function sectorIn(disk: MemoryFileSystem, path: string, random: Prng): number {
  return random.integer(0, Math.ceil(contentBytes(disk, path) / sectorBytes)) * sectorBytes;
}

/** Null where the store is refused for what is wrong with it. */
function refusedOr<T>(what: string, work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    assert.ok(error instanceof StorageError, `${what}: ${String(error)}`);
    const { code } = error.info;
    assert.ok(
      code === "STORAGE_CORRUPT" || code === "STORAGE_VERSION" || code === "STORAGE_FOREIGN",
      `${what}: ${error.message}`,
    );
    return null;
  }
}

const counts = { refused: 0, whole: 0, rereadRefused: 0, foreignRefused: 0 };

function check(seed: number): void {
  const story = new Story(seed, 1);
  const { hardState, log } = story.play();
  story.close();
  const random = new Prng(seed).stream("damage");
  for (const [kind, damage] of Object.entries(damages)) {
    const what = `seed ${seed}, ${kind}`;
    const disk = story.disk.clone();
    damage(disk, story, random);
    judge(what, disk, log, hardState);
  }
}

function judge(what: string, disk: MemoryFileSystem, log: readonly string[], hardState: HardState): void {
  const found = refusedOr(what, () => {
    const storage = open(disk, 1);
    return { log: readLog(storage), hardState: storage.initial.hardState };
  });
  if (found === null) {
    counts.refused++;
    return;
  }
  counts.whole++;
  assert.deepEqual(found.log.slice(0, log.length), log, what);
  assert.deepEqual([found.hardState.term, found.hardState.vote], [hardState.term, hardState.vote], what);
}

/** Few entries in one segment: what another member's store has under the same names. */
function small(
  seed: number,
  store: number,
): { readonly disk: MemoryFileSystem; readonly log: readonly string[] } {
  const story = new Story(seed, store);
  const log = story.playShort();
  story.close();
  return { disk: story.disk, log };
}

/** A file of another member's store, restored to the wrong place. */
function checkForeign(seed: number): void {
  const own = small(seed, 1);
  const foreign = small(seed + 1_000_000, 2);
  for (const path of own.disk.files().filter((name) => foreign.disk.files().includes(name))) {
    const disk = own.disk.clone();
    disk.damage(path, () => foreign.disk.content(path));
    const what = `seed ${seed}, ${path} of another store`;
    const found = refusedOr(what, () => readLog(open(disk, 1)));
    counts.foreignRefused += found === null ? 1 : 0;
    assert.deepEqual(found ?? own.log, own.log, what);
  }
}

/** A bit flips under a store that is open, and everything is read again. */
function checkReread(seed: number): void {
  const story = new Story(seed, 1);
  const { log } = story.play();
  const random = new Prng(seed).stream("reread");
  const segments = story.disk.files().filter((path) => path.endsWith(".log"));
  for (let i = 0; i < 12; i++) {
    const path = random.pick(segments);
    const bit = random.integer(512 * 8, Math.max(513 * 8, contentBytes(story.disk, path) * 8));
    story.disk.flipBit(path, bit);
    const what = `seed ${seed}, bit ${bit} of ${path} while the store is open`;
    const found = refusedOr(what, () => story.reread());
    counts.rereadRefused += found === null ? 1 : 0;
    if (found !== null) {
      assert.deepEqual(found.slice(0, log.length), log, what);
    }
    story.disk.flipBit(path, bit);
  }
}

const groupCount = 10;
const perGroup = 20;

for (let group = 0; group < groupCount; group++) {
  const from = group * perGroup + 1;
  test(`damaged stores, seeds ${from} to ${from + perGroup - 1}: whole or refused`, () => {
    for (let seed = from; seed < from + perGroup; seed++) {
      check(seed);
      checkReread(seed);
      checkForeign(seed);
    }
  });
}

test("some damage was refused, some made good, and some found while reading", () => {
  assert.ok(counts.refused > 100, `refused ${counts.refused}`);
  assert.ok(counts.whole > 100, `whole ${counts.whole}`);
  assert.ok(counts.foreignRefused > 100, `foreign, refused ${counts.foreignRefused}`);
  assert.ok(counts.rereadRefused > 100, `found while reading ${counts.rereadRefused}`);
});
