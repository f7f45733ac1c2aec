import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyBytes, Prng, utf8Encode } from "@quorate/base";
import { type NodeId, type Storage, type StorageBatch, toLogIndex, toNodeId, toTerm } from "@quorate/raft";
import { openWal } from "@quorate/wal";
import { Oracle } from "../src/checkers/oracle.ts";
import { FaultCount } from "../src/fault-count.ts";
import { FaultyDisk } from "../src/faulty-disk.ts";
import { Incarnation } from "../src/incarnation.ts";
import { ObservedStorage } from "../src/observed-storage.ts";
import { Trace } from "../src/trace.ts";
import { Watch } from "../src/watch.ts";
import { World } from "../src/world.ts";

const id: NodeId = toNodeId(1);
const plan = { writeMsMax: 2, syncMsMin: 1, syncMsMax: 5, slowMsMax: 50 };

/** One store under random batches and random crashes, held against what it had called durable. */
class Rig {
  readonly world: World;
  readonly faults = new FaultCount();
  readonly watch = new Watch();
  readonly oracle = new Oracle([id]);
  readonly disk: FaultyDisk;
  readonly #random: Prng;
  #process: Incarnation;
  #storage: Storage | null = null;
  #last = 0;
  #term = 1;
  writes = 0;
  recoveries = 0;

  constructor(seed: number) {
    const root = new Prng(seed);
    this.world = new World(root, new Trace(null));
    this.#random = root.stream("rig");
    this.disk = new FaultyDisk(this.world, root.stream("disk"), plan, this.faults, {
      powerLost: () => this.crash(),
      failed: () => assert.fail("no disk error was asked for"),
    });
    this.#process = this.#spawn();
  }

  open(): void {
    openWal(
      {
        fileSystem: this.disk.mount(this.#process),
        clusterId: 1,
        nodeId: id,
        bootstrap: {
          storeId: new Uint8Array(16).fill(7),
          confState: { voters: [id], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
          application: emptyBytes,
        },
        segmentBytes: 8192,
      },
      (error, storage) => {
        if (error !== null || storage === undefined) {
          throw error ?? new Error("no storage");
        }
        this.recoveries++;
        const { hardState } = storage.initial;
        this.watch.check(() => this.oracle.recovered(id, storage, hardState));
        this.#last = storage.lastIndex;
        // As in Raft, what a lost term wrote is never written again under that term.
        this.#term++;
        this.#storage = new ObservedStorage(id, storage, this.oracle, this.watch, this.#process, () => null);
        this.#writeOn();
      },
    );
  }

  crash(): void {
    this.#process.kill();
    this.#storage = null;
    this.disk.crash(this.#random.pick(["random", "random", "lose", "keep"]));
    this.#process = this.#spawn();
    this.open();
  }

  #spawn(): Incarnation {
    return new Incarnation(this.world, (work) => work());
  }

  #writeOn(): void {
    this.#process.schedule(this.#random.integer(0, 8), () => {
      this.#storage?.write(this.#batch(), (error) => {
        assert.equal(error, null);
        this.writes++;
      });
      this.#writeOn();
    });
  }

  #batch(): StorageBatch {
    // A later term may replace the end of the log, as a new leader does.
    const newTerm = this.#random.chance(0.2);
    this.#term += newTerm ? 1 : 0;
    const keep = newTerm ? this.#random.integer(0, Math.min(this.#last, 4) + 1) : 0;
    const first = this.#last - keep + 1;
    const count = this.#random.integer(1, 6);
    const entries = Array.from({ length: count }, (_, i) => ({
      index: toLogIndex(first + i),
      term: toTerm(this.#term),
      type: "normal" as const,
      data: utf8Encode("d".repeat(this.#random.integer(0, 200))),
    }));
    this.#last = first + count - 1;
    return {
      hardState: { term: toTerm(this.#term), vote: id, commit: toLogIndex(0) },
      entries,
      snapshot: null,
      mustSync: true,
    };
  }
}

for (let seed = 1; seed <= 30; seed++) {
  test(`what the log called durable is there after every crash (seed ${seed})`, () => {
    const rig = new Rig(seed);
    rig.open();
    const random = new Prng(seed).stream("crashes");
    for (let i = 0; i < 40; i++) {
      if (random.chance(0.5)) {
        rig.disk.crashAt(random.integer(1, 40), random.pick(["before", "after"] as const));
      }
      rig.world.runUntil(rig.world.nowMs + random.integer(1, 300), () => false);
      rig.crash();
    }
    rig.world.runUntil(rig.world.nowMs + 1_000, () => false);
    assert.equal(rig.watch.violation, null);
    assert.ok(rig.recoveries > 20 && rig.writes > 100, `${rig.recoveries} recoveries, ${rig.writes} writes`);
  });
}
