/** Commit indexes wait for one more turn, and are told by an append with entries where there is one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type LogIndex, type MessageOf, type NodeId, toLogIndex, toNodeId, toTerm } from "@quorate/raft";
import { CommitNotices } from "../../src/host/commit-notices.ts";
import { TestHosts } from "./cluster.ts";

const [one, two, three] = [1, 2, 3].map(toNodeId) as [NodeId, NodeId, NodeId];

function append(to: NodeId, commit: number, entryCount = 0): MessageOf<"append-entries"> {
  const term = toTerm(1);
  const entries = Array.from({ length: entryCount }, (_, i) => ({
    term,
    index: toLogIndex(commit + i + 1),
    type: "normal" as const,
    data: new Uint8Array(1),
  }));
  const previous = { term, index: toLogIndex(commit) };
  return { type: "append-entries", from: one, to, term, previous, entries, commit: previous.index };
}

function collecting(): { readonly notices: CommitNotices; readonly sent: (readonly [NodeId, LogIndex])[] } {
  const sent: (readonly [NodeId, LogIndex])[] = [];
  return { notices: new CommitNotices(({ commit, to }) => sent.push([to, commit])), sent };
}

test("a notice leaves in the turn after the one in which it was said, the newest for each member", () => {
  const { notices, sent } = collecting();
  assert.equal(notices.hold(append(two, 3), 7), true);
  assert.equal(notices.hold(append(three, 3), 7), true);
  assert.equal(notices.hold(append(two, 4), 7), true);
  notices.flush(7);
  assert.deepEqual(sent, []);
  assert.equal(notices.isEmpty, false);
  notices.flush(8);
  assert.deepEqual(sent, [
    [two, 4],
    [three, 3],
  ]);
  assert.equal(notices.isEmpty, true);
});

test("one that is said again and again is not put off again and again", () => {
  const { notices, sent } = collecting();
  notices.hold(append(two, 3), 7);
  notices.hold(append(two, 4), 8);
  notices.flush(8);
  assert.deepEqual(sent, [[two, 4]]);
});

test("an append with entries takes the place of the notice for its receiver, and of no other", () => {
  const { notices, sent } = collecting();
  notices.hold(append(two, 3), 7);
  notices.hold(append(three, 3), 7);
  notices.overtakenBy(append(two, 3, 1));
  notices.flush(8);
  assert.deepEqual(sent, [[three, 3]]);
});

test("an append that says less, of another term, takes no place", () => {
  const { notices, sent } = collecting();
  notices.hold(append(two, 3), 7);
  notices.overtakenBy({ ...append(two, 3, 1), term: toTerm(2) });
  notices.overtakenBy(append(two, 2, 1));
  notices.flush(8);
  assert.deepEqual(sent, [[two, 3]]);
});

test("nothing else that is said to a member overtakes its notice", () => {
  const { notices, sent } = collecting();
  notices.hold(append(two, 3), 7);
  notices.hold(append(three, 3), 7);
  notices.precede(two);
  assert.deepEqual(sent, [[two, 3]]);
  notices.precede(two);
  notices.flush(8);
  assert.deepEqual(sent, [
    [two, 3],
    [three, 3],
  ]);
});

test("the end of a leadership leaves nothing behind, and nothing known of what was told", () => {
  const { notices, sent } = collecting();
  notices.overtakenBy(append(three, 100, 1));
  notices.hold(append(two, 3), 7);
  notices.end();
  assert.deepEqual(sent, [[two, 3]]);
  assert.equal(notices.isEmpty, true);
  assert.equal(notices.hold(append(three, 101), 8), false, "it counts from 0 again");
});

test("news of many entries does not wait", () => {
  const { notices } = collecting();
  assert.equal(notices.hold(append(two, 64), 7), true);
  notices.flush(8);
  assert.equal(notices.hold(append(two, 129), 9), false);
  assert.equal(notices.isEmpty, true);
  assert.equal(notices.hold(append(two, 130), 9), true);
});

test("who proposes again as soon as an outcome is there costs its followers one append each time", () => {
  const hosts = new TestHosts(3);
  const { host } = hosts.elect(1);
  hosts.tick(2);
  const before = host.status().counters.framesSent;
  const rounds = 20;
  let applied = 0;
  const next = (): void => {
    host.propose(new Uint8Array([1]), ({ kind }) => {
      assert.equal(kind, "applied");
      applied++;
      if (applied < rounds) {
        next();
      }
    });
  };
  next();
  hosts.scheduler.runAll();
  assert.equal(applied, rounds);
  // The last one is told of by an append of its own, to each of the two.
  assert.equal(host.status().counters.framesSent - before, 2 * rounds + 2);
  for (const { machine } of hosts.members) {
    assert.equal(machine.commands.length, hosts.member(1).machine.commands.length);
  }
});
