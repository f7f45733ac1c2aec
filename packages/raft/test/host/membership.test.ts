/** Members that come, go, are replaced and hand over, over memory ports. RAFT §4. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type HostOptions,
  type MembershipChange,
  type MembershipOutcome,
  type RaftHost,
  type StorageBatch,
  type TransferOutcome,
  toLogIndex,
  toNodeId,
  toTerm,
} from "@quorate/raft";
import type { MemoryStorage } from "@quorate/raft/testing";
import { TestHosts } from "./cluster.ts";

const id = toNodeId;

function change(host: RaftHost<number>, request: MembershipChange): MembershipOutcome[] {
  const outcomes: MembershipOutcome[] = [];
  host.changeMembers(request, (outcome) => outcomes.push(outcome));
  return outcomes;
}

/** A group whose member 1 leads and has heard everybody. */
function group(count: number, options: Partial<HostOptions<number>> = {}): TestHosts {
  const hosts = new TestHosts(count, options);
  hosts.elect(1);
  hosts.tick(2);
  return hosts;
}

function propose(hosts: TestHosts, leader: number, byte: number): void {
  let applied = false;
  hosts.member(leader).host.propose(new Uint8Array([byte]), ({ kind }) => {
    applied = kind === "applied";
  });
  hosts.tick(2);
  assert.ok(applied, "proposal applied");
}

const refusal = (outcomes: MembershipOutcome[]): string => {
  const [outcome] = outcomes;
  assert.ok(outcome !== undefined && outcome.kind === "refused", JSON.stringify(outcomes));
  return outcome.reason === "conf-change" ? outcome.refusal : outcome.reason;
};

// [learner-rounds]
test("a learner joins with nothing, catches up, votes by itself, and is told of on every member", () => {
  const hosts = group(3);
  propose(hosts, 1, 7);
  const joiner = hosts.join();
  const { host } = hosts.member(1);
  const outcomes = change(host, {
    changes: [{ op: "add-learner", id: id(4), address: "10.0.0.4:1", label: "four", promote: true }],
  });
  hosts.tick(10);
  assert.equal(outcomes[0]?.kind, "applied");
  for (const member of hosts.members) {
    assert.deepEqual(member.host.status().confState.voters, [1, 2, 3, 4]);
    assert.deepEqual(member.host.status().members[3], {
      id: 4,
      address: "10.0.0.4:1",
      label: "four",
      promote: false,
    });
  }
  assert.equal(joiner.machine.commands.length, 1);
  assert.ok(hosts.member(1).events.some((event) => event.type === "member-promoted" && event.id === 4));
});

test("a member that joins by snapshot learns addresses and former members from it", () => {
  const hosts = group(3, { snapshots: { entryCountMax: 5, trailingEntryCount: 0 } });
  const { host, storage } = hosts.member(1);
  change(host, { changes: [{ op: "update", id: id(2), address: "10.0.0.2:1" }] });
  hosts.tick(2);
  change(host, { changes: [{ op: "remove", id: id(3) }] });
  hosts.tick(2);
  for (let i = 0; i < 12; i++) {
    propose(hosts, 1, i + 1);
  }
  assert.ok(storage.firstIndex > 5, "compacted");
  const joiner = hosts.join();
  change(host, { changes: [{ op: "add-learner", id: id(4), address: "10.0.0.4:1" }] });
  hosts.tick(30);
  assert.equal(joiner.host.applied, host.applied);
  assert.deepEqual(joiner.host.status().members, host.status().members);
  assert.equal(joiner.host.status().members[1]?.address, "10.0.0.2:1");
  hosts.restart(4);
  hosts.tick(5);
  assert.deepEqual(hosts.member(4).host.status().members, host.status().members);
  assert.equal(
    refusal(change(host, { changes: [{ op: "add-learner", id: id(3), address: "x:1" }] })),
    "invalid",
  );
});

