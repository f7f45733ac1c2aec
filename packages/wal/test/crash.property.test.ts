/**
 * A log cut by crashes: random work, a crash at a random call to the disk (also during recovery), then again. Nothing whose
 * completion was called is lost, a batch survives whole or not at all, term and vote never regress, what is cut is kept.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@quorate/base";
import { type Entry, type StorageBatch, StorageError, toLogIndex, toTerm } from "@quorate/raft";
import { openWal, type WalOptions, type WalStorage } from "@quorate/wal";
import { type CrashMode, MemoryFileSystem, type MemoryOperation } from "@quorate/wal/testing";
import { confState, describe, hardState, image, optionsFor } from "./support.ts";
import { testCipher } from "./test-cipher.ts";

/** What the log is after some number of batches. */
interface Model {
  readonly base: number;
  readonly baseTerm: number;
  readonly entries: readonly Entry[];
  readonly term: number;
  readonly vote: number;
  readonly commit: number;
}

const emptyModel: Model = { base: 0, baseTerm: 0, entries: [], term: 0, vote: 0, commit: 0 };

function lastOf(model: Model): { readonly index: number; readonly term: number } {
  const last = model.entries.at(-1);
  return last === undefined ? { index: model.base, term: model.baseTerm } : last;
}

function after(model: Model, batch: StorageBatch): Model {
  let { base, baseTerm, entries } = model;
  if (batch.snapshot !== null) {
    base = batch.snapshot.index;
    baseTerm = batch.snapshot.term;
    entries = [];
  }
  const first = batch.entries[0];
  if (first !== undefined) {
    entries = [...entries.slice(0, first.index - base - 1), ...batch.entries];
  }
  const state = batch.hardState ?? model;
  const commit = Math.max(state.commit, batch.snapshot?.index ?? 0);
  return { base, baseTerm, entries, term: state.term, vote: state.vote, commit };
}

/** The disk, its calls completed one by one in the order they came, until the chosen call crashes it. */
class Machine {
  readonly random: Prng;
  readonly queue: MemoryOperation[] = [];
  fs: MemoryFileSystem;
  crashAt = Number.POSITIVE_INFINITY;
  crashed = false;

  readonly #isSealed: boolean;

  constructor(random: Prng, isSealed: boolean) {
    this.random = random;
    this.#isSealed = isSealed;
    this.fs = new MemoryFileSystem(this.options());
  }

  /** A new cipher for each opening, as a restarted process has. */
  more(): Partial<WalOptions> {
    return this.#isSealed ? { cipher: testCipher() } : {};
  }

  options() {
    return { schedule: (operation: MemoryOperation) => void this.queue.push(operation) };
  }

  /** Runs what is queued; true when the crash came. */
  drain(countMax = Number.POSITIVE_INFINITY): boolean {
    for (let i = 0; i < countMax && this.queue.length > 0 && !this.crashed; i++) {
      if (this.crashAt-- <= 0) {
        this.crashed = true;
        break;
      }
      // Calls on different files complete in any order; the store never lets calls on one range overlap.
      const place = this.random.integer(0, this.queue.length);
      this.queue.splice(place, 1)[0]?.run();
    }
    return this.crashed;
  }

  restart(mode: CrashMode): void {
    this.queue.length = 0;
    this.fs = this.fs.crash(this.random, mode, this.options());
    this.crashed = false;
  }

  /** Opens the store; null when the crash came first. */
  open(): WalStorage | null {
    let opened: WalStorage | null = null;
    openWal(optionsFor(this.fs, this.more()), (error, storage) => {
      if (error !== null) {
        throw error;
      }
      opened = storage ?? null;
    });
    return this.drain() ? null : opened;
  }
}

class Run {
  readonly machine: Machine;
  readonly random: Prng;
  /** Model after each submitted batch; [0] is what the last recovery found. */
  states: Model[] = [emptyModel];
  acked = 0;
  /** Highest commit index that was acknowledged as durable. */
  commitAcked = 0;
  cutCount = 0;
  generation = 0;

  constructor(seed: number, isSealed: boolean) {
    this.random = new Prng(seed);
    this.machine = new Machine(this.random.stream("disk"), isSealed);
  }

  go(): void {
    for (this.generation = 0; this.generation < 5; this.generation++) {
      const storage = this.recover();
      this.check(storage);
      this.machine.crashAt = this.random.integer(0, 150);
      this.work(storage);
      this.machine.restart(this.random.pick(["random", "random", "lose", "keep"] as const));
    }
    this.check(this.recover());
  }

