import assert from "node:assert/strict";
import { test } from "node:test";
import { type NodeId, toNodeId } from "@quorate/raft";
import fc from "fast-check";
import { allVoters, isVoter, jointAcked, jointVote } from "../../src/quorum/joint.ts";
import { majorityAcked, majorityVote } from "../../src/quorum/majority.ts";

const seed = 20_261;
const voterSet = fc
  .uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 7 })
  .map((ids) => ids.map(toNodeId));
const ackMap = fc.dictionary(fc.integer({ min: 1, max: 9 }).map(String), fc.integer({ min: 0, max: 20 }));
const voteMap = fc.dictionary(fc.integer({ min: 1, max: 9 }).map(String), fc.boolean());

/** The definition: the highest index that more than half have reached, found by trying all. */
function modelAcked(voters: readonly NodeId[], acks: Record<string, number>): number {
  if (voters.length === 0) return Number.POSITIVE_INFINITY;
  for (let index = 20; index > 0; index--) {
    if (voters.filter((id) => (acks[id] ?? 0) >= index).length * 2 > voters.length) return index;
  }
  return 0;
}

test("the acknowledged index of a majority is the highest that more than half have reached", () => {
  fc.assert(
    fc.property(voterSet, ackMap, (voters, acks) => {
      assert.equal(
        majorityAcked(voters, (id) => acks[id] ?? 0),
        modelAcked(voters, acks),
      );
    }),
    { seed, numRuns: 500 },
  );
});

test("a joint quorum acknowledges what both halves acknowledge", () => {
  fc.assert(
    fc.property(voterSet, voterSet, ackMap, (voters, votersOutgoing, acks) => {
      assert.equal(
        jointAcked({ voters, votersOutgoing }, (id) => acks[id] ?? 0),
        Math.min(modelAcked(voters, acks), modelAcked(votersOutgoing, acks)),
      );
    }),
    { seed, numRuns: 500 },
  );
});

test("a vote is won, lost or open as the missing answers can still make it", () => {
  fc.assert(
    fc.property(voterSet, voteMap, (voters, votes) => {
      const yes = voters.filter((id) => votes[id] === true).length;
      const open = voters.filter((id) => votes[id] === undefined).length;
      const half = voters.length / 2;
      const expected = voters.length === 0 || yes > half ? "won" : yes + open > half ? "pending" : "lost";
      assert.equal(
        majorityVote(voters, (id) => votes[id]),
        expected,
      );
    }),
    { seed, numRuns: 500 },
  );
});

test("a joint vote is lost when one half lost it, and won only when both won it", () => {
  const votes: Record<number, boolean> = { 1: true, 2: true, 3: false, 4: false };
  const sets = (voters: number[], outgoing: number[]): { voters: NodeId[]; votersOutgoing: NodeId[] } => ({
    voters: voters.map(toNodeId),
    votersOutgoing: outgoing.map(toNodeId),
  });
  const result = (voters: number[], outgoing: number[]): string =>
    jointVote(sets(voters, outgoing), (id) => votes[id]);
  assert.equal(result([1, 2], []), "won");
  assert.equal(result([1, 2], [3, 4]), "lost");
  assert.equal(result([1, 2], [1, 5, 6]), "pending");
  assert.equal(result([3, 4], [1, 5, 6]), "lost");
});

// [case-5]
test("even groups need more than half: two of two, three of four", () => {
  const acks = (indexes: number[]): number =>
    majorityAcked(
      indexes.map((_, place) => toNodeId(place + 1)),
      (id) => indexes[id - 1] ?? 0,
    );
  assert.equal(acks([5, 0]), 0);
  assert.equal(acks([5, 5, 0, 0]), 0);
  assert.equal(acks([5, 5, 4, 0]), 4);
});

test("voters of both halves are listed once, ascending", () => {
  const sets = { voters: [toNodeId(4), toNodeId(2)], votersOutgoing: [toNodeId(2), toNodeId(1)] };
  assert.deepEqual(allVoters(sets), [1, 2, 4]);
  assert.equal(isVoter(sets, toNodeId(1)), true);
  assert.equal(isVoter(sets, toNodeId(3)), false);
});
