import assert from "node:assert/strict";
import { test } from "node:test";
import { InvariantViolation } from "@quorate/base";
import { entryBytes, type LogView, toTerm } from "@quorate/raft";
import fc from "fast-check";
import { findConflictByTerm, firstConflict } from "../../src/log/conflict.ts";
import { RaftLog } from "../../src/log/raft-log.ts";
import { MemoryLog } from "../interaction/memory-log.ts";
import { at, conf, entry } from "../support/group.ts";

function stored(terms: readonly number[]): MemoryLog {
  const log = new MemoryLog();
  log.append(terms.map((term, place) => entry(term, place + 1)));
  return log;
}

test("entries come from the store and from what is on its way to it, as one", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 6 }),
      fc.integer({ min: 0, max: 6 }),
      fc.integer({ min: 0, max: 200 }),
      fc.integer({ min: 1, max: 7 }),
      fc.integer({ min: 1, max: 12 }),
      (storedCount, unstableCount, bytesMax, from, count) => {
        const log = new RaftLog(stored(Array(storedCount).fill(1)));
        const added = Array.from({ length: unstableCount }, (_, place) => entry(1, storedCount + 1 + place));
        if (added.length > 0) log.append(added);
        const total = storedCount + unstableCount;
        const high = Math.min(from + count, total + 1);
        fc.pre(from < high);
        const got = log.entries(at(from), at(high), bytesMax);
        assert.ok(typeof got !== "string");
        const size = entryBytes(entry(1, 1));
        const fits = Math.max(1, Math.floor(bytesMax / size));
        assert.deepEqual(
          got.map((one) => one.index),
          Array.from({ length: Math.min(high - from, fits) }, (_, place) => from + place),
        );
      },
    ),
    { seed: 20_264, numRuns: 2_000 },
  );
});

test("terms are known from just before the first entry to the last", () => {
  const log = new RaftLog(stored([1, 1, 2]));
  assert.deepEqual(
    [0, 1, 3, 4].map((index) => log.term(at(index))),
    [0, 1, 2, "unavailable"],
  );
});

test("what is committed is never replaced", () => {
  const log = new RaftLog(stored([1, 1]));
  log.commitTo(at(2));
  assert.throws(() => log.append([entry(2, 2)]), InvariantViolation);
});

test("commit never goes beyond the end, nor back", () => {
  const log = new RaftLog(stored([1, 1]));
  log.commitTo(at(2));
  log.commitTo(at(1));
  assert.equal(log.committed, 2);
  assert.throws(() => log.commitTo(at(3)), InvariantViolation);
});

test("§3.6.1 the later last term is more up-to-date, then the longer log", () => {
  const log = new RaftLog(stored([1, 2, 2]));
  const verdict = (term: number, index: number): boolean =>
    log.isUpToDate({ term: toTerm(term), index: at(index) });
  assert.equal(verdict(3, 1), true);
  assert.equal(verdict(2, 3), true);
  assert.equal(verdict(2, 4), true);
  assert.equal(verdict(2, 2), false);
  assert.equal(verdict(1, 9), false);
});

test("the first conflict is the first entry that the log does not hold", () => {
  const log = new RaftLog(stored([1, 1, 2]));
  assert.equal(firstConflict(log, [entry(1, 2), entry(2, 3)]), 2);
  assert.equal(firstConflict(log, [entry(1, 2), entry(3, 3)]), 1);
  assert.equal(firstConflict(log, [entry(2, 3), entry(2, 4)]), 1);
});

// [case-37]
test("the place where logs may agree skips whole terms, and stops where the log begins", () => {
  const log = new RaftLog(stored([1, 3, 3, 4, 4, 5]));
  assert.deepEqual(findConflictByTerm(log, at(6), toTerm(3)), { term: 3, index: 3 });
  assert.deepEqual(findConflictByTerm(log, at(6), toTerm(2)), { term: 1, index: 1 });
  assert.deepEqual(findConflictByTerm(log, at(6), toTerm(0)), { term: 0, index: 0 });
  const compacted = stored([2, 3, 3]);
  compacted.compact(2);
  assert.deepEqual(findConflictByTerm(new RaftLog(compacted), at(3), toTerm(1)), { term: 0, index: 1 });
});

test("a range that is not in memory is named once to the driver", () => {
  const view: LogView = {
    firstIndex: at(1),
    lastIndex: at(5),
    term: () => toTerm(1),
    entries: () => "pending",
    snapshot: () => null,
  };
  const log = new RaftLog(view);
  assert.equal(log.entries(at(1), at(6), 100), "pending");
  assert.equal(log.entries(at(1), at(6), 100), "pending");
  assert.deepEqual(log.takeWanted(), [{ low: 1, high: 6, bytesMax: 100 }]);
  for (const [low, high] of [
    [1, 6],
    [1, 4],
    [2, 6],
    [2, 6],
  ] as const) {
    assert.equal(log.entries(at(low), at(high), 100), "pending");
  }
  assert.deepEqual(
    log.takeWanted().map(({ low, high }) => [low, high]),
    [
      [1, 6],
      [1, 4],
      [2, 6],
    ],
  );
  assert.equal(log.hasWanted, false);
});

test("a snapshot moves the start of the log behind it", () => {
  const log = new RaftLog(stored([1, 1]));
  log.restore({ index: at(7), term: toTerm(2), confState: conf([1]) });
  assert.deepEqual([log.firstIndex, log.lastIndex, log.committed], [8, 7, 7]);
  assert.deepEqual(log.lastId(), { term: 2, index: 7 });
  assert.equal(log.term(at(6)), "compacted");
});