  /** Opens the store, crashing a few times on the way. */
  recover(): WalStorage {
    for (let attempt = 0; ; attempt++) {
      this.machine.crashAt =
        attempt < 3 && this.random.chance(0.5) ? this.random.integer(0, 40) : Number.POSITIVE_INFINITY;
      const storage = this.machine.open();
      if (storage !== null) {
        this.machine.crashAt = Number.POSITIVE_INFINITY;
        return storage;
      }
      this.machine.restart("random");
    }
  }

  check(storage: WalStorage): void {
    const found = this.readLog(storage);
    const { term, vote, commit } = storage.initial.hardState;
    const matching = this.states.findIndex(
      (model, place) => place >= this.acked && this.equals(model, storage, found),
    );
    const newest = this.states.at(-1) ?? emptyModel;
    assert.ok(
      matching >= 0,
      `log ${storage.firstIndex}..${storage.lastIndex} is none of the states ${this.acked}..${this.states.length - 1}: ` +
        `${this.states
          .slice(this.acked)
          .map((model) => `${model.base + 1}..${lastOf(model).index}`)
          .join(" ")}`,
    );
    assert.ok(
      this.states.slice(this.acked).some((model) => model.term === term && model.vote === vote),
      `term ${term} vote ${vote}`,
    );
    assert.ok(commit >= this.commitAcked, `commit ${commit} below the acknowledged ${this.commitAcked}`);
    assert.ok(commit <= Math.max(newest.commit, storage.lastIndex), "commit beyond what was written");
    const cuts = this.machine.fs.files().filter((path) => path.startsWith("cut/") && path.includes(".log."));
    const cutLines = storage.report.filter((line) => line.includes("are cut")).length;
    assert.ok(cutLines === 0 || cuts.length > 0, "cut without a copy");
    this.cutCount += cutLines;
    const model = this.states[matching] ?? emptyModel;
    this.states = [{ ...model, term, vote, commit, ...this.baseOf(model, storage) }];
    this.acked = 0;
  }

  baseOf(model: Model, storage: WalStorage): { base: number; baseTerm: number; entries: readonly Entry[] } {
    const base = storage.firstIndex - 1;
    const baseTerm = storage.term(toLogIndex(base));
    assert.ok(typeof baseTerm === "number");
    return { base, baseTerm, entries: model.entries.filter((entry) => entry.index > base) };
  }

  equals(model: Model, storage: WalStorage, found: readonly string[]): boolean {
    if (lastOf(model).index !== storage.lastIndex || storage.firstIndex <= model.base) {
      return false;
    }
    const expected = model.entries.filter((entry) => entry.index >= storage.firstIndex).map(describe);
    return expected.length === found.length && expected.every((line, i) => line === found[i]);
  }

  readLog(storage: WalStorage): string[] {
    const lines: string[] = [];
    while (storage.firstIndex + lines.length <= storage.lastIndex) {
      const low = toLogIndex(storage.firstIndex + lines.length);
      const high = toLogIndex(storage.lastIndex + 1);
      let entries = storage.entries(low, high, 3000);
      if (entries === "pending") {
        storage.load(low, high, 3000, (error) => assert.equal(error, null));
        this.machine.drain();
        entries = storage.entries(low, high, 3000);
      }
      assert.ok(typeof entries !== "string", `entries at ${low}: ${String(entries)}`);
      lines.push(...entries.map(describe));
    }
    return lines;
  }

  work(storage: WalStorage): void {
    for (let step = 0; step < 60 && !this.machine.crashed; step++) {
      this.step(storage);
      this.machine.drain(this.random.chance(0.3) ? Number.POSITIVE_INFINITY : this.random.integer(0, 6));
    }
    this.machine.drain();
  }

