/** What follows when a leader's process is known to be gone, and what must not follow. One turn takes no time; delays do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError, type HostEvent, type HostOptions, RaftHost, toNodeId } from "@quorate/raft";
import { MemoryNetwork, MemoryStorage, RecordingMachine, TurnScheduler } from "@quorate/raft/testing";
import { resolveFailOver } from "../../src/host/options.ts";
import { TestHosts } from "./cluster.ts";

const spreadMs = 40;

function cluster(count: number, seed = 1, options: Partial<HostOptions<number>> = {}): TestHosts {
  return new TestHosts(count, { failOver: { spreadMs }, ...options }, seed);
}

/** The process ends: its peers see its connections reset and its address refuse. */
function kill(hosts: TestHosts, id: number): void {
  hosts.network.end(toNodeId(id));
  hosts.member(id).host.halt();
  hosts.scheduler.runAll();
}

function leaders(hosts: TestHosts, except: number): number[] {
  return hosts.members.filter(({ host, id }) => id !== except && host.role === "leader").map(({ id }) => id);
}

/** Milliseconds until somebody leads, without a single tick. */
function msUntilLeader(hosts: TestHosts, dead: number, withinMs: number): number {
  for (let ms = 0; ms <= withinMs; ms++) {
    if (leaders(hosts, dead).length > 0) {
      return ms;
    }
    hosts.scheduler.advance(1);
  }
  return Number.POSITIVE_INFINITY;
}

function outcomes(events: readonly HostEvent[]): string[] {
  return events.flatMap((event) => (event.type === "fail-over-ended" ? [event.outcome] : []));
}

test("a leader that dies is succeeded within the spread of the delays, without a tick of the clock", () => {
  const tookMs: number[] = [];
  for (let seed = 1; seed <= 200; seed++) {
    const hosts = cluster(3, seed);
    hosts.elect(1);
    const { term } = hosts.member(1).host;
    kill(hosts, 1);
    tookMs.push(msUntilLeader(hosts, 1, 2000));
    assert.ok(hosts.member(2).host.term > term, `seed ${seed}`);
  }
  tookMs.sort((left, right) => left - right);
  assert.ok((tookMs[100] ?? 0) <= spreadMs / 4, `median ${tookMs[100]} ms`);
  assert.ok((tookMs[199] ?? 0) <= spreadMs / 2, `slowest ${tookMs[199]} ms`);
});

test("five members elect one of four survivors, and all of them hear of it", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const hosts = cluster(5, seed);
    hosts.elect(2);
    kill(hosts, 2);
    assert.ok(msUntilLeader(hosts, 2, 2000) <= spreadMs, `seed ${seed}`);
    hosts.scheduler.advance(2000);
    const [leader] = leaders(hosts, 2);
    for (const { events, host, id } of hosts.members.filter((member) => member.id !== 2)) {
      assert.equal(host.leader, leader, `seed ${seed}`);
      assert.deepEqual(outcomes(events), [id === leader ? "won" : "followed"], `seed ${seed}`);
    }
  }
});

test("without evidence the election time-out applies", () => {
  const hosts = cluster(3);
  hosts.elect(1);
  // Silent, and nothing refuses: a machine that stopped.
  hosts.network.partition([toNodeId(1)], [toNodeId(2), toNodeId(3)]);
  kill(hosts, 1);
  hosts.scheduler.advance(5000);
  assert.deepEqual(leaders(hosts, 1), []);
  hosts.tick(40);
  assert.equal(leaders(hosts, 1).length, 1);
});

test("without the option evidence changes nothing", () => {
  const hosts = new TestHosts(3);
  hosts.elect(1);
  kill(hosts, 1);
  hosts.scheduler.advance(5000);
  assert.equal(hosts.member(2).host.leader, 1);
  assert.deepEqual(leaders(hosts, 1), []);
});

