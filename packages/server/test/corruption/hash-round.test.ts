/** Who stands against a majority, and what is said when nobody can tell. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HashRound } from "../../src/corruption/hash-round.ts";

const point = { revision: 9, compactRevision: 4 };

function round(hashes: Readonly<Record<number, number>>): HashRound {
  const [[leader, own] = ["1", 0], ...others] = Object.entries(hashes);
  const made = new HashRound(1, point, Number(leader), own);
  for (const [member, hash] of others) {
    made.report(Number(member), hash);
  }
  return made;
}

test("equal hashes accuse nobody", () => {
  assert.deepEqual(round({ 1: 7, 2: 7, 3: 7 }).suspects(3, true), []);
  assert.deepEqual(round({ 1: 7 }).suspects(3, true), []);
});

test("the one that stands alone is named as soon as a majority has told, the leader, too", () => {
  assert.deepEqual(round({ 1: 7, 2: 7, 3: 8 }).suspects(3, false), [3]);
  assert.deepEqual(round({ 1: 8, 2: 7, 3: 7 }).suspects(3, false), [1]);
  assert.deepEqual(round({ 1: 7, 2: 7, 3: 7, 4: 8, 5: 9 }).suspects(5, false), [4, 5]);
});

test("without a majority nobody is named while a member may still report, and everybody at the end", () => {
  assert.deepEqual(round({ 1: 7, 2: 8 }).suspects(3, false), []);
  assert.deepEqual(round({ 1: 7, 2: 8 }).suspects(3, true), [0]);
  assert.deepEqual(round({ 1: 7, 2: 8 }).suspects(2, false), [0]);
});

test("a member of the majority is never named", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 7 }),
      fc.integer({ min: 0, max: 3 }),
      fc.boolean(),
      (hashes, absent, atEnd) => {
        const members = Object.fromEntries(hashes.map((hash, place) => [place + 1, hash]));
        const memberCount = hashes.length + absent;
        const suspects = round(members).suspects(memberCount, atEnd);
        for (const hash of new Set(hashes)) {
          const owners = hashes.flatMap((one, place) => (one === hash ? [place + 1] : []));
          if (owners.length > memberCount / 2) {
            assert.ok(owners.every((owner) => !suspects.includes(owner)));
            assert.equal(suspects.length, hashes.length - owners.length);
          }
        }
      },
    ),
    { seed: 20261121, numRuns: 300 },
  );
});