test("a restarted member has the membership of its log, and the index that guards the next change", () => {
  const hosts = group(3);
  const { host } = hosts.member(1);
  change(host, { changes: [{ op: "update", id: id(2), address: "10.0.0.2:9", label: "two" }] });
  hosts.tick(3);
  const { confIndex, members } = host.status();
  assert.ok(confIndex > 0);
  hosts.restart(2);
  hosts.tick(5);
  const status = hosts.member(2).host.status();
  assert.equal(status.confIndex, confIndex);
  assert.deepEqual(status.members, members);
});

test("§4.3 replacing a member is one change that goes through a joint configuration and leaves it by itself", () => {
  const hosts = group(3);
  hosts.join();
  const { host, events } = hosts.member(1);
  const outcomes = change(host, {
    changes: [
      { op: "remove", id: id(3) },
      { op: "add-voter", id: id(4), address: "10.0.0.4:1" },
    ],
  });
  hosts.tick(10);
  const [outcome] = outcomes;
  assert.ok(outcome?.kind === "applied", JSON.stringify(outcomes));
  assert.deepEqual(outcome.confState.voters, [1, 2, 4]);
  assert.deepEqual(outcome.confState.votersOutgoing, []);
  const joint = events.filter((event) => event.type === "conf-state").map(({ confState }) => confState);
  assert.deepEqual(joint[0]?.votersOutgoing, [1, 2, 3], "it was joint on the way");
  assert.equal(hosts.member(4).host.status().confState.voters.length, 3);
});

test("an explicit joint configuration stays until it is left", () => {
  const hosts = group(3);
  const { host } = hosts.member(1);
  const entered = change(host, { changes: [{ op: "remove", id: id(3) }], transition: "explicit" });
  hosts.tick(5);
  assert.ok(entered[0]?.kind === "applied");
  assert.deepEqual(entered[0].confState.votersOutgoing, [1, 2, 3]);
  assert.equal(refusal(change(host, { changes: [{ op: "remove", id: id(2) }] })), "joint");
  const left = change(host, { changes: [] });
  hosts.tick(5);
  assert.ok(left[0]?.kind === "applied");
  assert.deepEqual(left[0].confState.voters, [1, 2]);
  assert.equal(refusal(change(host, { changes: [] })), "not-joint");
});

test("§4.1 of two changes at once one is refused by name, and leaves no entry", () => {
  const hosts = group(3);
  const { host } = hosts.member(1);
  const first = change(host, { changes: [{ op: "remove", id: id(3) }] });
  const last = host.status().last.index;
  assert.equal(refusal(change(host, { changes: [{ op: "remove", id: id(2) }] })), "pending");
  assert.equal(host.status().last.index, last);
  hosts.tick(3);
  assert.equal(first[0]?.kind, "applied");
});

test("a change made for another configuration is refused with the index of the present one", () => {
  const hosts = group(3);
  const { host } = hosts.member(1);
  const expectedConfIndex = host.status().confIndex;
  change(host, { changes: [{ op: "remove", id: id(3) }], expectedConfIndex });
  hosts.tick(3);
  const [outcome] = change(host, { changes: [{ op: "remove", id: id(2) }], expectedConfIndex });
  assert.ok(outcome?.kind === "refused" && outcome.reason === "conf-change");
  assert.equal(outcome.refusal, "conf-index");
  assert.equal(outcome.confIndex, host.status().confIndex);
  assert.notEqual(outcome.confIndex, expectedConfIndex);
});

test("a change that would lose the quorum is refused with the reason", () => {
  const hosts = group(3);
  const { host } = hosts.member(1);
  hosts.network.partition([id(3)], [id(1), id(2)]);
  hosts.tick(11);
  const [outcome] = change(host, { changes: [{ op: "remove", id: id(2) }] });
  assert.ok(outcome?.kind === "refused" && outcome.reason === "conf-change");
  assert.equal(outcome.refusal, "quorum");
  assert.match(outcome.problem, /of the voters 1, 3 only 1 are at work, and 2 are needed/);
  const dead = change(host, { changes: [{ op: "remove", id: id(3) }] });
  hosts.tick(3);
  assert.equal(dead[0]?.kind, "applied", "the dead one may go");
});

