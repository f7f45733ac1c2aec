import assert from "node:assert/strict";
import { test } from "node:test";
import { InvariantViolation } from "@quorate/base";
import { type Entry, toTerm } from "@quorate/raft";
import fc from "fast-check";
import { Unstable } from "../../src/log/unstable.ts";
import { at, conf, entry } from "../support/group.ts";

test("the end of the log does what a plain array with marks does", () => {
  const step = fc.oneof(
    fc.record({
      op: fc.constant("append" as const),
      back: fc.integer({ min: 0, max: 6 }),
      count: fc.integer({ min: 1, max: 4 }),
    }),
    fc.record({ op: fc.constant("accept" as const) }),
    fc.record({
      op: fc.constant("stable" as const),
      back: fc.integer({ min: 0, max: 6 }),
      stale: fc.boolean(),
    }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const unstable = new Unstable(at(1));
      let entries: Entry[] = []; // The whole log; index i stands at place i - 1.
      let durable = 0;
      let handedOut = 0;
      let term = 1;
      for (const one of steps) {
        if (one.op === "append") {
          const first = Math.max(1, entries.length + 1 - one.back);
          if (first <= entries.length) term++; // Only another leader replaces entries.
          const added = Array.from({ length: one.count }, (_, place) => entry(term, first + place));
          unstable.truncateAndAppend(added);
          entries = [...entries.slice(0, first - 1), ...added];
          durable = Math.min(durable, first - 1);
          handedOut = Math.max(durable, Math.min(handedOut, first - 1));
        } else if (one.op === "accept") {
          assert.deepEqual(unstable.nextEntries(), entries.slice(handedOut));
          unstable.acceptInProgress();
          handedOut = entries.length;
        } else {
          const index = handedOut - one.back;
          const known = entries[index - 1];
          if (known === undefined) continue;
          unstable.stableTo({ index: at(index), term: toTerm(one.stale ? known.term + 1 : known.term) });
          if (!one.stale) durable = Math.max(durable, index);
        }
        assert.equal(unstable.offset, durable + 1);
        assert.equal(unstable.count, entries.length - durable);
        assert.equal(unstable.hasNextEntries(), handedOut < entries.length);
        assert.deepEqual(unstable.slice(at(durable + 1), at(entries.length + 1)), entries.slice(durable));
      }
    }),
    { seed: 20_263, numRuns: 300 },
  );
});

test("what was handed out does not change when the log is cut behind it", () => {
  const unstable = new Unstable(at(1));
  unstable.truncateAndAppend([entry(1, 1), entry(1, 2), entry(1, 3)]);
  const handedOut = unstable.nextEntries();
  unstable.truncateAndAppend([entry(2, 2)]);
  assert.deepEqual(handedOut, [entry(1, 1), entry(1, 2), entry(1, 3)]);
});

test("a snapshot replaces everything and answers for its own term", () => {
  const unstable = new Unstable(at(1));
  unstable.truncateAndAppend([entry(1, 1)]);
  const snapshot = { index: at(9), term: toTerm(3), confState: conf([1]) };
  unstable.restore(snapshot);
  assert.equal(unstable.lastIndex(), 9);
  assert.equal(unstable.term(at(9)), 3);
  assert.equal(unstable.nextSnapshot(), snapshot);
  unstable.acceptInProgress();
  assert.equal(unstable.nextSnapshot(), null);
  unstable.stableSnapshotTo(at(8));
  assert.equal(unstable.snapshot, snapshot, "an older one's completion says nothing about it");
  unstable.stableSnapshotTo(at(9));
  assert.equal(unstable.snapshot, null);
});

test("entries leave no gap", () => {
  assert.throws(() => new Unstable(at(1)).truncateAndAppend([entry(1, 2)]), InvariantViolation);
});
