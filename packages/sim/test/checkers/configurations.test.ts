import assert from "node:assert/strict";
import { test } from "node:test";
import { type ConfState, toLogIndex, toNodeId } from "@quorate/raft";
import { Configurations, quorumsMeet } from "../../src/checkers/configurations.ts";
import { Oracle } from "../../src/checkers/oracle.ts";
import { batch, entry, hardState, status, view, voteFor } from "./build.ts";
import { fires } from "./trio.ts";

function conf(voters: readonly number[], outgoing: readonly number[] = []): ConfState {
  return {
    voters: voters.map(toNodeId),
    learners: [],
    votersOutgoing: outgoing.map(toNodeId),
    learnersNext: [],
    autoLeave: false,
  };
}

const [one, two, three] = [1, 2, 3].map(toNodeId) as [
  ReturnType<typeof toNodeId>,
  ReturnType<typeof toNodeId>,
  ReturnType<typeof toNodeId>,
];

test("majorities meet when one voter comes or goes, and need a joint configuration for more", () => {
  assert.ok(quorumsMeet(conf([1, 2, 3]), conf([1, 2, 3, 4])));
  assert.ok(quorumsMeet(conf([1, 2]), conf([2])));
  assert.ok(!quorumsMeet(conf([1, 2, 3]), conf([3, 4, 5])));
  assert.ok(!quorumsMeet(conf([1, 2, 3]), conf([1, 2, 3, 4, 5])));
  assert.ok(quorumsMeet(conf([1, 2, 3]), conf([3, 4, 5], [1, 2, 3])));
  assert.ok(quorumsMeet(conf([3, 4, 5], [1, 2, 3]), conf([3, 4, 5])));
});

test("configuration-chain fires on neighbours whose quorums share nobody, and where members disagree", () => {
  const chain = new Configurations(conf([1, 2, 3]));
  chain.applied(one, toLogIndex(4), conf([1, 2, 3, 4]));
  fires("configuration-chain", () => chain.applied(one, toLogIndex(6), conf([4, 5])));
  chain.applied(two, toLogIndex(4), conf([1, 2, 3, 4]));
  fires("configuration-chain", () => chain.applied(three, toLogIndex(4), conf([1, 2])));
  fires("configuration-chain", () => chain.installed(three, toLogIndex(9), conf([1, 2, 3])));
  assert.equal(chain.changeCount, 1);
});

test("one-change-at-a-time fires when a leader appends a change behind one that it has not applied", () => {
  const chain = new Configurations(conf([1, 2, 3]));
  chain.checkOneAtATime(one, [4], 4);
  fires("one-change-at-a-time", () => chain.checkOneAtATime(one, [4, 5], 5));
  chain.applied(one, toLogIndex(4), conf([1, 2]));
  chain.checkOneAtATime(one, [4, 5], 5);
});

/** A world in which these voted for the first one. */
function elected(voters: readonly number[]): Oracle {
  const oracle = new Oracle([one, two, three]);
  for (const node of [one, two, three]) {
    oracle.recovered(node, view([]), hardState(0, 0, 0));
    oracle.configured(node, view([]), conf([1, 2, 3]));
  }
  for (const voter of voters) {
    oracle.writing(toNodeId(voter), batch([], hardState(1, 1, 0)));
    oracle.written(toNodeId(voter));
    if (voter !== one) {
      oracle.sending(toNodeId(voter), voteFor(voter, 1, 1));
    }
  }
  return oracle;
}

test("election-quorum fires when a leader lacks the votes of a quorum of its configuration", () => {
  elected([1, 2]).stepped(one, status(1, "leader", 0, 0));
  fires("election-quorum", () => elected([1]).stepped(one, status(1, "leader", 0, 0)));
  fires("election-quorum", () => elected([2]).stepped(one, status(1, "leader", 0, 0)));
});

test("election-quorum: a vote counts that is heard of after its voter lost its disk", () => {
  const oracle = elected([1, 2]);
  oracle.forgets(two);
  oracle.stepped(one, status(1, "leader", 0, 0));
});

test("commit-quorum counts both halves of a joint configuration", () => {
  const committed = (holders: readonly number[]): void => {
    const oracle = new Oracle([one, two, three]);
    for (const node of [one, two, three]) {
      oracle.recovered(node, view([]), hardState(0, 0, 0));
      oracle.configured(node, view([]), conf([1, 2, 3]));
    }
    oracle.configurations.applied(one, toLogIndex(1), conf([3], [1, 2, 3]));
    oracle.configurations.stepped(one);
    for (const holder of [2, 3]) {
      oracle.writing(toNodeId(holder), batch([], hardState(1, 1, 0)));
      oracle.written(toNodeId(holder));
      oracle.sending(toNodeId(holder), voteFor(holder, 1, 1));
    }
    for (const holder of holders) {
      oracle.writing(toNodeId(holder), batch([entry(1, 1)], hardState(1, 1, 1)));
      oracle.written(toNodeId(holder));
    }
    oracle.stepped(one, status(1, "leader", 1, 0));
  };
  committed([1, 3]);
  fires("commit-quorum", () => committed([1, 2])); // A majority of the old voters alone.
});