  step(storage: WalStorage): void {
    const model = this.states.at(-1) ?? emptyModel;
    const kind = this.random.integer(0, 12);
    if (kind < 5) {
      this.write(
        storage,
        model,
        this.entriesAfter(model, lastOf(model).index, model.term),
        this.random.chance(0.5),
      );
    } else if (kind === 5) {
      const from = this.random.integer(model.commit, lastOf(model).index + 1);
      const bumped = { ...model, term: model.term + 1, vote: 0 };
      this.write(storage, bumped, this.entriesAfter(bumped, from, bumped.term), false);
    } else if (kind === 6) {
      this.write(storage, { ...model, term: model.term + 1, vote: this.random.integer(0, 4) }, [], false);
    } else if (kind === 7) {
      this.submit(storage, { hardState: this.commitOf(model), entries: [], snapshot: null, mustSync: false });
    } else if (kind === 8) {
      storage.idle(() => {});
    } else if (kind === 9) {
      this.snapshot(storage);
    } else if (kind === 10) {
      const index = Math.min(storage.firstIndex - 1 + this.random.integer(0, 8), this.snapshotIndex(storage));
      storage.compact(toLogIndex(index), () => {});
    } else if (this.random.chance(0.3)) {
      this.receive(storage);
    }
  }

  snapshotIndex(storage: WalStorage): number {
    const newest = storage.snapshot();
    return newest === null || newest === "pending" ? 0 : newest.index;
  }

  entriesAfter(model: Model, last: number, term: number): Entry[] {
    return Array.from({ length: this.random.integer(1, 4) }, (_, i) => ({
      index: toLogIndex(last + 1 + i),
      term: toTerm(Math.max(term, model.entries[last - model.base - 1]?.term ?? model.baseTerm)),
      type: "normal",
      data: Uint8Array.from({ length: this.random.integer(0, 700) }, () => this.random.integer(0, 256)),
    }));
  }

  commitOf(model: Model) {
    const commit = this.random.integer(model.commit, lastOf(model).index + 1);
    return hardState(model.term, model.vote, commit);
  }

  write(storage: WalStorage, model: Model, entries: readonly Entry[], withCommit: boolean): void {
    const state = withCommit ? this.commitOf(model) : hardState(model.term, model.vote, model.commit);
    this.submit(storage, { hardState: state, entries, snapshot: null, mustSync: true });
  }

  submit(storage: WalStorage, batch: StorageBatch): void {
    const model = after(this.states.at(-1) ?? emptyModel, batch);
    const place = this.states.push(model) - 1;
    storage.write(batch, (error) => {
      assert.equal(error, null);
      assert.ok(!this.machine.crashed, "completed after the crash");
      assert.equal(this.acked, place - 1, "batches complete in order");
      this.acked = place;
      if (batch.mustSync) {
        this.commitAcked = Math.max(this.commitAcked, model.commit);
      }
    });
  }

  snapshot(storage: WalStorage): void {
    const index = Math.min(storage.lastIndex, this.states[this.acked]?.commit ?? 0);
    const term = storage.term(toLogIndex(index));
    if (index <= this.snapshotIndex(storage) || typeof term !== "number") {
      return;
    }
    const sink = storage.createSnapshot({ index: toLogIndex(index), term, confState });
    sink.write(image(index, this.random.integer(1, 2000)), () => sink.finish(() => {}));
  }

  receive(storage: WalStorage): void {
    const model = this.states.at(-1) ?? emptyModel;
    const index = toLogIndex(lastOf(model).index + this.random.integer(1, 5));
    const metadata = { index, term: toTerm(Math.max(model.term, 1)), confState };
    const sink = storage.receiveSnapshot(metadata);
    sink.write(image(index), () =>
      sink.finish(() => {
        const present = this.states.at(-1) ?? emptyModel;
        if (metadata.index > lastOf(present).index && metadata.term === present.term) {
          this.submit(storage, {
            hardState: hardState(present.term, present.vote, metadata.index),
            entries: [],
            snapshot: metadata,
            mustSync: true,
          });
        }
      }),
    );
  }
}

test("a log cut by crashes loses nothing that was acknowledged", () => runAll(false));

test("a log under a cipher, cut by crashes, loses nothing that was acknowledged", () => runAll(true));

function runAll(isSealed: boolean): void {
  let cuts = 0;
  const first = Number(process.env["SEED"] ?? 1);
  const count = process.env["SEED"] === undefined ? Number(process.env["SEEDS"] ?? 200) : 1;
  for (let seed = first; seed < first + count; seed++) {
    const run = new Run(seed, isSealed);
    try {
      run.go();
    } catch (error) {
      const facts = error instanceof StorageError ? JSON.stringify(error.info) : "";
      throw new Error(`seed ${seed}, generation ${run.generation}: ${String(error)} ${facts}`, {
        cause: error,
      });
    }
    cuts += run.cutCount;
  }
  assert.ok(count === 1 || cuts > 5, `only ${cuts} torn tails in ${count} runs: the test does not tear`);
}