test("one member's evidence against a leader that lives deposes nobody, however often it comes", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const hosts = cluster(3, seed);
    hosts.elect(1);
    const { term } = hosts.member(1).host;
    const member = hosts.member(2);
    for (let round = 0; round < 20; round++) {
      hosts.network.tellGone(member.id, toNodeId(1), round % 2 === 0 ? "refused" : "restarted");
      hosts.scheduler.advance(35);
      hosts.tick();
      hosts.scheduler.advance(65);
    }
    assert.equal(hosts.member(1).host.role, "leader", `seed ${seed}`);
    assert.equal(member.host.term, term, `seed ${seed}: a trial raises no term`);
    assert.equal(member.host.leader, 1, `seed ${seed}: its next message brings it back`);
    assert.ok(outcomes(member.events).every((outcome) => outcome === "cancelled"));
    assert.ok(outcomes(member.events).length > 0);
  }
});

test("a message from the leader cancels the campaign before it begins", () => {
  const hosts = cluster(3);
  hosts.elect(1);
  const { term } = hosts.member(1).host;
  for (const id of [2, 3]) {
    hosts.network.tellGone(toNodeId(id), toNodeId(1), "refused");
  }
  // Both have evidence; the leader speaks before a delay runs out.
  hosts.tick();
  hosts.scheduler.advance(2000);
  assert.equal(hosts.member(1).host.role, "leader");
  assert.equal(hosts.member(1).host.term, term);
  for (const id of [2, 3]) {
    assert.equal(hosts.member(id).host.leader, 1);
    assert.deepEqual(outcomes(hosts.member(id).events), ["cancelled"]);
    assert.ok(
      !hosts.member(id).events.some((event) => event.type === "role" && event.role === "pre-candidate"),
    );
  }
});

test("a leader that comes back as another process is succeeded at once", () => {
  const hosts = cluster(3);
  hosts.elect(1);
  hosts.restart(1);
  assert.ok(msUntilLeader(hosts, 1, 2000) <= spreadMs);
  hosts.tick(2);
  assert.equal(hosts.member(1).host.leader, leaders(hosts, 1)[0], "the old leader follows");
});

test("a follower that dies or restarts changes nothing", () => {
  const hosts = cluster(3);
  hosts.elect(1);
  const { term } = hosts.member(1).host;
  hosts.restart(2);
  hosts.scheduler.advance(1000);
  kill(hosts, 3);
  hosts.scheduler.advance(1000);
  hosts.tick(30);
  assert.equal(hosts.member(1).host.role, "leader");
  assert.equal(hosts.member(1).host.term, term);
  assert.ok(hosts.members.every(({ events }) => !events.some(({ type }) => type === "fail-over-started")));
});

test("evidence that reaches the members at different times still ends in an election", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const hosts = cluster(3, seed);
    hosts.elect(1);
    hosts.network.cut(toNodeId(1), toNodeId(2));
    hosts.network.cut(toNodeId(1), toNodeId(3));
    hosts.network.tellGone(toNodeId(2), toNodeId(1), "refused");
    hosts.scheduler.advance(100);
    assert.deepEqual(leaders(hosts, 1), [], "the other one still remembers the leader");
    hosts.network.tellGone(toNodeId(3), toNodeId(1), "refused");
    assert.ok(msUntilLeader(hosts, 1, 2000) <= 4 * spreadMs, `seed ${seed}`);
  }
});

test("after some attempts without success it is given up, and the time-out goes on", () => {
  const hosts = cluster(3);
  hosts.elect(1);
  hosts.network.partition([toNodeId(2)], [toNodeId(3)]);
  kill(hosts, 1);
  hosts.scheduler.advance(10_000);
  assert.deepEqual(leaders(hosts, 1), []);
  for (const id of [2, 3]) {
    assert.deepEqual(outcomes(hosts.member(id).events), ["given-up"]);
  }
  hosts.network.heal();
  hosts.tick(60);
  assert.equal(leaders(hosts, 1).length, 1);
});

test("trials that cross and split the vote are over before the election time-out", () => {
  for (let seed = 1; seed <= 30; seed++) {
    const hosts = cluster(3, seed);
    hosts.elect(1);
    kill(hosts, 1);
    for (const id of [2, 3]) {
      assert.ok(hosts.member(id).host.campaign());
    }
    hosts.scheduler.runAll();
    assert.deepEqual(
      hosts.members.slice(1).map(({ host }) => host.role),
      ["candidate", "candidate"],
      "each has its own vote and waits for one that never comes",
    );
    assert.ok(msUntilLeader(hosts, 1, 2000) <= 7 * spreadMs, `seed ${seed}`);
  }
});

