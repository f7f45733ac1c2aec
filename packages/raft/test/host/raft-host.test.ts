/** The host loop over memory ports: order of durability, turns, limits, snapshots, the end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type NodeId, toLogIndex, toNodeId, toTerm } from "@quorate/raft";
import { Bench, command, propose } from "./bench.ts";
import { TestHosts } from "./cluster.ts";

test("§10.2.1 the leader replicates while its own disk writes, and commits nothing by its own unwritten copy", () => {
  const bench = new Bench(3);
  bench.lead();
  bench.persist();
  bench.sent.length = 0;
  const outcomes = propose(bench.host, command(1));
  bench.scheduler.runAll();
  assert.ok(bench.writes.length > 0, "the write is under way");
  // Probing until the first answer: the peer that never answered gets nothing more.
  const header = { from: toNodeId(2), to: toNodeId(1), term: bench.host.term };
  const accept = (index: number): void =>
    bench.deliver(2, {
      kind: "message",
      message: { type: "append-response", ...header, rejected: false, index: toLogIndex(index) },
    });
  accept(1);
  assert.ok(bench.typesSent().includes("append-entries"), "sent before the disk is done");
  assert.deepEqual(outcomes, []);
  bench.persist();
  accept(2);
  bench.persist();
  assert.deepEqual(outcomes, [{ kind: "applied", index: 2, result: 1 }]);
});

test("§3.8 a follower acknowledges an append only once it is durable", () => {
  const bench = new Bench(3);
  bench.follow();
  bench.sent.length = 0;
  const header = { from: toNodeId(2), to: toNodeId(1), term: toTerm(1) };
  const entries = [{ term: toTerm(1), index: toLogIndex(1), type: "normal" as const, data: command(9) }];
  const previous = { term: toTerm(0), index: toLogIndex(0) };
  bench.deliver(2, {
    kind: "message",
    message: { type: "append-entries", ...header, previous, entries, commit: toLogIndex(0) },
  });
  assert.deepEqual(bench.typesSent(), []);
  bench.persist();
  assert.deepEqual(bench.typesSent(), ["append-response"]);
});

test("a write that leaves nothing to do makes no turn, neither does a batch without one; what leaves something does", () => {
  const bench = new Bench(3);
  bench.follow();
  const turns = (): number => bench.host.status().counters.turns;
  const header = { from: toNodeId(2), to: toNodeId(1), term: toTerm(1) };
  const entries = [{ term: toTerm(1), index: toLogIndex(1), type: "normal" as const, data: command(9) }];
  const previous = { term: toTerm(0), index: toLogIndex(0) };
  const before = turns();
  bench.deliver(2, {
    kind: "message",
    message: { type: "append-entries", ...header, previous, entries, commit: toLogIndex(0) },
  });
  bench.sent.length = 0;
  bench.persist();
  assert.deepEqual(bench.typesSent(), ["append-response"]);
  assert.equal(turns() - before, 1);
  bench.deliver(2, {
    kind: "message",
    message: { type: "heartbeat", ...header, commit: toLogIndex(0), context: command(0, 0) },
  });
  assert.equal(bench.writes.length, 0);
  assert.equal(turns() - before, 2);

  const single = new Bench(1);
  single.host.campaign();
  single.scheduler.runAll();
  for (single.persist(); single.writes.length > 0; ) {
    single.persist();
  }
  const outcomes = propose(single.host, command(1));
  single.scheduler.runAll();
  assert.deepEqual(outcomes, []);
  single.persist();
  assert.deepEqual(outcomes, [{ kind: "applied", index: 2, result: 1 }]);
});

test("a stop ends with the write that it waits for, without a tick", () => {
  const bench = new Bench(3);
  bench.follow();
  const header = { from: toNodeId(2), to: toNodeId(1), term: toTerm(1) };
  const entries = [{ term: toTerm(1), index: toLogIndex(1), type: "normal" as const, data: command(9) }];
  const previous = { term: toTerm(0), index: toLogIndex(0) };
  bench.deliver(2, {
    kind: "message",
    message: { type: "append-entries", ...header, previous, entries, commit: toLogIndex(0) },
  });
  let isStopped = false;
  bench.host.stop({}, (error) => {
    assert.equal(error, null);
    isStopped = true;
  });
  bench.scheduler.runAll();
  assert.equal(isStopped, false);
  bench.persist();
  assert.equal(isStopped, true);
});

test("all proposals of a turn form one write, and one frame to the leader", () => {
  const single = new Bench(1);
  single.host.campaign();
  single.scheduler.runAll();
  while (single.writes.length > 0) {
    single.persist();
  }
  for (let i = 1; i <= 50; i++) {
    propose(single.host, command(i));
  }
  single.scheduler.runTurn();
  assert.deepEqual(
    single.writes.map(({ batch }) => batch.entries.length),
    [50],
  );
  const follower = new Bench(3);
  follower.follow();
  follower.sent.length = 0;
  propose(follower.host, command(1));
  propose(follower.host, command(2));
  follower.scheduler.runAll();
  assert.deepEqual(follower.typesSent(), ["propose"]);
});

test("a failed write is fatal once: nothing leaves after it, nothing is acknowledged", () => {
  const bench = new Bench(1);
  bench.host.campaign();
  bench.scheduler.runAll();
  bench.persist();
  const outcomes = propose(bench.host, command(1));
  bench.scheduler.runAll();
  const queued = propose(bench.host, command(2));
  const before = bench.sent.length;
  const failure = new Error("EIO");
  for (const { completed } of bench.writes.splice(0)) {
    completed(failure);
    completed(failure);
  }
  bench.scheduler.runAll();
  bench.host.tick();
  bench.scheduler.runAll();
  assert.deepEqual(bench.fatal, [failure]);
  assert.deepEqual(outcomes, [{ kind: "unknown", reason: "stopped" }]);
  assert.deepEqual(queued, [{ kind: "refused", reason: "stopped", leader: 0 }]);
  assert.equal(bench.sent.length, before);
  assert.equal(bench.machine.commands.length, 0);
});

test("a state machine that throws stops its member", () => {
  const bench = new Bench(1);
  bench.machine.apply = () => {
    throw new Error("not deterministic");
  };
  bench.host.campaign();
  bench.scheduler.runAll();
  bench.persist();
  const outcomes = propose(bench.host, command(1));
  bench.scheduler.runAll();
  bench.persist();
  assert.equal(bench.fatal.length, 1);
  assert.deepEqual(outcomes, [{ kind: "unknown", reason: "stopped" }]);
});

test("limits refuse at once, and what ends makes room", () => {
  const bench = new Bench(1, { commandBytesMax: 10, pendingProposalCountMax: 2 });
  assert.deepEqual(propose(bench.host, command(1, 11)), [
    { kind: "refused", reason: "too-large", leader: 0 },
  ]);
  const first = propose(bench.host, command(1));
  propose(bench.host, command(2));
  assert.deepEqual(propose(bench.host, command(3)), [
    { kind: "refused", reason: "uncommitted-limit", leader: 0 },
  ]);
  bench.scheduler.runAll();
  assert.deepEqual(first, [{ kind: "refused", reason: "no-leader", leader: 0 }]);
  assert.equal(bench.host.status().pendingProposalCount, 0);
  assert.equal(bench.host.status().pendingProposalBytes, 0);
});

test("ticks of one turn count once, and behind what came in", () => {
  const bench = new Bench(3);
  bench.follow();
  for (let i = 0; i < 50; i++) {
    bench.host.tick();
  }
  bench.scheduler.runAll();
  assert.equal(bench.host.status().counters.ticks, 1);
  assert.equal(bench.host.role, "follower");
});

test("§5.3 a member that missed a compacted prefix gets a snapshot in chunks, and restarts from it", () => {
  const hosts = new TestHosts(3, {
    snapshots: { entryCountMax: 20, trailingEntryCount: 2 },
    limits: { snapshotChunkBytes: 100 },
  });
  hosts.elect(1);
  const [one, two, three] = hosts.members.map(({ id }) => id) as [NodeId, NodeId, NodeId];
  hosts.network.partition([three], [one, two]);
  for (let i = 0; i < 60; i++) {
    propose(hosts.member(1).host, command(i + 1, 20));
    hosts.scheduler.runAll();
  }
  assert.ok(hosts.member(1).storage.firstIndex > 10, "the prefix is gone");
  hosts.network.heal();
  hosts.tick(40);
  const late = hosts.member(3);
  assert.ok(late.events.some(({ type }) => type === "snapshot-installed"));
  assert.ok(hosts.member(1).events.some((event) => event.type === "snapshot-sent" && event.ok));
  assert.deepEqual(late.machine.commands, hosts.member(1).machine.commands);
  hosts.restart(3);
  hosts.tick(5);
  assert.deepEqual(hosts.member(3).machine.commands, hosts.member(1).machine.commands);
  assert.deepEqual(
    hosts.members.flatMap(({ fatal }) => fatal),
    [],
  );
});

test("a graceful stop hands leadership over, refuses what is new, and closes", () => {
  const hosts = new TestHosts(3);
  hosts.elect(1);
  const pending = propose(hosts.member(1).host, command(1));
  hosts.scheduler.runAll();
  const closed: (Error | null)[] = [];
  hosts.member(1).host.stop({}, (error) => closed.push(error));
  assert.deepEqual(propose(hosts.member(1).host, command(2)), [
    { kind: "refused", reason: "stopped", leader: 0 },
  ]);
  hosts.tick(3);
  assert.deepEqual(closed, [null]);
  assert.equal(pending[0]?.kind, "applied");
  assert.equal(
    hosts.members.filter(({ host }) => host.state === "running" && host.role === "leader").length,
    1,
  );
});

test("members restart with what was durable, and go on", () => {
  const hosts = new TestHosts(3);
  hosts.elect(1);
  propose(hosts.member(1).host, command(1));
  hosts.scheduler.runAll();
  hosts.tick(2);
  for (const id of [1, 2, 3]) {
    hosts.restart(id);
  }
  hosts.elect(2);
  const outcomes = propose(hosts.member(2).host, command(2));
  hosts.scheduler.runAll();
  hosts.tick(2);
  assert.equal(outcomes[0]?.kind, "applied");
  for (const { machine } of hosts.members) {
    assert.deepEqual(
      machine.commands.map(([byte]) => byte),
      [1, 2],
    );
  }
});

test("a snapshot that comes without its image, or in somebody else's name, is refused", () => {
  const bench = new Bench(3);
  bench.follow();
  const confState = {
    voters: [toNodeId(1)],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
  const snapshot = { index: toLogIndex(50), term: toTerm(1), confState };
  const header = { from: toNodeId(2), to: toNodeId(1), term: toTerm(1) };
  bench.deliver(2, { kind: "message", message: { type: "install-snapshot", ...header, snapshot } });
  bench.deliver(3, {
    kind: "message",
    message: { type: "heartbeat", ...header, commit: toLogIndex(0), context: command(0, 0) },
  });
  assert.equal(bench.host.status().counters.framesRefused, 2);
  assert.equal(bench.host.status().last.index, 0);
});