test("§4.2.1 a voter that never caught up is refused where it would hold up every commit", () => {
  const hosts = group(1);
  const outcomes = change(hosts.member(1).host, {
    changes: [{ op: "add-voter", id: id(2), address: "x:1" }],
  });
  assert.equal(refusal(outcomes), "quorum");
  const lenient = group(1, { membership: { strictQuorum: false } });
  lenient.join();
  const forced = change(lenient.member(1).host, {
    changes: [{ op: "add-voter", id: id(2), address: "x:1" }],
  });
  lenient.tick(20);
  assert.equal(forced[0]?.kind, "applied");
});

test("changes that make no sense are refused as invalid", () => {
  const hosts = group(3);
  const { host } = hosts.member(1);
  const invalid: MembershipChange[] = [
    { changes: [{ op: "remove", id: id(9) }] },
    { changes: [{ op: "update", id: id(9), address: "x:1" }] },
    { changes: [{ op: "add-learner", id: id(9), address: "x".repeat(256) }] },
    { changes: [1, 2, 3].map((each) => ({ op: "remove", id: id(each) })) },
    { changes: [1, 2].map((each) => ({ op: "remove", id: id(each) })), form: "single" },
  ];
  for (const request of invalid) {
    assert.equal(refusal(change(host, request)), "invalid", JSON.stringify(request));
  }
});

test("a demoted voter is a learner, and its vote is gone", () => {
  const hosts = group(3);
  const outcomes = change(hosts.member(1).host, { changes: [{ op: "add-learner", id: id(3) }] });
  hosts.tick(3);
  assert.ok(outcomes[0]?.kind === "applied");
  assert.deepEqual(outcomes[0].confState, {
    voters: [1, 2],
    learners: [3],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  });
  assert.equal(hosts.member(3).host.campaign(), false);
});

test("a removed follower learns of it, and is not heard any more", () => {
  const hosts = group(3);
  const outcomes = change(hosts.member(1).host, { changes: [{ op: "remove", id: id(3) }] });
  hosts.tick(3);
  assert.equal(outcomes[0]?.kind, "applied");
  const removed = hosts.member(3).events.filter(({ type }) => type === "removed");
  assert.equal(removed.length, 1);
  assert.equal(hosts.member(3).host.campaign(), false);
});

// [removed-leader-hands-over]
test("§4.2.2 a removed leader hands over, then steps down: there is a leader before anybody times out", () => {
  const hosts = group(3);
  const outcomes = change(hosts.member(1).host, { changes: [{ op: "remove", id: id(1) }] });
  hosts.tick(4);
  assert.equal(outcomes[0]?.kind, "applied");
  assert.equal(hosts.member(1).host.role, "follower");
  assert.ok(hosts.member(1).events.some(({ type }) => type === "removed"));
  const leaders = [2, 3].filter((each) => hosts.member(each).host.role === "leader");
  assert.equal(leaders.length, 1);
});

// [removed-leader-hands-over]
test("§4.2.2 a removed leader hands over: to be asked to take over in the same turn as the removal is committed is soon enough", () => {
  const hosts = group(3);
  const { network } = hosts;
  const removal = hosts.member(1).storage.lastIndex + 1;
  const carry = network.carry.bind(network);
  const held = new Map<number, Parameters<typeof carry>[2][number][]>([
    [2, []],
    [3, []],
  ]);
  const told: string[] = [];
  // What tells of the commit arrives with the message behind it, as two frames in one packet do.
  network.carry = (from, to, frames) => {
    const waiting = from === 1 ? held.get(to) : undefined;
    if (waiting === undefined) {
      carry(from, to, frames);
      return;
    }
    for (const each of frames) {
      const [, frame] = each;
      const message = frame.kind === "message" ? frame.message : null;
      const commits = message !== null && "commit" in message && message.commit >= removal;
      if (message?.type === "timeout-now") {
        told.push(`${to} with ${waiting.length} before it`);
        carry(from, to, [...waiting.splice(0), each]);
      } else if (commits || waiting.length > 0) {
        waiting.push(each);
      } else {
        carry(from, to, [each]);
      }
    }
  };
  change(hosts.member(1).host, { changes: [{ op: "remove", id: id(1) }] });
  hosts.tick(2);
  assert.equal(told.length, 1);
  assert.doesNotMatch(told[0] ?? "", / 0 before it/);
  const leaders = [2, 3].filter((each) => hosts.member(each).host.role === "leader");
  assert.equal(leaders.length, 1, `told: ${told.join()}`);
});

