/** What becomes of a proposal, wherever it was made: applied, refused or unknown, once, and never called refused when it may be applied. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type NodeId,
  type PeerFrame,
  type ProposalOutcome,
  toLogIndex,
  toNodeId,
  toTerm,
} from "@quorate/raft";
import { Bench, command, propose } from "./bench.ts";
import { TestHosts } from "./cluster.ts";

test("a follower forwards and answers with its own result", () => {
  const hosts = new TestHosts(3);
  hosts.elect(1);
  const outcomes = propose(hosts.member(2).host, command(7));
  hosts.scheduler.runAll();
  hosts.tick(2);
  assert.deepEqual(outcomes, [{ kind: "applied", index: 2, result: 1 }]);
  assert.deepEqual(
    hosts.members.map(({ machine }) => machine.commands.length),
    [1, 1, 1],
  );
});

test("a forwarded proposal whose leader is cut off is unknown, exactly once", () => {
  const hosts = new TestHosts(3);
  hosts.elect(1);
  const [one, two, three] = hosts.members.map(({ id }) => id) as [NodeId, NodeId, NodeId];
  hosts.network.cut(one, two);
  const outcomes = propose(hosts.member(2).host, command(7));
  hosts.scheduler.runAll();
  hosts.network.partition([one], [two, three]);
  hosts.scheduler.runAll();
  assert.deepEqual(outcomes, [{ kind: "unknown", reason: "connection-lost" }]);
});

test("a request that nobody answers is given up after a while", () => {
  const bench = new Bench(3);
  bench.follow();
  const outcomes = propose(bench.host, command(7));
  bench.scheduler.runAll();
  for (let i = 0; i < 25 && outcomes.length === 0; i++) {
    const header = { from: toNodeId(2), to: toNodeId(1), term: toTerm(1) };
    bench.host.tick();
    bench.deliver(2, {
      kind: "message",
      message: { type: "heartbeat", ...header, commit: toLogIndex(0), context: command(0, 0) },
    });
    bench.persist();
  }
  assert.deepEqual(outcomes, [{ kind: "unknown", reason: "connection-lost" }]);
});

test("the second copy of a forwarded request is neither taken up nor refused", () => {
  const bench = new Bench(3);
  bench.lead();
  bench.persist();
  const last = bench.host.status().last.index;
  const frame: PeerFrame = {
    kind: "propose",
    term: bench.host.term,
    requestId: 2 ** 31 + 1,
    commands: [command(1)],
  };
  bench.deliver(3, frame);
  bench.deliver(3, frame);
  assert.equal(bench.host.status().last.index, last + 1);
  assert.deepEqual(
    bench.typesSent().filter((type) => type.startsWith("propose")),
    ["propose-accepted"],
  );
});

test("a request of an earlier term gets no answer: an earlier copy of it may be in the log", () => {
  const bench = new Bench(3);
  bench.lead();
  bench.persist();
  bench.sent.length = 0;
  bench.deliver(3, { kind: "propose", term: toTerm(0), requestId: 2 ** 31 + 1, commands: [command(1)] });
  assert.deepEqual(bench.typesSent(), []);
});

test("a deposed leader's uncommitted proposal is refused once another entry is committed before it", () => {
  const hosts = new TestHosts(3);
  hosts.elect(1);
  const [one, two, three] = hosts.members.map(({ id }) => id) as [NodeId, NodeId, NodeId];
  hosts.network.partition([one], [two, three]);
  const lost = [1, 2, 3].map((byte) => propose(hosts.member(1).host, command(byte)));
  hosts.scheduler.runAll();
  hosts.tick(40);
  const next = hosts.members.slice(1).find(({ host }) => host.role === "leader");
  assert.ok(next !== undefined, "the majority elected somebody");
  const kept = propose(next.host, command(9));
  hosts.scheduler.runAll();
  assert.deepEqual(
    lost.map(({ length }) => length),
    [0, 0, 0],
    "nothing is decided yet",
  );
  hosts.network.heal();
  hosts.tick(20);
  assert.equal(kept[0]?.kind, "applied");
  assert.deepEqual(
    lost.map(([outcome]) => outcome?.kind === "refused" && outcome.reason),
    ["leader-changed", "leader-changed", "leader-changed"],
  );
  assert.deepEqual(
    hosts.members.map(({ machine }) => machine.commands.map(([byte]) => byte)),
    [[9], [9], [9]],
  );
});

test("an abandoned proposal ends as unknown and frees its room", () => {
  const hosts = new TestHosts(1);
  hosts.elect(1);
  const { host } = hosts.member(1);
  const outcomes: ProposalOutcome<number>[] = [];
  const waiting = host.propose(command(1), (outcome) => outcomes.push(outcome));
  waiting.abandon();
  waiting.abandon();
  hosts.scheduler.runAll();
  assert.deepEqual(outcomes, [{ kind: "unknown", reason: "abandoned" }]);
  assert.equal(host.status().pendingProposalCount, 0);
});

test("a proposal that a snapshot passed is unknown", () => {
  const hosts = new TestHosts(3, { snapshots: { entryCountMax: 20, trailingEntryCount: 0 } });
  hosts.elect(1);
  const [one, two, three] = hosts.members.map(({ id }) => id) as [NodeId, NodeId, NodeId];
  const late = propose(hosts.member(3).host, command(1));
  // The leader accepts, its answer arrives, and then nothing more.
  for (let i = 0; i < 50 && hosts.member(1).host.status().last.index < 2; i++) {
    hosts.scheduler.runTurn();
  }
  for (let i = 0; i < 2; i++) {
    hosts.scheduler.runTurn();
  }
  hosts.network.partition([three], [one, two]);
  hosts.scheduler.runAll();
  for (let i = 0; i < 60; i++) {
    propose(hosts.member(1).host, command(2));
    hosts.scheduler.runAll();
  }
  hosts.network.heal();
  hosts.tick(40);
  assert.equal(late.length, 1);
  assert.equal(late[0]?.kind, "unknown");
});
