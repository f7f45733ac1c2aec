/** One test for each rule of Figure 2 (and of §5 of the paper, chapter 3 of the dissertation); titles state the rule. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Encode } from "@quorate/base";
import {
  type LogId,
  type Message,
  type MessageOf,
  noNode,
  toNodeId,
  toTerm,
  type VoteResponse,
} from "@quorate/raft";
import { at, commands, conf, entry, Group, loneMember, Peer, startingLog } from "../support/group.ts";

const group3 = conf([1, 2, 3]);
const group5 = conf([1, 2, 3, 4, 5]);

function id(term: number, index: number): LogId {
  return { term: toTerm(term), index: at(index) };
}

function requestVote(from: number, to: number, term: number, last: LogId): MessageOf<"request-vote"> {
  return {
    type: "request-vote",
    from: toNodeId(from),
    to: toNodeId(to),
    term: toTerm(term),
    last,
    leadershipTransfer: false,
  };
}

function append(
  term: number,
  previous: LogId,
  entries: ReturnType<typeof entry>[] = [],
  commit = 0,
): MessageOf<"append-entries"> {
  return {
    type: "append-entries",
    from: toNodeId(2),
    to: toNodeId(1),
    term: toTerm(term),
    previous,
    entries,
    commit: at(commit),
  };
}

function vote(peer: Peer): VoteResponse | undefined {
  return peer.drain().find((message): message is VoteResponse => message.type === "vote-response");
}

function answer(peer: Peer): Message | undefined {
  return peer.drain().find((message) => message.type === "append-response");
}

function terms(peer: Peer): number[] {
  return peer.log.all().map((one) => one.term);
}

// [state-durable, vote-durable]
test("FIG 2 State: term and vote survive a restart", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3 });
  peer.node.step(requestVote(2, 1, 5, id(0, 0)));
  assert.equal(vote(peer)?.granted, true);
  peer.restart();
  peer.node.step(requestVote(3, 1, 5, id(0, 0)));
  assert.equal(vote(peer)?.granted, false, "no second vote in term 5");
  assert.deepEqual(peer.log.hardState, { term: 5, vote: 2, commit: 0 });
});

// [state-durable]
test("FIG 2 State: the log survives a restart", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3 });
  peer.node.step(append(1, id(0, 0), [entry(1, 1, "a")], 1));
  peer.drain();
  peer.restart();
  peer.drain();
  assert.deepEqual(commands(peer), ["a"]);
});

// [apply-committed]
test("FIG 2 All Servers: what is committed is applied, in the order of the log", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3 });
  peer.node.step(append(1, id(0, 0), [entry(1, 1, "a"), entry(1, 2, "b"), entry(1, 3, "c")], 2));
  peer.drain();
  assert.deepEqual(commands(peer), ["a", "b"]);
  peer.node.step(append(1, id(1, 3), [], 3));
  peer.drain();
  assert.deepEqual(commands(peer), ["a", "b", "c"]);
});

for (const role of ["follower", "candidate", "leader"] as const) {
  // [later-term]
  test(`FIG 2 All Servers, §3.3: a ${role} that sees a later term becomes a follower of that term`, () => {
    const group = new Group(group3);
    const peer = group.peer(1);
    if (role !== "follower") peer.node.campaign();
    if (role === "leader") group.settle();
    assert.equal(peer.role, role);
    peer.node.step(append(7, id(0, 0)));
    assert.equal(peer.role, "follower");
    assert.equal(peer.state.term, 7);
    assert.equal(peer.state.leader, 2);
  });
}

// [earlier-term]
test("§3.3: messages of an earlier term change nothing", () => {
  const peer = loneMember(1, group3, [1, 3]);
  peer.node.step(append(2, id(1, 1), [entry(2, 2)], 2));
  peer.node.step(requestVote(3, 1, 2, id(9, 9)));
  peer.drain();
  assert.deepEqual(terms(peer), [1, 3]);
  assert.equal(peer.state.log.committed, 0);
  assert.equal(peer.state.vote, noNode);
});

// [starts-as-follower, timeout-restarts]
test("FIG 2 Followers, §3.4: a member begins as a follower and stays one while it hears a leader", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3, electionTimeoutTicks: 5 });
  assert.equal(peer.role, "follower");
  for (let tick = 0; tick < 50; tick++) {
    peer.node.tick();
    if (tick % 4 === 0) peer.node.step(append(1, id(0, 0)));
  }
  assert.equal(peer.role, "follower");
});

// [follower-timeout]
test("FIG 2 Followers: a time-out without a leader makes a candidate", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3, electionTimeoutTicks: 5 });
  for (let tick = 0; tick < 4; tick++) peer.node.tick();
  assert.equal(peer.role, "follower");
  peer.node.tick();
  assert.equal(peer.role, "candidate");
});

// [timeout-restarts]
test("FIG 2 Followers: granting a vote restarts the time-out", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3, electionTimeoutTicks: 5 });
  for (let tick = 0; tick < 4; tick++) peer.node.tick();
  peer.node.step(requestVote(2, 1, 1, id(0, 0)));
  for (let tick = 0; tick < 4; tick++) peer.node.tick();
  assert.equal(peer.role, "follower");
});

// [timeout-restarts]
test("FIG 2 Followers: granting a vote restarts the time-out, also in a term that is known already", () => {
  const peer = loneMember(1, group3, [1], { electionTimeoutTicks: 5 });
  for (let tick = 0; tick < 4; tick++) peer.node.tick();
  peer.node.step(requestVote(2, 1, 1, id(1, 1)));
  assert.equal(vote(peer)?.granted, true);
  assert.equal(peer.state.electionElapsedTicks, 0);
  peer.node.tick();
  assert.equal(peer.role, "follower");
});

// [timeout-restarts]
test("FIG 2 Followers: a refused vote does not restart the time-out", () => {
  const peer = loneMember(1, group3, [1, 1], { electionTimeoutTicks: 5 });
  for (let tick = 0; tick < 4; tick++) peer.node.tick();
  peer.node.step(requestVote(2, 1, 1, id(1, 1)));
  assert.equal(vote(peer)?.granted, false);
  peer.node.tick();
  assert.equal(peer.role, "candidate");
});

// [candidate-begins]
test("FIG 2 Candidates: the term rises by one, the vote is its own, and all others are asked", () => {
  const peer = new Peer(1, startingLog(group5, 0), { confState: group5 });
  peer.node.campaign();
  const sent = peer.drain();
  assert.deepEqual(peer.log.hardState, { term: 1, vote: 1, commit: 0 });
  assert.deepEqual(
    sent.map((message) => [message.type, message.to, message.term]),
    [2, 3, 4, 5].map((to) => ["request-vote", to, 1]),
  );
});

// [own-vote-durable, case-3]
test("§3.8: a candidate's own vote counts only when it is durable", () => {
  const peer = new Peer(1, startingLog(conf([1]), 0), { confState: conf([1]), asyncStorage: true });
  peer.node.campaign();
  const ready = peer.node.ready();
  assert.equal(peer.role, "candidate");
  assert.equal(ready.mustSync, true);
  for (const message of ready.sendAfterPersist) peer.node.step(message);
  assert.equal(peer.role, "leader");
});

for (const [members, votes, role] of [
  [1, [], "leader"],
  [3, [], "candidate"],
  [3, [true], "leader"],
  [3, [false, false], "follower"],
  [5, [true], "candidate"],
  [5, [true, true], "leader"],
  [5, [true, false, false], "candidate"],
  [5, [true, false, false, false], "follower"],
  [4, [true], "candidate"],
  [4, [true, true], "leader"],
] as const) {
  // [candidate-majority]
  test(`FIG 2 Candidates, §3.4: of ${members} members, own vote and [${votes}] make a ${role}`, () => {
    const members_ = conf(Array.from({ length: members }, (_, place) => place + 1));
    const peer = new Peer(1, startingLog(members_, 0), { confState: members_ });
    peer.node.campaign();
    peer.drain();
    votes.forEach((granted, place) => {
      peer.node.step({
        type: "vote-response",
        from: toNodeId(place + 2),
        to: peer.id,
        term: toTerm(1),
        granted,
      });
    });
    assert.equal(peer.role, role);
  });
}

// [candidate-majority]
test("FIG 2 Candidates: a vote counts once, however often it arrives", () => {
  const peer = new Peer(1, startingLog(group5, 0), { confState: group5 });
  peer.node.campaign();
  peer.drain();
  for (let repeat = 0; repeat < 4; repeat++) {
    peer.node.step({ type: "vote-response", from: toNodeId(2), to: peer.id, term: toTerm(1), granted: true });
  }
  assert.equal(peer.role, "candidate");
});

// [candidate-follows]
test("FIG 2 Candidates: the append of a leader of its own term makes a follower", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3 });
  peer.node.campaign();
  peer.node.step(append(1, id(0, 0)));
  assert.equal(peer.role, "follower");
  assert.equal(peer.state.leader, 2);
});

// [candidate-again]
test("FIG 2 Candidates: a time-out begins the next election", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3, electionTimeoutTicks: 5 });
  for (let tick = 0; tick < 10; tick++) peer.node.tick();
  assert.equal(peer.state.term, 2);
  assert.equal(peer.role, "candidate");
});

// [timeout-random]
test("§3.4: time-outs are drawn anew each time, between one and two election time-outs", () => {
  const drawn: number[] = [];
  let next = 0;
  const random = (low: number, high: number): number => low + (next++ % (high - low));
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3, electionTimeoutTicks: 5, random });
  for (let round = 0; round < 5; round++) {
    peer.node.campaign();
    drawn.push(peer.state.randomizedTimeoutTicks);
  }
  assert.deepEqual(drawn.toSorted(), [5, 6, 7, 8, 9]);
});

// [vote-stale-term]
test("FIG 2 RequestVote 1: a request of an earlier term gets no vote, and its candidate is told the present one", () => {
  const peer = loneMember(1, group3, [3]);
  peer.node.step(requestVote(2, 1, 2, id(9, 9)));
  const answer = vote(peer);
  assert.equal(answer?.granted, false);
  assert.equal(answer?.term, 3);
});

// [vote-once, vote-grant]
test("FIG 2 RequestVote 2, FIG 2 State: one vote in each term, and the same candidate may ask again", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3 });
  peer.node.step(requestVote(2, 1, 1, id(0, 0)));
  assert.equal(vote(peer)?.granted, true);
  peer.node.step(requestVote(3, 1, 1, id(0, 0)));
  assert.equal(vote(peer)?.granted, false);
  peer.node.step(requestVote(2, 1, 1, id(0, 0)));
  assert.equal(vote(peer)?.granted, true);
  peer.node.step(requestVote(3, 1, 2, id(0, 0)));
  assert.equal(vote(peer)?.granted, true);
});

for (const [own, candidate, granted] of [
  [[1], id(1, 1), true],
  [[1], id(1, 2), true],
  [[1, 1], id(1, 1), false],
  [[1], id(2, 1), true],
  [[1, 1], id(2, 1), true],
  [[2], id(1, 1), false],
  [[2], id(1, 9), false],
] as const) {
  // [log-up-to-date, vote-grant, case-4]
  test(`FIG 2 RequestVote 2, §3.6.1: terms [${own}] ${granted ? "grant" : "refuse"} a log that ends in ${candidate.term}/${candidate.index}`, () => {
    const peer = loneMember(1, group3, own);
    peer.node.step(requestVote(2, 1, 5, candidate));
    assert.equal(vote(peer)?.granted, granted);
  });
}

// [leader-announces]
test("FIG 2 Leaders: an elected leader tells all others at once", () => {
  const group = new Group(group3);
  const leader = group.peer(1);
  leader.node.campaign();
  leader.drain();
  leader.node.step({
    type: "vote-response",
    from: toNodeId(2),
    to: leader.id,
    term: toTerm(1),
    granted: true,
  });
  const sent = leader.drain().filter((message) => message.type === "append-entries");
  assert.deepEqual(
    sent.map((message) => message.to),
    [2, 3],
  );
});

// [leader-heartbeats]
test("FIG 2 Leaders: heartbeats go out in idle periods", () => {
  const group = new Group(group3, { heartbeatTicks: 2 });
  const leader = group.elect(1);
  leader.node.tick();
  assert.deepEqual(leader.drain(), []);
  leader.node.tick();
  assert.deepEqual(
    leader.drain().map((message) => [message.type, message.to]),
    [
      ["heartbeat", 2],
      ["heartbeat", 3],
    ],
  );
});

// [leader-appends, commit-majority, append-retry]
test("FIG 2 Leaders, §3.5: a command is appended, replicated, and applied once a majority has it", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  group.isolate(3);
  leader.node.propose([utf8Encode("a")]);
  leader.drain();
  assert.deepEqual(commands(leader), []);
  leader.node.tick();
  group.settle();
  assert.deepEqual(commands(leader), ["a"]);
  group.heal();
  leader.node.tick();
  group.settle();
  assert.deepEqual(commands(group.peer(3)), ["a"]);
});

// [leader-backs-up, entry-keeps-term, log-matching]
test("FIG 2 Leaders, FIG 3 Log Matching, §3.6.2: a refused append is repeated from further back until the logs meet", () => {
  // The follower holds uncommitted entries of a deposed leader in place of the newer ones.
  const group = new Group(group3);
  const leader = group.peer(1);
  const follower = group.peer(2);
  leader.log.append([entry(1, 1), entry(4, 2), entry(4, 3), entry(5, 4), entry(6, 5)]);
  leader.log.hardState = { ...leader.log.hardState, term: toTerm(6) };
  leader.restart();
  follower.log.append([entry(1, 1), entry(2, 2), entry(2, 3), entry(3, 4), entry(3, 5), entry(3, 6)]);
  follower.log.hardState = { ...follower.log.hardState, term: toTerm(3) };
  follower.restart();
  group.elect(1);
  assert.deepEqual(terms(follower), [1, 4, 4, 5, 6, 7]);
  assert.deepEqual(terms(follower), terms(leader));
});

// [commit-own-term, commit-prefix, case-1]
test("FIG 2 Leaders, §3.6.2: an entry of an earlier term is not committed by counting", () => {
  const group = new Group(group3);
  const leader = group.peer(1);
  leader.log.append([entry(1, 1), entry(2, 2)]);
  leader.log.hardState = { ...leader.log.hardState, term: toTerm(2) };
  leader.restart();
  leader.node.campaign();
  leader.drain();
  leader.node.step({
    type: "vote-response",
    from: toNodeId(2),
    to: leader.id,
    term: toTerm(3),
    granted: true,
  });
  leader.drain();
  const acknowledge = (index: number): void => {
    leader.node.step({
      type: "append-response",
      from: toNodeId(2),
      to: leader.id,
      term: toTerm(3),
      rejected: false,
      index: at(index),
    });
  };
  acknowledge(2);
  assert.equal(leader.state.log.committed, 0, "a majority has entry 2, but it is of term 2");
  acknowledge(3);
  assert.equal(leader.state.log.committed, 3, "with the entry of term 3, all before it are committed");
});

// [leader-append-only, election-safety]
test("FIG 3 Leader Append-Only, FIG 3 Election Safety: a leader never replaces its own entries", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  leader.node.propose([utf8Encode("a")]);
  const before = leader.state.log.lastIndex;
  const result = leader.node.step(append(1, id(0, 0), [entry(1, 1, "other")]));
  assert.equal(result.status, "inconsistent");
  assert.equal(leader.state.log.lastIndex, before);
});

// [append-stale-term]
test("FIG 2 AppendEntries 1: a leader of an earlier term is told the present one", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3, checkQuorum: true });
  peer.node.step(append(5, id(0, 0)));
  peer.drain();
  peer.node.step(append(3, id(0, 0), [entry(3, 1)]));
  assert.equal(answer(peer)?.term, 5);
  assert.deepEqual(terms(peer), []);
});

// [append-previous, hint-by-term]
test("FIG 2 AppendEntries 2, §3.5: without the previous entry the append is refused, with a hint", () => {
  const peer = loneMember(1, group3, [1, 2]);
  peer.node.step(append(3, id(3, 5), [entry(3, 6)]));
  assert.deepEqual(answer(peer), {
    type: "append-response",
    from: 1,
    to: 2,
    term: 3,
    rejected: true,
    index: 5,
    hint: { term: 2, index: 2 },
  });
  peer.node.step(append(3, id(3, 2), [entry(3, 3)]));
  assert.equal((answer(peer) as { rejected?: boolean }).rejected, true, "there, but of another term");
  assert.deepEqual(terms(peer), [1, 2]);
});

// [append-conflict]
test("FIG 2 AppendEntries 3: a conflicting entry disappears with everything behind it", () => {
  const peer = loneMember(1, group3, [1, 2, 2, 2]);
  peer.node.step(append(3, id(1, 1), [entry(3, 2)]));
  peer.drain();
  assert.deepEqual(terms(peer), [1, 3]);
});

// [messages-idempotent]
test("FIG 2 AppendEntries 2, §3.7: an append from before the compacted prefix is acknowledged up to what is committed", () => {
  const peer = new Peer(1, startingLog(group3, 10), { confState: group3 });
  peer.node.step(append(1, id(1, 4), [entry(1, 5), entry(1, 6)]));
  assert.deepEqual(answer(peer), {
    type: "append-response",
    from: 1,
    to: 2,
    term: 1,
    rejected: false,
    index: 10,
  });
});

// [append-conflict, messages-idempotent, case-35]
test("FIG 2 AppendEntries 3, §3.7: a late append that matches cuts nothing", () => {
  const peer = loneMember(1, group3, [1, 1, 1]);
  peer.node.step(append(1, id(0, 0), [entry(1, 1)]));
  assert.equal((answer(peer) as { index?: number }).index, 1);
  assert.deepEqual(terms(peer), [1, 1, 1]);
});

// [append-new]
test("FIG 2 AppendEntries 4: entries that are not in the log are appended", () => {
  const peer = loneMember(1, group3, [1, 1]);
  peer.node.step(append(2, id(1, 1), [entry(1, 2), entry(2, 3)]));
  assert.equal((answer(peer) as { index?: number }).index, 3);
  assert.deepEqual(terms(peer), [1, 1, 2]);
});

// [append-commit, commit-grows]
test("FIG 2 AppendEntries 5, FIG 2 State: the commit index is the leader's, but not beyond the last new entry", () => {
  const peer = loneMember(1, group3, [1, 1, 1]);
  peer.node.step(append(1, id(1, 1), [entry(1, 2)], 3));
  assert.equal(peer.state.log.committed, 2);
  peer.node.step(append(1, id(1, 3), [], 3));
  assert.equal(peer.state.log.committed, 3);
  peer.node.step(append(1, id(1, 3), [], 1));
  assert.equal(peer.state.log.committed, 3, "it never goes back");
});

// [ack-durable, state-durable]
test("§3.8: an acknowledgement leaves only after the entries are durable", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3, asyncStorage: true });
  peer.node.step(append(1, id(0, 0), [entry(1, 1)]));
  const ready = peer.node.ready();
  assert.deepEqual(ready.sendNow, []);
  assert.deepEqual(
    ready.sendAfterPersist.map((message) => message.type),
    ["append-response"],
  );
  assert.equal(ready.mustSync, true);
});

// [parallel-write, own-write-counted]
test("§10.2.1: the leader replicates while its own disk writes, and counts itself only afterwards", () => {
  const group = new Group(group3, { asyncStorage: false });
  const leader = group.elect(1);
  leader.node.propose([utf8Encode("a")]);
  const ready = leader.node.ready();
  assert.equal(ready.sendNow.filter((message) => message.type === "append-entries").length, 2);
  assert.deepEqual(
    ready.sendAfterPersist.map((message) => [message.type, message.to]),
    [["append-response", 1]],
  );
});
