/** Chapter 3 of the dissertation beyond Figure 2: elections, replication, durability; and §6.2, who leads. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Encode } from "@quorate/base";
import { noNode, RawNode, toNodeId, toTerm } from "@quorate/raft";
import { progressOf } from "../../src/tracker/tracker.ts";
import { at, commands, conf, entry, Group, loneMember, Peer, startingLog } from "../support/group.ts";
import { accepted, append, logId, rejected, voteAnswer, voteRequest } from "../support/messages.ts";

const group3 = conf([1, 2, 3]);
const start = logId(0, 0);

function freshPeer(settings: ConstructorParameters<typeof Peer>[2] = {}): Peer {
  return new Peer(1, startingLog(group3, 0), { confState: group3, ...settings });
}

// [candidate-refuses-stale]
test("§3.4: a candidate that hears a leader of an earlier term refuses it and stays a candidate", () => {
  const peer = loneMember(1, group3, [1], { checkQuorum: true });
  peer.node.campaign();
  peer.drain();
  peer.node.step(append(2, peer, 1, logId(1, 1), [entry(1, 2)], 2));
  assert.equal(peer.role, "candidate");
  assert.equal(peer.state.log.lastIndex, 1);
  assert.equal(peer.drain()[0]?.term, 2);
});

// [hint-by-term, leader-backs-up]
test("§3.5: after a refusal the leader goes on from the last place where the terms can agree", () => {
  const leader = loneMember(1, group3, [1, 1, 1, 4, 4, 4]);
  leader.node.campaign();
  leader.drain();
  leader.node.step(voteAnswer("vote-response", 2, leader, 5));
  leader.drain();
  leader.node.step(rejected(2, leader, 5, 6, logId(3, 6)));
  const [again] = leader.drain();
  assert.ok(again !== undefined && again.type === "append-entries");
  assert.deepEqual(again.previous, logId(1, 3));
  assert.deepEqual(
    again.entries.map((one) => Number(one.index)),
    [4, 5, 6, 7],
  );
});

// [probe-one]
test("§3.5: until the logs are known to agree, one append is under way", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  leader.node.reportUnreachable(toNodeId(2));
  let sent = 0;
  for (let proposal = 0; proposal < 5; proposal++) {
    leader.node.propose([utf8Encode("x")]);
    sent += leader.drain().filter((message) => message.to === 2).length;
  }
  assert.equal(sent, 1);
  assert.equal(progressOf(leader.state.tracker, toNodeId(2))?.state, "probe");
});

// [commit-told]
test("§3.5: members learn from later appends what is committed, and apply it", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  leader.node.propose([utf8Encode("a")]);
  group.collect();
  group.settle((message) => message.type !== "append-entries" || message.commit < 2);
  assert.deepEqual([commands(leader), commands(group.peer(2))], [["a"], []]);
  leader.node.propose([utf8Encode("b")]);
  group.settle();
  assert.deepEqual(commands(group.peer(2)), ["a", "b"]);
});

// [append-retry]
test("§3.5, §3.7: what was lost is sent again, until every member has it, also after it was committed", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  group.isolate(3);
  for (const text of ["a", "b", "c"]) leader.node.propose([utf8Encode(text)]);
  group.settle();
  assert.deepEqual(commands(leader), ["a", "b", "c"]);
  for (let round = 0; round < 3; round++) {
    leader.node.tick();
    group.settle();
  }
  group.heal();
  leader.node.tick();
  group.settle();
  assert.deepEqual(commands(group.peer(3)), ["a", "b", "c"]);
});

// [messages-idempotent]
test("§3.7: every message may arrive twice", () => {
  const group = new Group(group3);
  const twice = (): void => {
    for (let round = 0; round < 50; round++) {
      group.collect();
      const messages = group.network.splice(0);
      if (messages.length === 0) return;
      for (const message of [...messages, ...messages]) group.peer(message.to).node.step(message);
    }
    assert.fail("the group does not come to rest");
  };
  group.peer(1).node.campaign();
  twice();
  assert.equal(group.peer(1).role, "leader");
  for (const text of ["a", "b"]) group.peer(1).node.propose([utf8Encode(text)]);
  twice();
  for (const peer of group.peers) assert.deepEqual(commands(peer), ["a", "b"]);
});

// [vote-durable, case-2]
test("§3.8: a vote leaves only after term and vote are durable", () => {
  const peer = freshPeer({ asyncStorage: true });
  peer.node.step(voteRequest("request-vote", 2, peer, 4, start));
  const ready = peer.node.ready();
  assert.deepEqual(ready.hardState, { term: 4, vote: 2, commit: 0 });
  assert.equal(ready.mustSync, true);
  assert.deepEqual(ready.sendNow, []);
  assert.deepEqual(
    ready.sendAfterPersist.map((message) => message.type),
    ["vote-response"],
  );
});

// [state-durable, case-39]
test("§3.8: a vote in a known term, and a single entry, must each be synced; a commit index need not", () => {
  const peer = loneMember(1, group3, [1]);
  peer.node.step(voteRequest("request-vote", 2, peer, 1, logId(1, 1)));
  const syncs: boolean[] = [];
  const turn = (): void => {
    const ready = peer.node.ready();
    syncs.push(ready.mustSync);
    peer.persist(ready);
    peer.apply(ready.apply);
    peer.node.advance();
  };
  turn();
  assert.equal(peer.state.vote, 2);
  peer.node.step(append(2, peer, 1, logId(1, 1), [entry(1, 2)]));
  turn();
  peer.node.step(append(2, peer, 1, logId(1, 2), [], 2));
  turn();
  assert.deepEqual(syncs, [true, true, false]);
  assert.equal(peer.log.hardState.commit, 2);
});

// [commit-volatile]
test("§3.8: a member that restarts without its commit index finds it again", () => {
  const group = new Group(group3);
  const leader = group.elect(1);
  leader.node.propose([utf8Encode("a")]);
  group.settle();
  const follower = group.peer(2);
  follower.log.hardState = { ...follower.log.hardState, commit: at(0) };
  follower.restart();
  assert.equal(follower.state.log.committed, 0);
  assert.deepEqual(commands(follower), []);
  leader.node.tick();
  group.settle();
  assert.equal(follower.state.log.committed, 2);
  assert.deepEqual(commands(follower), ["a"]);
});

// [applied-kept]
test("§3.8: a state machine that kept its state is not given again what it had applied", () => {
  const log = startingLog(group3, 0);
  log.append([entry(1, 1, "a"), entry(1, 2, "b"), entry(1, 3, "c")]);
  log.hardState = { term: toTerm(1), vote: noNode, commit: at(3) };
  const node = new RawNode({
    id: toNodeId(1),
    log,
    hardState: log.hardState,
    confState: group3,
    applied: at(2),
    random: (low) => low,
  });
  assert.deepEqual(
    node.ready().apply.map((one) => Number(one.index)),
    [3],
  );
});

// [timing-order]
test("§3.9: a time-out that is not above the heartbeat interval is refused", () => {
  for (const [electionTimeoutTicks, heartbeatTicks, fine] of [
    [2, 1, true],
    [1, 1, false],
    [3, 4, false],
  ] as const) {
    const open = (): Peer => freshPeer({ electionTimeoutTicks, heartbeatTicks });
    if (fine) open();
    else assert.throws(open, /electionTimeoutTicks/);
  }
});

// [route-to-leader]
test("§6.2: who does not lead hands a proposal on, or refuses it and names the leader", () => {
  for (const proposalForwarding of [true, false]) {
    const group = new Group(group3, { proposalForwarding });
    assert.deepEqual(group.peer(2).node.propose([utf8Encode("a")]), {
      ok: false,
      reason: "no-leader",
      leader: noNode,
    });
    group.elect(1);
    const result = group.peer(2).node.propose([utf8Encode("b")]);
    assert.deepEqual(
      result,
      proposalForwarding
        ? { ok: true, forwarded: true, leader: 1 }
        : { ok: false, reason: "not-leader", leader: 1 },
    );
    group.settle();
    assert.deepEqual(commands(group.peer(1)), proposalForwarding ? ["b"] : []);
  }
});

// [leader-forgotten]
test("§6.2: who campaigns, tries to, or meets a later term forgets who led", () => {
  for (const preVote of [true, false]) {
    const group = new Group(group3, { preVote });
    group.elect(1);
    assert.equal(group.peer(2).state.leader, 1);
    group.peer(2).node.campaign();
    assert.equal(group.peer(2).state.leader, noNode);
    const third = group.peer(3);
    third.node.step(voteRequest("request-vote", 2, third, 9, logId(9, 9)));
    assert.equal(third.state.leader, noNode);
  }
});

// [commit-before-own-write]
test("§10.2.1: the leader commits what all others have written, before its own disk has", () => {
  const leader = freshPeer({ asyncStorage: true });
  leader.node.campaign();
  for (const message of leader.node.ready().sendAfterPersist) leader.node.step(message);
  leader.node.step(voteAnswer("vote-response", 2, leader, 1));
  const ready = leader.node.ready();
  assert.equal(leader.role, "leader");
  leader.node.step(accepted(2, leader, 1, 1));
  assert.equal(leader.state.log.committed, 0, "one of three");
  leader.node.step(accepted(3, leader, 1, 1));
  assert.equal(leader.state.log.committed, 1);
  assert.deepEqual(leader.node.ready().apply, [], "it is not applied before it is durable here");
  leader.persist(ready);
  for (const message of ready.sendAfterPersist) leader.node.step(message);
});
