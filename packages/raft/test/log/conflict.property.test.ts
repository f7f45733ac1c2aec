/** Where two logs part, against a search through plain lists of terms. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toTerm } from "@quorate/raft";
import fc from "fast-check";
import { findConflictByTerm, firstConflict } from "../../src/log/conflict.ts";
import { RaftLog } from "../../src/log/raft-log.ts";
import { MemoryLog } from "../interaction/memory-log.ts";
import { at, entry } from "../support/group.ts";

/** Terms along a log: they never fall. */
const terms = fc
  .array(fc.nat(2), { maxLength: 12 })
  .map((steps) =>
    steps.map((_, place) => 1 + steps.slice(0, place + 1).reduce((sum, step) => sum + step, 0)),
  );

/** The log of these terms, of which a part is stored, and the first `compacted` entries are gone. */
function logOf(own: readonly number[], storedCount: number, compacted: number): RaftLog {
  const stored = new MemoryLog();
  const entries = own.map((term, place) => entry(term, place + 1));
  const cut = Math.max(Math.min(storedCount, own.length), compacted);
  stored.append(entries.slice(0, cut));
  if (compacted > 0) stored.compact(compacted);
  const log = new RaftLog(stored);
  if (cut < entries.length) log.append(entries.slice(cut));
  return log;
}

test("§3.5 the place where logs may agree is the highest one at or below whose term is not later", () => {
  fc.assert(
    fc.property(
      terms,
      fc.nat(12),
      fc.nat(13),
      fc.nat(30),
      fc.nat(12),
      (own, storedCount, index, term, gone) => {
        const compacted = Math.min(gone, own.length);
        const log = logOf(own, storedCount, compacted);
        const from = Math.min(index, own.length);
        const termAt = (place: number): number => (place === 0 ? 0 : (own[place - 1] ?? 0));
        let expected = from;
        // The entry just before the first is known by its term; below, nothing is.
        while (expected >= compacted && expected > 0 && termAt(expected) > term) expected--;
        const known = expected > 0 && expected >= compacted;
        assert.deepEqual(findConflictByTerm(log, at(from), toTerm(term)), {
          index: expected,
          term: known ? termAt(expected) : 0,
        });
      },
    ),
    { seed: 20_271, numRuns: 1_500 },
  );
});

test("§3.5 the first conflict is where two lists of terms first differ, or one of them ends", () => {
  fc.assert(
    fc.property(terms, terms, fc.nat(12), fc.nat(12), (own, other, storedCount, start) => {
      const log = logOf(own, storedCount, 0);
      const from = Math.min(start, own.length);
      const entries = other.slice(from).map((term, place) => entry(term, from + place + 1));
      const expected = entries.findIndex((one) => own[one.index - 1] !== one.term);
      assert.equal(firstConflict(log, entries), expected === -1 ? entries.length : expected);
    }),
    { seed: 20_272, numRuns: 1_500 },
  );
});
