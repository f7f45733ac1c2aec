/** Figure 2: the state, and what messages carry; Figure 3. The rules for servers stand in figure-2.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Encode } from "@quorate/base";
import { type Message, noNode, toNodeId, toTerm } from "@quorate/raft";
import { becomeFollower } from "../../src/core/become.ts";
import { progressOf } from "../../src/tracker/tracker.ts";
import { at, commands, conf, entry, Group, loneMember, Peer, startingLog } from "../support/group.ts";
import { accepted, append, heartbeat, logId, voteAnswer, voteRequest } from "../support/messages.ts";

const group3 = conf([1, 2, 3]);
const start = logId(0, 0);

function freshPeer(settings: ConstructorParameters<typeof Peer>[2] = {}): Peer {
  return new Peer(1, startingLog(group3, 0), { confState: group3, ...settings });
}

/** Elected in a group whose other members hear nothing but what the test delivers. */
function loneLeader(): Peer {
  const leader = freshPeer();
  leader.node.campaign();
  leader.drain();
  leader.node.step(voteAnswer("vote-response", 2, leader, 1));
  assert.equal(leader.role, "leader");
  return leader;
}

function progress(leader: Peer, id: number): [match: number, next: number] {
  const one = progressOf(leader.state.tracker, toNodeId(id));
  assert.ok(one !== null);
  return [one.match, one.next];
}

// [term-grows]
test("FIG 2 State: the term begins at 0, and no message takes it back", () => {
  const peer = freshPeer();
  assert.equal(peer.state.term, 0);
  const seen: number[] = [];
  for (const term of [3, 1, 5, 2, 5, 4]) {
    peer.node.step(append(2, peer, term, start));
    peer.node.step(voteRequest("request-vote", 3, peer, term, start));
    peer.drain();
    seen.push(peer.state.term);
  }
  assert.deepEqual(seen, [3, 3, 5, 5, 5, 5]);
  assert.throws(() => becomeFollower(peer.state, toTerm(4), noNode), /term never goes back/);
});

// [vote-once]
test("FIG 2 State: a new term frees the vote, the same term does not", () => {
  const peer = freshPeer();
  peer.node.step(voteRequest("request-vote", 2, peer, 1, start));
  assert.equal(peer.state.vote, 2);
  becomeFollower(peer.state, toTerm(1), noNode);
  assert.equal(peer.state.vote, 2);
  becomeFollower(peer.state, toTerm(2), noNode);
  assert.equal(peer.state.vote, noNode);
});

// [entry-shape, log-matching]
test("FIG 2 State, FIG 3 Log Matching: entries carry the leader's term, and take up the indexes from 1 on, each once", () => {
  const leader = loneLeader();
  leader.node.propose([utf8Encode("a"), utf8Encode("b")]);
  leader.node.propose([utf8Encode("c")]);
  leader.drain();
  assert.deepEqual(
    leader.log.all().map((one) => [one.term, one.index, String.fromCharCode(...one.data)]),
    [
      [1, 1, ""],
      [1, 2, "a"],
      [1, 3, "b"],
      [1, 4, "c"],
    ],
  );
});

// [commit-grows]
test("FIG 2 State: the commit index begins at 0, and no message takes it back", () => {
  const peer = freshPeer();
  assert.equal(peer.state.log.committed, 0);
  peer.node.step(append(2, peer, 1, start, [entry(1, 1), entry(1, 2)], 2));
  assert.equal(peer.state.log.committed, 2);
  peer.node.step(append(2, peer, 1, logId(1, 2), [], 1));
  peer.node.step(heartbeat(2, peer, 1, 0));
  peer.node.step(append(2, peer, 2, logId(1, 2), [], 0));
  assert.equal(peer.state.log.committed, 2);
});

// [applied-grows]
test("FIG 2 State: the applied index never goes back, nor beyond what is committed", () => {
  const peer = freshPeer();
  peer.node.step(append(2, peer, 1, start, [entry(1, 1), entry(1, 2), entry(1, 3)], 2));
  peer.drain();
  assert.equal(peer.state.log.applied, 2);
  peer.node.applied(at(1));
  assert.equal(peer.state.log.applied, 2);
  assert.throws(() => peer.node.applied(at(3)), /beyond what is committed/);
  assert.throws(() => peer.state.log.appliedTo(at(1)), /goes forward/);
});

// [progress-anew]
test("FIG 2 State: an elected leader knows nothing of the others, and sends what follows its last entry", () => {
  const leader = loneMember(1, group3, [1, 1, 2]);
  leader.node.campaign();
  leader.drain();
  leader.node.step(voteAnswer("vote-response", 2, leader, 3));
  assert.deepEqual(
    [progress(leader, 2), progress(leader, 3)],
    [
      [0, 4],
      [0, 4],
    ],
  );
  leader.drain();
  leader.node.step(accepted(2, leader, 3, 4));
  assert.deepEqual(progress(leader, 2), [4, 5]);
  becomeFollower(leader.state, toTerm(9), noNode);
  leader.node.campaign();
  leader.drain();
  leader.node.step(voteAnswer("vote-response", 3, leader, 10));
  assert.deepEqual(progress(leader, 2), [0, 5], "the last leadership's knowledge is gone");
});