test("the member whose log is behind does not win, whoever campaigns first", () => {
  for (let seed = 1; seed <= 30; seed++) {
    const hosts = cluster(3, seed);
    hosts.elect(1);
    hosts.network.cut(toNodeId(1), toNodeId(3));
    const kinds: string[] = [];
    hosts.member(1).host.propose(Uint8Array.of(7), (outcome) => kinds.push(outcome.kind));
    hosts.scheduler.runAll();
    assert.deepEqual(kinds, ["applied"]);
    hosts.network.heal();
    kill(hosts, 1);
    assert.ok(msUntilLeader(hosts, 1, 2000) <= 4 * spreadMs, `seed ${seed}`);
    assert.deepEqual(leaders(hosts, 1), [2], `seed ${seed}: the acknowledged entry is in its log`);
  }
});

test("settings that would make it unsafe or impossible are refused, all problems at once", () => {
  const scheduler = new TurnScheduler();
  const after = (delayMs: number, work: () => void): void => scheduler.after(delayMs, work);
  const defer = (work: () => void): void => scheduler.defer(work);
  const good = { failOver: {}, scheduler: { defer, after } };
  assert.deepEqual(resolveFailOver(good), { spreadMs: 40 });
  assert.equal(resolveFailOver({ ...good, failOver: null }), null);
  for (const [count, core] of [
    [2, { readMode: "safe" }],
    [3, { checkQuorum: false }],
    [3, { readMode: "lease" }],
    [4, { readMode: "lease", preVote: false }],
  ] as const) {
    assert.throws(
      () => resolveFailOver({ core, failOver: { spreadMs: 0.5 }, scheduler: { defer } }),
      (error) => error instanceof ConfigError && error.problems.length === count,
    );
  }
});

test("a host refuses such settings", () => {
  const scheduler = new TurnScheduler();
  const id = toNodeId(1);
  const options: HostOptions<number> = {
    id,
    storage: new MemoryStorage({ voters: [id] }),
    transport: new MemoryNetwork(scheduler).connect(id),
    scheduler,
    stateMachine: new RecordingMachine(),
    random: (low) => low,
    onFatal: (error) => {
      throw error;
    },
    failOver: {},
    core: { preVote: false },
  };
  assert.throws(() => new RaftHost(options), /failOver needs preVote and checkQuorum/);
});

test("members that have all started anew elect a leader without a tick of the clock", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const hosts = cluster(3, seed);
    hosts.elect(2);
    for (const id of [1, 2, 3]) {
      hosts.restart(id);
    }
    // Whoever leads would have been heard of in the first half of this.
    assert.ok(msUntilLeader(hosts, 0, 2000) <= 6 * spreadMs, `seed ${seed}`);
    hosts.scheduler.advance(2000);
    const [leader] = leaders(hosts, 0);
    assert.deepEqual(
      hosts.members.map(({ host }) => host.leader),
      [leader, leader, leader],
      `seed ${seed}`,
    );
    assert.deepEqual(
      hosts.members.flatMap(({ events }) => outcomes(events)),
      [],
    );
  }
});

test("a member that starts beside a leader deposes nobody, and cannot lead alone", () => {
  const hosts = cluster(3);
  hosts.elect(1);
  const { term } = hosts.member(1).host;
  hosts.restart(3);
  hosts.scheduler.advance(5000);
  assert.equal(hosts.member(1).host.role, "leader");
  assert.equal(hosts.member(1).host.term, term);
  hosts.tick(3);
  assert.equal(hosts.member(3).host.leader, 1);
  for (const id of [1, 2]) {
    kill(hosts, id);
  }
  hosts.restart(3);
  hosts.scheduler.advance(5000);
  assert.equal(hosts.member(3).host.term, term);
  assert.notEqual(hosts.member(3).host.role, "leader");
});
