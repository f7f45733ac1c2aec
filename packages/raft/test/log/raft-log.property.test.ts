/** The log under any sequence of events, against one plain list of terms with four marks. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toTerm } from "@quorate/raft";
import fc from "fast-check";
import { RaftLog } from "../../src/log/raft-log.ts";
import { MemoryLog } from "../interaction/memory-log.ts";
import { at, conf, entry } from "../support/group.ts";

const event = fc.oneof(
  fc.record({ op: fc.constant("append" as const), back: fc.nat(4), count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ op: fc.constant("commit" as const), index: fc.nat(30) }),
  fc.record({ op: fc.constant("hand-out" as const), count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ op: fc.constant("applied" as const), count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ op: fc.constant("write" as const) }),
  fc.record({ op: fc.constant("compact" as const), count: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ op: fc.constant("restore" as const), ahead: fc.integer({ min: 1, max: 5 }) }),
);
type Event = typeof event extends fc.Arbitrary<infer T> ? T : never;

/** `terms[i]` is the term at index `start + 1 + i`; everything up to `start` is gone. */
interface Model {
  start: number;
  startTerm: number;
  terms: number[];
  committed: number;
  applying: number;
  applied: number;
  durable: number;
  term: number;
}

function lastOf(model: Model): number {
  return model.start + model.terms.length;
}

function termOf(model: Model, index: number): number | "compacted" | "unavailable" {
  if (index < model.start) return "compacted";
  if (index === model.start) return model.startTerm;
  return model.terms[index - model.start - 1] ?? "unavailable";
}

class World {
  readonly disk: MemoryLog = new MemoryLog();
  readonly log: RaftLog = new RaftLog(this.disk);
  readonly model: Model = {
    start: 0,
    startTerm: 0,
    terms: [],
    committed: 0,
    applying: 0,
    applied: 0,
    durable: 0,
    term: 1,
  };

  take(one: Event): void {
    const { log, model } = this;
    switch (one.op) {
      case "append": {
        // A new leader may replace what is not committed, by entries of its later term.
        const first = Math.max(model.committed, lastOf(model) - one.back) + 1;
        model.term++;
        const entries = Array.from({ length: one.count }, (_, place) => entry(model.term, first + place));
        log.append(entries);
        model.terms.splice(first - model.start - 1, Infinity, ...entries.map(({ term }) => Number(term)));
        model.durable = Math.min(model.durable, first - 1);
        return;
      }
      case "commit": {
        const index = Math.min(one.index, lastOf(model));
        log.commitTo(at(index));
        model.committed = Math.max(model.committed, index);
        return;
      }
      case "hand-out": {
        const index = Math.min(model.applying + one.count, model.committed, model.durable);
        if (index <= model.applying) return;
        log.acceptApplying(at(index));
        model.applying = index;
        return;
      }
      case "applied": {
        const index = Math.min(model.applied + one.count, model.applying);
        log.appliedTo(at(index));
        model.applied = index;
        return;
      }
      case "write":
        this.#write();
        return;
      case "compact": {
        const index = Math.min(model.start + one.count, model.applied);
        if (index <= model.start || log.unstable.snapshot !== null) return;
        this.disk.compact(index);
        model.startTerm = Number(termOf(model, index));
        model.terms.splice(0, index - model.start);
        model.start = index;
        return;
      }
      case "restore":
        this.#restore(lastOf(model) + one.ahead);
    }
  }

  /** Everything that waits reaches the disk. */
  #write(): void {
    const { log, model } = this;
    const snapshot = log.unstable.nextSnapshot();
    const entries = log.unstable.nextEntries();
    log.unstable.acceptInProgress();
    if (snapshot !== null) {
      this.disk.restore(snapshot);
      log.unstable.stableSnapshotTo(snapshot.index);
      log.appliedTo(snapshot.index);
      model.applying = model.applied = snapshot.index;
    }
    if (entries.length > 0) {
      this.disk.append(entries);
      log.unstable.stableTo(log.lastId());
    }
    model.durable = lastOf(model);
  }

  #restore(index: number): void {
    const { log, model } = this;
    if (log.unstable.snapshot !== null) return;
    model.term++;
    log.restore({ index: at(index), term: toTerm(model.term), confState: conf([1]) });
    Object.assign(model, {
      start: index,
      startTerm: model.term,
      terms: [],
      committed: index,
      durable: index,
    });
  }

  check(): void {
    const { log, model } = this;
    assert.equal(log.firstIndex, model.start + 1);
    assert.equal(log.lastIndex, lastOf(model));
    assert.deepEqual(
      [log.committed, log.applying, log.applied],
      [model.committed, model.applying, model.applied],
    );
    for (let index = Math.max(0, model.start - 1); index <= lastOf(model) + 1; index++) {
      assert.equal(log.term(at(index)), termOf(model, index), `term at ${index}`);
    }
    if (log.unstable.snapshot === null) {
      assert.equal(log.unstable.offset, model.durable + 1, "what is durable is not written again");
      assert.equal(log.appliableIndex(false), Math.min(model.committed, model.durable));
    }
    assert.equal(log.appliableIndex(true), model.committed);
    if (model.terms.length === 0) return;
    const all = log.entries(at(model.start + 1), at(lastOf(model) + 1), Infinity);
    assert.ok(typeof all !== "string");
    assert.deepEqual(
      all.map((one) => [Number(one.index), Number(one.term)]),
      model.terms.map((term, place) => [model.start + 1 + place, term]),
    );
  }
}

test("the log does what one list with marks does", () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 50 }), (events) => {
      const world = new World();
      for (const one of events) {
        world.take(one);
        world.check();
      }
    }),
    { seed: 20_273, numRuns: 1_000 },
  );
});