// [match-grows, leader-success]
test("FIG 2 State, FIG 2 Leaders: a success raises match and next; a late one takes nothing back", () => {
  const leader = loneLeader();
  leader.node.propose([utf8Encode("a"), utf8Encode("b")]);
  leader.drain();
  leader.node.step(accepted(2, leader, 1, 1));
  assert.equal(progress(leader, 2)[0], 1);
  leader.node.step(accepted(2, leader, 1, 3));
  assert.deepEqual(progress(leader, 2), [3, 4]);
  leader.node.step(accepted(2, leader, 1, 2));
  assert.deepEqual(progress(leader, 2), [3, 4]);
});

// [append-arguments, leader-sends-next, commit-told]
test("FIG 2 AppendEntries, FIG 2 Leaders, §3.5: an append names what its receiver checks, and goes on where the last one ended", () => {
  const leader = loneLeader();
  leader.drain();
  leader.node.step(accepted(2, leader, 1, 1));
  leader.drain();
  leader.node.propose([utf8Encode("a"), utf8Encode("b")]);
  const sent = leader.drain().filter((message) => message.to === 2);
  assert.deepEqual(sent, [
    {
      type: "append-entries",
      from: 1,
      to: 2,
      term: 1,
      previous: { term: 1, index: 1 },
      entries: [entry(1, 2, "a"), entry(1, 3, "b")],
      commit: 1,
    },
  ]);
});

// [vote-arguments]
test("FIG 2 RequestVote: a request names candidate, term and last entry", () => {
  const peer = loneMember(1, group3, [1, 1, 4]);
  peer.node.campaign();
  assert.deepEqual(
    peer.drain()[0],
    voteRequest("request-vote", 1, { id: toNodeId(2) } as Peer, 5, logId(4, 3)),
  );
});

// [vote-answer-term]
test("FIG 2 RequestVote: a refusal carries the voter's term", () => {
  const peer = loneMember(1, group3, [4]);
  peer.node.step(voteRequest("request-vote", 2, peer, 6, logId(3, 9)));
  assert.deepEqual(peer.drain(), [voteAnswer("vote-response", 1, { id: toNodeId(2) } as Peer, 6, false)]);
  peer.node.step(voteRequest("pre-vote", 2, peer, 9, logId(3, 9)));
  assert.equal(peer.drain()[0]?.term, 6, "not the term that was asked about");
  peer.node.step(voteRequest("pre-vote", 2, peer, 2, logId(9, 9)));
  assert.deepEqual(peer.drain(), [voteAnswer("pre-vote-response", 1, { id: toNodeId(2) } as Peer, 6, false)]);
});

// [follower-passive]
test("FIG 2 Followers: a follower sends nothing of its own while its time-out runs", () => {
  const peer = freshPeer({ electionTimeoutTicks: 5 });
  const sent: Message[] = [];
  for (let tick = 0; tick < 4; tick++) {
    peer.node.tick();
    sent.push(...peer.drain());
  }
  assert.deepEqual(sent, []);
  peer.node.step(append(2, peer, 1, start, [entry(1, 1)], 1));
  assert.deepEqual(
    peer.drain().map((message) => [message.type, message.to]),
    [["append-response", 2]],
  );
});

// [candidate-begins]
test("FIG 2 Candidates: an election begins with a whole time-out", () => {
  const peer = freshPeer({ electionTimeoutTicks: 5 });
  for (let tick = 0; tick < 3; tick++) peer.node.tick();
  peer.node.campaign();
  assert.equal(peer.state.term, 1);
  for (let tick = 0; tick < 4; tick++) peer.node.tick();
  assert.equal(peer.state.term, 1);
  peer.node.tick();
  assert.equal(peer.state.term, 2);
});

// [election-safety]
test("FIG 3 Election Safety: of two candidates in one term, one is elected at most", () => {
  for (const first of [1, 2]) {
    const group = new Group(conf([1, 2, 3, 4]));
    group.peer(1).node.campaign();
    group.peer(2).node.campaign();
    group.collect();
    // The others hear one of the two first.
    group.network.sort((left, right) => Number(right.from === first) - Number(left.from === first));
    group.settle();
    const leaders = group.peers.filter((peer) => peer.role === "leader" && peer.state.term === 1);
    assert.deepEqual(
      leaders.map((peer) => Number(peer.id)),
      [first],
    );
  }
});

// [leader-completeness]
test("FIG 3 Leader Completeness: who lacks a committed entry is not elected, by no majority", () => {
  const group = new Group(conf([1, 2, 3, 4, 5]));
  const leader = group.elect(1);
  group.isolate(4);
  group.isolate(5);
  leader.node.propose([utf8Encode("kept")]);
  group.settle();
  assert.deepEqual(commands(leader), ["kept"]);
  group.heal();
  group.isolate(1);
  for (let round = 0; round < 5; round++) {
    group.peer(4).node.campaign();
    group.settle();
    assert.notEqual(group.peer(4).role, "leader");
  }
  group.elect(2);
  assert.deepEqual(commands(group.peer(4)), ["kept"]);
});

// [state-machine-safety]
test("FIG 3 State Machine Safety: what is committed is replaced by nobody, whatever is sent", () => {
  const peer = freshPeer();
  peer.node.step(append(2, peer, 1, start, [entry(1, 1, "a"), entry(1, 2, "b")], 2));
  peer.drain();
  peer.node.step(append(3, peer, 7, start, [entry(7, 1, "x"), entry(7, 2, "y"), entry(7, 3, "z")], 3));
  peer.drain();
  assert.deepEqual(commands(peer), ["a", "b"]);
  assert.equal(peer.state.log.lastIndex, 2);
  assert.throws(() => peer.state.log.append([entry(7, 2)]), /replace a committed entry/);
});