/** Of two voters the leader takes its own vote away, and has an entry behind that change which does not reach the other at first. */
function leaveWithLastEntry(op: "remove" | "add-learner"): TestHosts {
  const hosts = group(2);
  const { network } = hosts;
  const { host, storage } = hosts.member(1);
  const ofChange = storage.lastIndex + 1;
  const carry = network.carry.bind(network);
  let isBlocked = true;
  network.carry = (from, to, frames) => {
    const passing = frames.filter(([, frame]) => {
      const message = frame.kind === "message" ? frame.message : null;
      const isBehind =
        message?.type === "append-entries" && message.entries.some(({ index }) => index > ofChange);
      const tellsCommit = message !== null && "commit" in message && message.commit >= ofChange;
      return !(isBlocked && from === 1 && (isBehind || tellsCommit));
    });
    carry(from, to, passing);
  };
  const outcomes = change(host, { changes: [{ op, id: id(1) }] });
  host.propose(Uint8Array.of(9), () => {});
  hosts.tick(3);
  assert.equal(outcomes[0]?.kind, "applied");
  assert.deepEqual(host.status().confState.voters, [2]);
  assert.ok(storage.lastIndex > hosts.member(2).storage.lastIndex, "the other lacks the last entry");
  isBlocked = false;
  hosts.tick(60);
  return hosts;
}

// [removed-leader-hands-over]
test("§4.2.2 of two voters the leader goes, and takes no entry with it that the other one needs", () => {
  for (const op of ["remove", "add-learner"] as const) {
    const hosts = leaveWithLastEntry(op);
    assert.deepEqual(
      [1, 2].map((each) => hosts.member(each).host.role),
      ["follower", "leader"],
      op,
    );
    assert.deepEqual([...(hosts.member(2).machine.commands.at(-1) ?? [])], [9]);
  }
});

/** As a log on disk: what moves nothing but the commit index waits for the next write that must be durable. */
function commitLazily(storage: MemoryStorage): void {
  const write = storage.write.bind(storage);
  let behind: StorageBatch["hardState"] = null;
  storage.write = (batch, completed) => {
    behind = batch.hardState ?? behind;
    write({ ...batch, hardState: batch.mustSync ? behind : null }, completed);
  };
}

// Found by the simulator, short seed 98534.
test("of two voters one is removed: it hears of it when the leader, should it crash, no longer needs its vote", () => {
  for (const op of ["remove", "add-learner"] as const) {
    const hosts = group(2);
    commitLazily(hosts.member(1).storage);
    propose(hosts, 1, 7);
    const outcomes = change(hosts.member(1).host, { changes: [{ op, id: id(2) }] });
    for (let turn = 0; outcomes.length === 0; turn++) {
      assert.ok(turn < 100, "the change is committed");
      hosts.scheduler.runTurn();
    }
    assert.equal(outcomes[0]?.kind, "applied");
    hosts.member(2).host.halt();
    hosts.restart(1);
    hosts.tick(25);
    assert.equal(hosts.member(1).host.role, "leader", op);
    assert.deepEqual(hosts.member(1).host.status().confState.voters, [1]);
  }
});

