/** What a leader counts, against sorting: learners and strangers never count, joint configurations need both halves. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ConfState, type NodeId, toNodeId } from "@quorate/raft";
import fc from "fast-check";
import { createProgress } from "../../src/tracker/progress.ts";
import {
  createInflights,
  createTracker,
  isQuorumActive,
  quorumMatch,
  recordVote,
  type Tracker,
  tallyVotes,
} from "../../src/tracker/tracker.ts";
import { at } from "../support/group.ts";

const ids = [1, 2, 3, 4, 5, 6, 7].map(toNodeId);
const halves = fc.record({
  voters: fc.subarray(ids, { minLength: 1 }),
  votersOutgoing: fc.oneof(fc.constant<NodeId[]>([]), fc.subarray(ids, { minLength: 1 })),
});
/** For each id: how far it is, whether it was heard, what it answered. */
const facts = fc.array(
  fc.record({ match: fc.nat(20), active: fc.boolean(), vote: fc.option(fc.boolean()) }),
  { minLength: ids.length, maxLength: ids.length },
);
type Facts = typeof facts extends fc.Arbitrary<infer T> ? T : never;

function trackerOf(
  { voters, votersOutgoing }: Pick<ConfState, "voters" | "votersOutgoing">,
  all: Facts,
): Tracker {
  const tracker = createTracker(10, 1_000);
  const learners = ids.filter((id) => !voters.includes(id) && !votersOutgoing.includes(id));
  const members = ids.map((id, place) => {
    const progress = createProgress(id, at(30), learners.includes(id), createInflights(tracker));
    progress.match = at(all[place]?.match ?? 0);
    progress.recentActive = all[place]?.active ?? false;
    return progress;
  });
  const confState = { voters, votersOutgoing, learners, learnersNext: [], autoLeave: false };
  tracker.membership = { confState, members };
  return tracker;
}

/** The highest value that more than half of `half` reach. */
function majority(half: readonly NodeId[], factOf: (id: NodeId) => number): number {
  if (half.length === 0) return Number.POSITIVE_INFINITY;
  const sorted = half.map(factOf).toSorted((left, right) => right - left);
  return sorted[Math.floor(half.length / 2)] ?? 0;
}

test("what is counted as stored or heard is what a majority of each half of the voters has", () => {
  fc.assert(
    fc.property(halves, facts, (conf, all) => {
      const tracker = trackerOf(conf, all);
      const both = (factOf: (id: NodeId) => number): number =>
        Math.min(majority(conf.voters, factOf), majority(conf.votersOutgoing, factOf));
      assert.equal(
        quorumMatch(tracker),
        both((id) => all[id - 1]?.match ?? 0),
      );
      assert.equal(isQuorumActive(tracker), both((id) => (all[id - 1]?.active === true ? 1 : 0)) > 0);
    }),
    { seed: 20_274, numRuns: 1_000 },
  );
});

test("an election is won, lost or open by the first answer of each voter", () => {
  fc.assert(
    fc.property(halves, facts, (conf, all) => {
      const tracker = trackerOf(conf, all);
      for (const [place, { vote }] of all.entries()) {
        if (vote === null) continue;
        const id = toNodeId(place + 1);
        recordVote(tracker, id, vote);
        recordVote(tracker, id, !vote);
      }
      const result = (half: readonly NodeId[]): "won" | "lost" | "pending" => {
        const needed = Math.floor(half.length / 2) + 1;
        const count = (vote: boolean): number => half.filter((id) => all[id - 1]?.vote === vote).length;
        if (half.length === 0 || count(true) >= needed) return "won";
        return half.length - count(false) < needed ? "lost" : "pending";
      };
      const results = [result(conf.voters), result(conf.votersOutgoing)];
      const expected = results.includes("lost") ? "lost" : results.includes("pending") ? "pending" : "won";
      assert.equal(tallyVotes(tracker), expected);
    }),
    { seed: 20_275, numRuns: 1_000 },
  );
});
