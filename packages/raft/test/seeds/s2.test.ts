/**
 * The mistakes of an earlier Raft library with a register and a map as its examples, each made impossible here: one test for each,
 * named after it, on the host or the core that ships.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type HostEvent, type ReadOutcome, toNodeId, toTerm } from "@quorate/raft";
import { TestHosts } from "../host/cluster.ts";
import { conf, entry, Group, Peer, startingLog } from "../support/group.ts";
import { accepted, append, logId, voteAnswer, voteRequest } from "../support/messages.ts";

const group3 = conf([1, 2, 3]);

/** A member whose log has entries of these terms. */
function memberWith(terms: readonly number[]): Peer {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3 });
  peer.log.append(terms.map((term, i) => entry(term, i + 1)));
  peer.log.hardState = { ...peer.log.hardState, term: toTerm(terms.at(-1) ?? 0) };
  peer.restart();
  return peer;
}

test("S2 mistake: a partitioned old leader answers a query", () => {
  const hosts = new TestHosts(3);
  const old = hosts.elect(1);
  hosts.network.partition([toNodeId(1)], [toNodeId(2), toNodeId(3)]);
  assert.equal(old.host.role, "leader", "it does not know yet that it is alone");
  const answers: ReadOutcome[] = [];
  old.host.read((outcome) => answers.push(outcome));
  hosts.scheduler.runAll();
  assert.deepEqual(answers, [], "it answers nothing that it cannot confirm");
  const next = hosts.elect(2);
  next.host.propose(Uint8Array.of(1), () => {});
  hosts.tick(100);
  assert.equal(next.machine.commands.length, 1, "the others have gone on without it");
  assert.ok(
    answers.every(({ kind }) => kind === "refused"),
    "what was asked of the old leader is refused, never answered from its old state",
  );
  assert.notEqual(old.host.role, "leader", "and it has found out");
});

test("S2 mistake: a vote check that is not lexicographic refuses a shorter log of a newer term, and elections get stuck", () => {
  const longOld = memberWith([1, 1, 1, 1, 1]);
  assert.deepEqual(longOld.node.step(voteRequest("request-vote", 2, longOld, 3, logId(2, 2))), {
    status: "accepted",
  });
  assert.equal(longOld.state.vote, 2, "the last term decides, then the length");
  const newer = memberWith([1, 2]);
  assert.deepEqual(newer.node.step(voteRequest("request-vote", 2, newer, 3, logId(1, 5))), {
    status: "accepted",
    refusal: "inconsistent-log",
  });
  assert.equal(newer.state.vote, 0, "a longer log of an older term is not up to date");
});

test("S2 mistake: an entry of an earlier term is committed by counting", () => {
  const leader = memberWith([1, 2]);
  leader.node.campaign();
  leader.drain();
  leader.node.step(voteAnswer("vote-response", 2, leader, 3));
  leader.drain();
  assert.equal(leader.role, "leader");
  leader.node.step(accepted(2, leader, 3, 2));
  assert.equal(leader.node.committed, 0, "a majority has entry 2, but it is of term 2");
  leader.node.step(accepted(2, leader, 3, 3));
  assert.equal(leader.node.committed, 3, "with the entry of this term, everything before it");
});

test("S2 mistake: a new leader has no entry of its own term, and what was replicated before stays uncommitted", () => {
  const group = new Group(group3);
  const first = group.elect(1);
  first.node.propose([Uint8Array.of(1)]);
  group.collect();
  group.settle((message) => message.type !== "append-response");
  assert.equal(first.node.committed, 1, "the command is on all disks, and no leader knows");
  group.isolate(1);
  const second = group.elect(2);
  assert.equal(second.node.committed, 3, "nobody proposed anything: the new leader's own entry commits it");
  assert.deepEqual(
    second.applied.map(({ data }) => data.length),
    [0, 1, 0],
    "both leaders' first entries are empty",
  );
});

test("S2 mistake: a restarted single node trips over its own vote", () => {
  const hosts = new TestHosts(1);
  const lone = hosts.elect(1);
  lone.host.propose(Uint8Array.of(7), () => {});
  hosts.scheduler.runAll();
  for (let restarts = 1; restarts <= 3; restarts++) {
    hosts.restart(1);
    const again = hosts.elect(1);
    assert.deepEqual(again.fatal, []);
    assert.deepEqual([...(again.machine.commands[0] ?? [])], [7], "and has what it had");
  }
});

test("S2 mistake: snapshots are declared and not there", () => {
  const snapshots = { entryCountMax: 10, trailingEntryCount: 2 };
  const hosts = new TestHosts(3, { snapshots });
  const leader = hosts.elect(1);
  hosts.network.partition([toNodeId(3)], [toNodeId(1), toNodeId(2)]);
  for (let i = 1; i <= 50; i++) {
    leader.host.propose(Uint8Array.of(i), () => {});
    hosts.scheduler.runAll();
  }
  assert.ok(leader.storage.firstIndex > 30, "the leader's log is compacted");
  hosts.network.heal();
  hosts.tick(60);
  const late = hosts.member(3);
  const installed = late.events.filter((event: HostEvent) => event.type === "snapshot-installed");
  assert.ok(installed.length > 0, "the member that was away caught up by a snapshot");
  assert.equal(late.machine.commands.length, 50);
});

test("S2 checklist 5: each refusal is typed where it is decided", () => {
  const fits = memberWith([1]);
  assert.deepEqual(fits.node.step(append(2, fits, 1, logId(1, 1), [entry(1, 2)])), { status: "accepted" });
  const answer = fits.drain().find(({ type }) => type === "append-response");
  assert.ok(answer?.type === "append-response" && !answer.rejected && answer.index === 2, "success(index)");

  const gap = memberWith([1]);
  assert.deepEqual(gap.node.step(append(2, gap, 1, logId(1, 5))), {
    status: "accepted",
    refusal: "inconsistent-previous",
  });
  const stale = memberWith([2]);
  const staleTerm = { status: "accepted", refusal: "stale-term" };
  assert.deepEqual(stale.node.step(append(2, stale, 1, logId(1, 0))), staleTerm);
  assert.deepEqual(stale.node.step(voteRequest("request-vote", 2, stale, 1, logId(9, 9))), staleTerm);
  assert.deepEqual(stale.node.step(voteRequest("pre-vote", 2, stale, 1, logId(9, 9))), staleTerm);

  const voter = memberWith([1]);
  voter.node.step(voteRequest("request-vote", 2, voter, 2, logId(1, 1)));
  assert.deepEqual(voter.node.step(voteRequest("request-vote", 3, voter, 2, logId(1, 1))), {
    status: "accepted",
    refusal: "already-voted",
  });
});

test("S2 checklist 5: a voter that hears a leader says so", () => {
  const peer = new Peer(1, startingLog(group3, 0), { confState: group3, checkQuorum: true });
  peer.node.step(append(2, peer, 1, logId(0, 0)));
  assert.deepEqual(peer.node.step(voteRequest("request-vote", 3, peer, 5, logId(9, 9))), {
    status: "accepted",
    refusal: "leader-alive",
  });
});

test("S2 checklist 5: a host tells of each request that its member refused, and why", () => {
  const hosts = new TestHosts(3);
  hosts.elect(1);
  hosts.member(2).host.campaign();
  hosts.scheduler.runAll();
  const told = hosts.member(3).events.filter((event: HostEvent) => event.type === "request-refused");
  assert.deepEqual(told, [
    {
      type: "request-refused",
      from: 2,
      request: "pre-vote",
      term: hosts.member(1).host.term + 1,
      refusal: "leader-alive",
    },
  ]);
});