// Found by the simulator, short seeds 3622 and 4244.
test("a leader that is deposed in the turn in which it commits a change tells of it no sooner than its disk knows", () => {
  const hosts = group(3);
  const { network } = hosts;
  const { host, storage } = hosts.member(1);
  const ofChange = storage.lastIndex + 1;
  let durableCommit = 0;
  const write = storage.write.bind(storage);
  storage.write = (batch, completed) =>
    write(batch, (error) => {
      durableCommit = batch.mustSync ? (batch.hardState?.commit ?? durableCommit) : durableCommit;
      completed(error);
    });
  const carry = network.carry.bind(network);
  const toLeader: (() => void)[] = [];
  let told = 0;
  network.carry = (from, to, frames) => {
    for (const [, frame] of frames) {
      const message = frame.kind === "message" ? frame.message : null;
      if (from === 1 && message !== null && "commit" in message && message.commit >= ofChange) {
        told++;
        assert.ok(durableCommit >= ofChange, `${message.type} leaves while the disk knows ${durableCommit}`);
      }
    }
    if (to === 1) {
      toLeader.push(() => carry(from, to, frames));
    } else {
      carry(from, to, frames);
    }
  };
  change(host, { changes: [{ op: "remove", id: id(3) }] });
  hosts.scheduler.runAll();
  const deposes = {
    type: "heartbeat",
    from: id(2),
    to: id(1),
    term: toTerm(99),
    commit: toLogIndex(0),
  } as const;
  toLeader.push(() =>
    carry(id(2), id(1), [[0, { kind: "message", message: { ...deposes, context: new Uint8Array(0) } }]]),
  );
  for (const deliver of toLeader.splice(0)) {
    deliver();
  }
  hosts.scheduler.runAll();
  assert.equal(host.role, "follower");
  assert.ok(host.committed >= ofChange && told > 0);
});

test("while its disk hangs a leader says nothing of a change that is committed, and does not spin", () => {
  const hosts = group(3);
  const { host, storage } = hosts.member(1);
  const ofChange = storage.lastIndex + 1;
  const write = storage.write.bind(storage);
  const held: (() => void)[] = [];
  storage.write = (batch, completed) => {
    const commitsChange = (batch.hardState?.commit ?? 0) >= ofChange;
    if (commitsChange) {
      assert.ok(batch.mustSync);
      held.push(() => write(batch, completed));
    } else {
      write(batch, completed);
    }
  };
  const outcomes = change(host, { changes: [{ op: "remove", id: id(3) }] });
  hosts.tick(5);
  assert.equal(held.length, 1);
  assert.equal(outcomes.length, 0);
  for (const each of [1, 2, 3]) {
    assert.deepEqual(hosts.member(each).host.status().confState.voters, [1, 2, 3]);
    assert.ok(hosts.member(each).host.committed < ofChange || each === 1);
  }
  storage.write = write;
  held[0]?.();
  hosts.tick(3);
  assert.equal(outcomes[0]?.kind, "applied");
  assert.deepEqual(hosts.member(2).host.status().confState.voters, [1, 2]);
});

// Found by the simulator, in a control of its mutants.
test("a removed member that knows of it is released by a voter, not by a learner; one that does not know, by anybody", () => {
  const hosts = group(2);
  hosts.join();
  const { host } = hosts.member(1);
  change(host, { changes: [{ op: "add-learner", id: id(3), address: "x:1" }] });
  hosts.tick(5);
  assert.ok(hosts.member(2).host.isReleasedBy(id(3)));
  change(host, { changes: [{ op: "remove", id: id(2) }] });
  hosts.tick(5);
  const removed = hosts.member(2).host;
  assert.deepEqual(removed.status().confState.voters, [1]);
  assert.deepEqual(
    [1, 3].map((by) => removed.isReleasedBy(id(by))),
    [true, false],
  );
});

// [learner-given-up]
test("a learner that does not catch up is told of once, and stays a learner", () => {
  const hosts = group(1, { membership: { promotionTimeoutTicks: 15 } });
  change(hosts.member(1).host, {
    changes: [{ op: "add-learner", id: id(2), address: "x:1", promote: true }],
  });
  hosts.tick(50);
  const { events, host } = hosts.member(1);
  const told = events.filter((event) => event.type === "promotion-timed-out");
  assert.deepEqual(
    told.map(({ id: learner }) => learner),
    [2],
  );
  assert.deepEqual(host.status().confState.learners, [2]);
});

