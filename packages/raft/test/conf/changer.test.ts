import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyBytes } from "@quorate/base";
import {
  type ConfChange,
  type ConfChangeSingle,
  type ConfState,
  type NodeId,
  toNodeId,
  validateConfState,
} from "@quorate/raft";
import fc from "fast-check";
import { changeConf, isJoint } from "../../src/conf/changer.ts";
import { jointVote } from "../../src/quorum/joint.ts";
import { conf } from "../support/group.ts";

const single: fc.Arbitrary<ConfChangeSingle> = fc.record({
  op: fc.constantFrom("add-voter" as const, "add-learner" as const, "remove" as const, "update" as const),
  id: fc.integer({ min: 1, max: 5 }).map(toNodeId),
});
const change: fc.Arbitrary<ConfChange> = fc.record({
  transition: fc.constantFrom("auto" as const, "implicit" as const, "explicit" as const),
  changes: fc.array(single, { maxLength: 4 }),
  context: fc.constant(emptyBytes),
});

function steps(text: string): ConfChangeSingle[] {
  const ops = { v: "add-voter", l: "add-learner", r: "remove", u: "update" } as const;
  return text
    .split(" ")
    .filter((word) => word !== "")
    .map((word) => ({ op: ops[word[0] as keyof typeof ops], id: toNodeId(Number(word.slice(1))) }));
}

function apply(confState: ConfState, text: string, transition: ConfChange["transition"] = "auto"): ConfState {
  const outcome = changeConf(confState, { transition, changes: steps(text), context: emptyBytes });
  assert.ok(outcome.ok, JSON.stringify(outcome));
  return outcome.confState;
}

function problem(confState: ConfState, text: string, transition: ConfChange["transition"] = "auto"): string {
  const outcome = changeConf(confState, { transition, changes: steps(text), context: emptyBytes });
  assert.ok(!outcome.ok, JSON.stringify(outcome));
  return outcome.problem;
}

/** Every set of members that decides alone in `confState`. */
function quorums(confState: ConfState): Set<NodeId>[] {
  const all: Set<NodeId>[] = [];
  for (let mask = 0; mask < 32; mask++) {
    const set = new Set([1, 2, 3, 4, 5].filter((id) => mask & (1 << (id - 1))).map(toNodeId));
    if (jointVote(confState, (id) => set.has(id)) === "won") all.push(set);
  }
  return all;
}

test("§4.1, §4.3 any two quorums of adjacent configurations share a member", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
      let confState = conf([1, 2, 3]);
      for (const one of changes) {
        const outcome = changeConf(confState, one);
        if (!outcome.ok) continue;
        for (const before of quorums(confState)) {
          for (const after of quorums(outcome.confState)) {
            assert.ok(
              [...before].some((id) => after.has(id)),
              `${[...before]} and ${[...after]} do not meet`,
            );
          }
        }
        confState = outcome.confState;
      }
    }),
    { seed: 20_265, numRuns: 150 },
  );
});

test("from a valid configuration every change leads to a valid one, or nowhere", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 20 }), (changes) => {
      let confState = conf([1]);
      for (const one of changes) {
        const outcome = changeConf(confState, one);
        if (!outcome.ok) continue;
        assert.deepEqual(validateConfState(outcome.confState), []);
        assert.ok(outcome.confState.voters.length > 0);
        confState = outcome.confState;
      }
    }),
    { seed: 20_266, numRuns: 300 },
  );
});

test("one voter at a time needs no joint configuration", () => {
  assert.deepEqual(apply(conf([1, 2]), "v3"), conf([1, 2, 3]));
  assert.deepEqual(apply(conf([1, 2, 3]), "r3"), conf([1, 2]));
  assert.deepEqual(apply(conf([1, 2, 3]), "l3"), conf([1, 2], [3]));
  assert.deepEqual(apply(conf([1], [2]), "v2"), conf([1, 2]));
  assert.deepEqual(apply(conf([1]), "u1"), conf([1]));
});

test("several voters go through a joint configuration, which is left by itself", () => {
  const joint = apply(conf([1, 2, 3]), "r3 v4");
  assert.deepEqual(joint, { ...conf([1, 2, 4]), votersOutgoing: [1, 2, 3], autoLeave: true });
  assert.deepEqual(apply(joint, ""), conf([1, 2, 4]));
});

test("a demoted voter keeps its vote until the joint configuration is left", () => {
  const joint = apply(conf([1, 2, 3]), "l3 v4", "explicit");
  assert.deepEqual(joint.learnersNext, [3]);
  assert.deepEqual(joint.learners, []);
  assert.equal(joint.autoLeave, false);
  assert.deepEqual(apply(joint, ""), conf([1, 2, 4], [3]));
});

test("what cannot be is refused with the reason", () => {
  const joint = apply(conf([1, 2]), "v3", "explicit");
  assert.equal(isJoint(joint), true);
  assert.match(problem(conf([1]), "r1"), /no voter/);
  assert.match(problem(conf([1, 2]), "r1 r2"), /no voter/);
  assert.match(problem(conf([1, 2]), ""), /no joint configuration/);
  assert.match(problem(joint, "v4"), /left first/);
  assert.match(problem(joint, "v4", "implicit"), /joint already/);
});

test("members that join, or leave and join again, start anew", () => {
  const outcome = changeConf(conf([1], [2]), {
    transition: "auto",
    changes: steps("r2 l2 v3"),
    context: emptyBytes,
  });
  assert.ok(outcome.ok);
  assert.deepEqual([...outcome.fresh], [2, 3]);
});
