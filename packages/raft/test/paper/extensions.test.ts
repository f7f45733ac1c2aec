/** The rules of the dissertation's later chapters: trial elections, sticky leaders, transfer, membership, reads, snapshots. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyBytes, utf8Encode } from "@quorate/base";
import { type Message, noNode, raftDefaults, toNodeId, toTerm } from "@quorate/raft";
import { progressOf } from "../../src/tracker/tracker.ts";
import { at, commands, conf, entry, Group, loneMember, Peer, startingLog } from "../support/group.ts";
import { change } from "../support/messages.ts";

const group3 = conf([1, 2, 3]);

function tickAll(group: Group, count: number): void {
  for (let i = 0; i < count; i++) {
    for (const peer of group.peers) peer.node.tick();
    group.settle();
  }
}

// [pre-vote-first, pre-vote-ends]
test("§9.6: a member that was cut off does not raise its term, and does not depose the leader when it comes back", () => {
  const group = new Group(group3, { preVote: true, electionTimeoutTicks: 5 });
  const leader = group.elect(1);
  group.isolate(3);
  for (let i = 0; i < 100; i++) group.peer(3).node.tick();
  group.settle();
  assert.equal(group.peer(3).role, "pre-candidate");
  assert.equal(group.peer(3).state.term, 1);
  group.heal();
  tickAll(group, 3);
  assert.equal(leader.role, "leader");
  assert.equal(leader.state.term, 1);
  assert.equal(group.peer(3).role, "follower");
});

// [pre-vote-binds-nobody, case-7]
test("§9.6: a trial changes neither the voter's term nor its vote", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3 });
  peer.node.step({
    type: "pre-vote",
    from: toNodeId(2),
    to: peer.id,
    term: toTerm(9),
    last: { term: toTerm(0), index: at(0) },
    leadershipTransfer: false,
  });
  const sent = peer.drain();
  assert.deepEqual(
    sent.map((message) => [
      message.type,
      message.term,
      message.type === "pre-vote-response" && message.granted,
    ]),
    [["pre-vote-response", 9, true]],
  );
  assert.equal(peer.state.term, 0);
  assert.equal(peer.state.vote, noNode);
});

// [pre-vote-conditions, case-7]
test("§9.6: a refused trial teaches the later term", () => {
  const behind = new Peer(1, startingLog(group3, 0), { confState: group3, preVote: true });
  behind.node.campaign();
  const [request] = behind.drain();
  assert.ok(request !== undefined);
  const ahead = loneMember(2, group3, [5]);
  ahead.node.step(request);
  const [refusal] = ahead.drain();
  assert.ok(refusal !== undefined && refusal.type === "pre-vote-response" && !refusal.granted);
  behind.node.step(refusal);
  assert.equal(behind.state.term, 5);
  assert.equal(behind.role, "follower");
});

// [sticky-voters, sticky-except-transfer]
test("§4.2.3: who heard a leader within the election time-out ignores requests for votes, unless the leader asked for them", () => {
  const group = new Group(group3, { checkQuorum: true });
  group.elect(1);
  const follower = group.peer(2);
  const request = (leadershipTransfer: boolean): Message => ({
    type: "request-vote",
    from: toNodeId(3),
    to: follower.id,
    term: toTerm(8),
    last: { term: toTerm(9), index: at(9) },
    leadershipTransfer,
  });
  follower.node.step(request(false));
  assert.equal(follower.state.term, 1);
  assert.deepEqual(follower.drain(), []);
  follower.node.step(request(true));
  assert.equal(follower.state.term, 8);
  assert.equal(follower.state.vote, 3);
});

// [case-10]
test("§4.2.3: a member stuck in a later term under a sticky leader is freed by its answer to that leader", () => {
  const group = new Group(group3, { checkQuorum: true });
  const leader = group.elect(1);
  group.isolate(3);
  group.peer(3).node.campaign();
  group.settle();
  group.heal();
  assert.equal(group.peer(3).state.term, 2);
  leader.node.tick();
  group.settle();
  assert.equal(leader.role, "follower");
  assert.equal(leader.state.term, 2);
});

// [quorum-check]
test("§6.2: a leader that hears no quorum for an election time-out steps down", () => {
  const group = new Group(group3, { checkQuorum: true, electionTimeoutTicks: 5 });
  const leader = group.elect(1);
  for (let i = 0; i < 5; i++) leader.node.tick();
  assert.equal(leader.role, "leader", "it heard them during its election");
  group.isolate(1);
  group.settle();
  for (let i = 0; i < 5; i++) leader.node.tick();
  assert.equal(leader.role, "follower");
});

// [transfer-no-proposals, transfer-catch-up, transfer-now, case-11, case-12]
test("§3.10: the target gets the whole log first, then campaigns at once; proposals are refused meanwhile", () => {
  const group = new Group(group3, { checkQuorum: true, preVote: true });
  const leader = group.elect(1);
  group.isolate(2);
  leader.node.propose([utf8Encode("a")]);
  group.settle();
  group.heal();
  assert.equal(leader.node.transferLeadership(toNodeId(2)), "started");
  assert.equal(group.inFlight("timeout-now").length, 0);
  const refused = leader.node.propose([utf8Encode("b")]);
  assert.equal(refused.ok ? "" : refused.reason, "transferring");
  leader.node.tick();
  group.settle();
  assert.equal(group.peer(2).role, "leader");
  assert.equal(group.peer(2).state.term, 2);
  assert.deepEqual(commands(group.peer(2)), ["a"]);
});

// [transfer-gives-up]
test("§3.10: a transfer that does not succeed within an election time-out is given up", () => {
  const group = new Group(group3, { electionTimeoutTicks: 5 });
  const leader = group.elect(1);
  group.isolate(3);
  leader.node.transferLeadership(toNodeId(3));
  for (let i = 0; i < 5; i++) leader.node.tick();
  assert.equal(leader.state.transferee, noNode);
  assert.ok(leader.node.propose([utf8Encode("a")]).ok);
});

// [case-12]
test("§3.10: leadership goes to no learner, to nobody unknown, and not to the leader itself", () => {
  const group = new Group(conf([1, 2], [3]));
  const leader = group.elect(1);
  assert.equal(leader.node.transferLeadership(toNodeId(3)), "learner");
  assert.equal(leader.node.transferLeadership(toNodeId(9)), "not-a-member");
  assert.equal(leader.node.transferLeadership(toNodeId(1)), "already-leader");
  assert.equal(group.peer(2).node.transferLeadership(toNodeId(2)), "forwarded");
  group.settle();
  assert.equal(group.peer(2).role, "leader");
});

// [one-change, case-17]
test("§4.1: a change waits for the one before it; the second becomes an empty entry", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  assert.ok(leader.node.proposeConfChange(change("l4"), "single").ok);
  const second = leader.node.proposeConfChange(change("l5"), "single");
  assert.ok(!second.ok && second.reason === "conf-change" && second.refusal === "pending");
  group.settle();
  assert.deepEqual(leader.node.status().confState.learners, [4]);
  assert.ok(leader.node.proposeConfChange(change("l5"), "single").ok);
  group.settle();
  assert.deepEqual(leader.node.status().confState.learners, [4, 5]);
});

// [new-leader-waits, case-15, case-16]
test("§4.1: a new leader takes up no change before it applied all that its log held", () => {
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
  assert.equal(leader.state.pendingConfIndex, 0);
  leader.drain();
  const log = startingLog(group3, 0);
  log.append([entry(1, 1), entry(1, 2)]);
  log.hardState = { ...log.hardState, term: toTerm(1) };
  const heir = new Peer(1, log, { confState: group3 });
  heir.node.campaign();
  heir.drain();
  heir.node.step({ type: "vote-response", from: toNodeId(2), to: heir.id, term: toTerm(2), granted: true });
  assert.equal(heir.role, "leader");
  const refused = heir.node.proposeConfChange(change("l4"), "single");
  assert.ok(!refused.ok && refused.reason === "conf-change" && refused.refusal === "pending");
});

// [no-campaign-unapplied, case-18]
test("§4.1: nobody campaigns while a committed change is not applied", () => {
  const log = startingLog(group3, 0);
  const peer = new Peer(1, log, { confState: group3, asyncStorage: true, committedBytesPerReadyMax: 1 });
  const confEntry = { ...entry(1, 2), type: "conf-change-v2" as const, data: emptyBytes };
  peer.node.step({
    type: "append-entries",
    from: toNodeId(2),
    to: peer.id,
    term: toTerm(1),
    previous: { term: toTerm(0), index: at(0) },
    entries: [entry(1, 1), confEntry],
    commit: at(2),
  });
  assert.equal(peer.node.campaign(), false);
  assert.equal(peer.role, "follower");
});

// [removed-leader-leads, case-23]
test("§4.2.2: a leader that is removed leads until that is committed, then steps down, and appends nothing more", () => {
  for (const stepDownOnRemoval of [true, false]) {
    const group = new Group(group3, { stepDownOnRemoval });
    const leader = group.elect(1);
    assert.ok(leader.node.proposeConfChange(change("r1"), "single").ok);
    assert.equal(leader.role, "leader");
    group.settle();
    assert.equal(leader.role, stepDownOnRemoval ? "follower" : "leader");
    const refused = leader.node.propose([utf8Encode("a")]);
    assert.equal(refused.ok ? "" : refused.reason, stepDownOnRemoval ? "no-leader" : "not-a-member");
    assert.deepEqual(group.peer(2).node.status().confState.voters, [2, 3]);
  }
});

// [removed-leader-hands-over]
test("§4.2.2: a leader that is removed while it hands over leads on until that is done, and tries again", () => {
  for (const handOverCompleted of [true, false]) {
    const group = new Group(group3, { handOverCompleted, checkQuorum: true });
    const leader = group.elect(1);
    assert.ok(leader.node.proposeConfChange(change("r1"), "single").ok);
    assert.equal(leader.node.transferLeadership(toNodeId(2)), "started");
    group.settle((message) => message.type !== "timeout-now");
    assert.deepEqual(leader.node.status().confState.voters, [2, 3]);
    assert.equal(leader.role, handOverCompleted ? "leader" : "follower");
    for (let i = 0; i < 2 * raftDefaults.electionTimeoutTicks; i++) {
      leader.node.tick();
      group.settle();
    }
    const leaders = [2, 3].filter((id) => group.peer(id).role === "leader");
    assert.deepEqual(
      leaders,
      handOverCompleted ? [3] : [],
      "whoever did not take over is not asked at once again",
    );
    assert.equal(leader.role, "follower");
  }
});

// [removed-leader-hands-over]
test("§4.2.2: a removed leader that hears no majority hands over to nobody, and steps down", () => {
  const group = new Group(group3, { checkQuorum: true });
  const leader = group.elect(1);
  assert.ok(leader.node.proposeConfChange(change("r1"), "single").ok);
  assert.equal(leader.node.transferLeadership(toNodeId(2)), "started");
  group.settle((message) => message.type !== "timeout-now");
  assert.equal(leader.role, "leader");
  for (let i = 0; i < 2 * raftDefaults.electionTimeoutTicks; i++) {
    leader.node.tick();
    group.settle(() => false);
  }
  assert.equal(leader.role, "follower");
});

// [joint-both-commit]
test("§4.3: while joint, agreement needs both majorities", () => {
  const group = new Group(group3);
  group.join(4);
  group.join(5);
  const leader = group.elect(1);
  assert.ok(leader.node.proposeConfChange(change("r2 r3 v4 v5", "explicit"), "joint").ok);
  group.settle();
  assert.deepEqual(leader.node.status().confState, {
    voters: [1, 4, 5],
    votersOutgoing: [1, 2, 3],
    learners: [],
    learnersNext: [],
    autoLeave: false,
  });
  leader.node.propose([utf8Encode("a")]);
  group.settle((message) => message.from !== 4 && message.from !== 5);
  assert.deepEqual(commands(leader), [], "the old majority alone does not decide");
  leader.node.tick();
  group.settle();
  assert.deepEqual(commands(leader), ["a"]);
  leader.node.propose([utf8Encode("b")]);
  group.settle((message) => message.from !== 2 && message.from !== 3);
  assert.deepEqual(commands(leader), ["a"], "nor does the new majority alone");
  leader.node.tick();
  group.settle();
  assert.deepEqual(commands(leader), ["a", "b"]);
});

// [joint-left-after-commit]
test("§4.3: an implicit joint configuration is left by itself, once", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  assert.ok(leader.node.proposeConfChange(change("r2 r3"), "joint").ok);
  group.settle();
  assert.deepEqual(leader.node.status().confState, conf([1]));
  assert.equal(leader.log.all().filter((one) => one.type !== "normal").length, 2);
});

// [learner-silent]
test("§4.2.1: a learner receives everything, counts for nothing, and votes when asked", () => {
  const group = new Group(conf([1, 2], [3]));
  const leader = group.elect(1);
  group.isolate(2);
  leader.node.propose([utf8Encode("a")]);
  group.settle();
  assert.deepEqual(commands(leader), []);
  group.heal();
  leader.node.tick();
  group.settle();
  leader.node.tick();
  group.settle();
  assert.deepEqual(commands(group.peer(3)), ["a"]);
  assert.equal(group.peer(3).node.campaign(), false);
  group.peer(3).node.step({
    type: "request-vote",
    from: toNodeId(2),
    to: toNodeId(3),
    term: toTerm(9),
    last: { term: toTerm(9), index: at(9) },
    leadershipTransfer: false,
  });
  assert.equal(group.peer(3).state.vote, 2);
});

// [case-14, case-19]
test("§4.1: what would leave no voter is refused before it enters the log, and harmless within it", () => {
  const group = new Group(conf([1]));
  const leader = group.elect(1);
  const before = leader.state.log.lastIndex;
  const refused = leader.node.proposeConfChange(change("r1"), "single");
  assert.ok(!refused.ok && refused.reason === "conf-change" && refused.refusal === "invalid");
  assert.equal(leader.state.log.lastIndex, before);
  assert.deepEqual(leader.node.applyConfChange(change("r1")), conf([1]));
});

// [read-own-term, read-round, case-52]
test("§6.4: a read waits for a round of heartbeats, and for the first commit of the leader's term", () => {
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
  assert.equal(leader.node.readIndex(utf8Encode("early")), "asked");
  leader.drain();
  assert.equal(leader.reads.length, 0);
  leader.node.tick();
  group.settle();
  leader.node.tick();
  group.settle();
  assert.deepEqual(
    leader.reads.map((read) => read.index),
    [1],
  );
});

// [read-round]
test("§6.4: a deposed leader confirms no read", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  group.isolate(1);
  group.elect(2);
  leader.node.readIndex(utf8Encode("stale"));
  for (let i = 0; i < 5; i++) leader.node.tick();
  group.settle();
  group.heal();
  group.peer(2).node.tick();
  group.settle();
  assert.equal(leader.reads.length, 0);
});

// [read-one-round, read-by-follower, case-53]
test("§6.4: one round confirms all reads up to it, also those of followers, also with equal contexts", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  leader.node.readIndex(utf8Encode("x"));
  leader.node.readIndex(utf8Encode("x"));
  group.peer(2).node.readIndex(utf8Encode("y"));
  group.settle();
  assert.equal(leader.reads.length, 2);
  assert.deepEqual(
    group.peer(2).reads.map((read) => [read.index, String.fromCharCode(...read.context)]),
    [[1, "y"]],
  );
  assert.equal(leader.state.reads.unconfirmed.length, 0);
});

// [lease-by-heartbeats, case-54]
test("§6.4.1: with leases a read needs no round; forgetting the leader is then refused", () => {
  const group = new Group(group3, { readMode: "lease", checkQuorum: true, leaseProtected: false });
  const leader = group.elect(1);
  leader.node.readIndex(utf8Encode("x"));
  const ready = leader.node.ready();
  assert.equal(ready.readStates.length, 1);
  assert.deepEqual(ready.sendNow, []);
  assert.equal(group.peer(2).node.forgetLeader(), false);
});

test("§6.2: a follower that forgets its leader votes for others at once, and remembers with the next message", () => {
  const group = new Group(group3, { checkQuorum: true });
  const leader = group.elect(1);
  const follower = group.peer(2);
  assert.equal(follower.node.forgetLeader(), true);
  assert.equal(follower.state.leader, noNode);
  leader.node.tick();
  group.settle();
  assert.equal(follower.state.leader, 1);
  assert.equal(leader.node.forgetLeader(), false);
});

// [snapshot-when-gone]
test("§5.3: a member that needs entries which are gone gets the snapshot, with the configuration in it", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  group.isolate(3);
  for (const text of ["a", "b", "c"]) leader.node.propose([utf8Encode(text)]);
  group.settle();
  leader.log.compact(3);
  group.heal();
  leader.node.tick();
  group.settle();
  leader.node.tick();
  group.settle();
  const progress = progressOf(leader.state.tracker, toNodeId(3));
  assert.equal(progress?.state, "replicate");
  assert.equal(progress?.match, 4);
  assert.equal(group.peer(3).state.log.applied, 4);
  assert.deepEqual(group.peer(3).node.status().confState, group3);
});

test("§5.3: no image is sent to a member that is not heard", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  group.isolate(3);
  leader.node.propose([utf8Encode("a")]);
  group.settle();
  leader.log.compact(2);
  const progress = progressOf(leader.state.tracker, toNodeId(3));
  assert.ok(progress !== null);
  progress.recentActive = false;
  leader.node.reportUnreachable(toNodeId(3));
  leader.node.propose([utf8Encode("b")]);
  assert.deepEqual(
    leader.drain().filter((message) => message.type === "install-snapshot"),
    [],
  );
});

// [snapshot-of-prefix, case-46]
test("§5.3: a snapshot of what is known already only teaches what is committed", () => {
  const peer = loneMember(1, group3, [1, 1, 1]);
  const snapshot = { index: at(2), term: toTerm(1), confState: group3 };
  const install = { type: "install-snapshot" as const, from: toNodeId(2), to: peer.id, term: toTerm(1) };
  peer.node.step({ ...install, snapshot });
  peer.drain();
  assert.equal(peer.state.log.committed, 2);
  assert.equal(peer.state.log.lastIndex, 3, "the rest of the log stays");
  peer.node.step({ ...install, snapshot: { ...snapshot, index: at(1) } });
  assert.equal(peer.node.ready().snapshot, null);
});

// [snapshot-configuration, case-20]
test("§5.1: a snapshot of a joint configuration puts it in force, whole", () => {
  const joint = {
    voters: [toNodeId(1), toNodeId(4)],
    votersOutgoing: [toNodeId(1), toNodeId(2), toNodeId(3)],
    learners: [toNodeId(5)],
    learnersNext: [toNodeId(3)],
    autoLeave: true,
  };
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3 });
  peer.node.step({
    type: "install-snapshot",
    from: toNodeId(2),
    to: peer.id,
    term: toTerm(1),
    snapshot: { index: at(9), term: toTerm(1), confState: joint },
  });
  assert.deepEqual(peer.node.status().confState, joint);
});

test("§5.3: a transfer of an image that failed is tried again only after the member was heard", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  group.isolate(3);
  leader.node.propose([utf8Encode("a")]);
  group.settle();
  leader.log.compact(2);
  group.heal();
  leader.node.tick();
  group.settle((message) => message.type !== "install-snapshot");
  const progress = progressOf(leader.state.tracker, toNodeId(3));
  assert.equal(progress?.state, "snapshot");
  leader.node.reportSnapshot(toNodeId(3), false);
  assert.equal(progress?.state, "probe");
  assert.equal(progress?.flowPaused, true);
  leader.node.tick();
  group.settle();
  assert.equal(progress?.state, "replicate");
});