test("a change whose entry another leader overwrites is refused as never in force", () => {
  const hosts = group(3);
  const { host } = hosts.member(1);
  hosts.network.partition([id(1)], [id(2), id(3)]);
  const outcomes = change(host, { changes: [{ op: "remove", id: id(3) }] });
  hosts.tick(1);
  assert.deepEqual(outcomes, []);
  hosts.elect(2);
  propose(hosts, 2, 1);
  hosts.network.heal();
  hosts.tick(25);
  assert.deepEqual(outcomes, [{ kind: "refused", reason: "leader-changed", leader: 0 }]);
  assert.deepEqual(host.status().confState.voters, [1, 2, 3]);
});

test("who stops waiting, or stops, is told that the outcome is unknown", () => {
  const hosts = group(3);
  const { host } = hosts.member(1);
  hosts.network.partition([id(1)], [id(2), id(3)]);
  const outcomes: MembershipOutcome[] = [];
  host
    .changeMembers({ changes: [{ op: "remove", id: id(3) }] }, (outcome) => outcomes.push(outcome))
    .abandon();
  assert.deepEqual(outcomes, [{ kind: "unknown", reason: "abandoned" }]);
  host.halt();
  assert.equal(refusal(change(host, { changes: [] })), "stopped");
});

function handOver(host: RaftHost<number>, target: number | null): TransferOutcome[] {
  const outcomes: TransferOutcome[] = [];
  host.handOver(target === null ? null : id(target), (outcome) => outcomes.push(outcome));
  return outcomes;
}

test("§3.10 a transfer ends with the new leader; without a target the best follower takes over", () => {
  const hosts = group(3);
  const named = handOver(hosts.member(1).host, 3);
  hosts.tick(3);
  assert.deepEqual(named, [{ kind: "done", leader: 3 }]);
  hosts.tick(2);
  const best = handOver(hosts.member(3).host, null);
  hosts.tick(3);
  assert.equal(best[0]?.kind, "done");
  assert.notEqual(hosts.member(3).host.role, "leader");
});

test("§3.10 a target that cannot catch up is refused, and so is every other that cannot lead", () => {
  const hosts = group(3);
  const { host } = hosts.member(1);
  const reasonOf = (target: number | null): string => {
    const [outcome] = handOver(host, target);
    assert.ok(outcome?.kind === "refused");
    return outcome.reason;
  };
  assert.equal(reasonOf(1), "already-leader");
  assert.equal(reasonOf(9), "not-a-member");
  hosts.network.partition([id(3)], [id(1), id(2)]);
  hosts.tick(11);
  assert.equal(reasonOf(3), "unreachable");
  const lonely = new TestHosts(3).member(2);
  const [elsewhere] = handOver(lonely.host, 2);
  assert.ok(elsewhere?.kind === "refused");
  assert.equal(elsewhere.reason, "no-leader");
});

test("§3.10 proposals meanwhile are refused as such, and a transfer that fails ends in time", () => {
  const hosts = group(3);
  const { host } = hosts.member(1);
  hosts.network.cut(id(1), id(3));
  const outcomes = handOver(host, 3);
  const proposals: string[] = [];
  host.propose(new Uint8Array([1]), (outcome) => {
    proposals.push(outcome.kind === "refused" ? outcome.reason : outcome.kind);
  });
  hosts.scheduler.runAll();
  assert.deepEqual(proposals, ["transferring"]);
  hosts.tick(21);
  assert.deepEqual(outcomes, [{ kind: "timed-out", transferee: 3 }]);
  propose(hosts, host.role === "leader" ? 1 : 2, 2);
});

test("expectedConfIndex 0 stands for the configuration that the group began with", () => {
  const hosts = group(3);
  const { host } = hosts.member(1);
  const outcomes = change(host, { changes: [{ op: "remove", id: id(3) }], expectedConfIndex: toLogIndex(0) });
  hosts.tick(3);
  assert.equal(outcomes[0]?.kind, "applied");
});
