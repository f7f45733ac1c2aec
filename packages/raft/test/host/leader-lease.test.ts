/** Lease reads: without a round while the lease runs, by a quorum whenever it might not; never from the past. RAFT §6.4.1. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ConfigError,
  type HostEvent,
  type HostOptions,
  type RaftHost,
  type ReadOutcome,
  toNodeId,
} from "@quorate/raft";
import { TestHosts } from "./cluster.ts";

const tickMs = 100;
/** (10 election ticks − 2) × 100 ms × (1 − 0.1). */
const durationMs = 720;

/** Members with one clock, which the test moves. */
class Leased {
  nowMs = 0;
  readonly hosts: TestHosts;

  constructor(options: Partial<HostOptions<number>> = {}) {
    const lease = { nowMs: () => this.nowMs, tickMs };
    this.hosts = new TestHosts(3, { core: { readMode: "lease" }, lease, ...options });
    this.tick(40); // Nobody votes before the promise that a restart may have forgotten is over.
    const first = this.hosts.members.find(({ host }) => host.role === "leader");
    assert.ok(first !== undefined);
    if (first.id !== 1) {
      first.host.transferLeadership(toNodeId(1));
    }
    this.tick(2);
    assert.equal(this.hosts.member(1).host.role, "leader");
  }

  tick(count: number): void {
    for (let i = 0; i < count; i++) {
      this.nowMs += tickMs;
      this.hosts.tick();
    }
  }

  /** How reads ended that were asked now, before anything else happens. */
  read(id: number): ReadOutcome[] {
    const outcomes: ReadOutcome[] = [];
    this.hosts.member(id).host.read((outcome) => outcomes.push(outcome));
    return outcomes;
  }

  leaseEvents(id: number): string[] {
    return this.hosts
      .member(id)
      .events.filter(({ type }) => type.startsWith("lease"))
      .map((event) => ("reason" in event ? `${event.type} ${String(event.reason)}` : event.type));
  }
}

/** Frames that `host` sent while `work` ran. */
function framesSent(host: RaftHost<number>, work: () => void): number {
  const before = host.status().counters.framesSent;
  work();
  return host.status().counters.framesSent - before;
}

test("while the lease runs a read sends nothing, and by a quorum it asks everybody", () => {
  const leased = new Leased();
  const { host } = leased.hosts.member(1);
  const outcomes: ReadOutcome[] = [];
  const asked = (): void => {
    outcomes.push(...leased.read(1));
    leased.hosts.scheduler.runAll();
  };
  assert.equal(framesSent(host, asked), 0);
  leased.nowMs += durationMs;
  assert.equal(framesSent(host, asked), 2, "the lease is over: one heartbeat to each");
  assert.ok(leased.leaseEvents(1).includes("lease-suspended time-out"));
});

test("a follower's read costs one question, and no round of the leader", () => {
  const leased = new Leased();
  const sent = framesSent(leased.hosts.member(1).host, () => {
    const outcomes = leased.read(2);
    leased.hosts.scheduler.runAll();
    assert.equal(outcomes[0]?.kind, "ready");
  });
  assert.equal(sent, 1, "the answer");
});

test("a leader that slept answers nothing from before, though no tick has told it how long it slept", () => {
  const leased = new Leased();
  const { hosts } = leased;
  const { host } = hosts.member(1);
  assert.ok(host.unsafeCore.leaseHeld);
  // The process of member 1 stops: it gets no ticks, no frames. The others go on.
  hosts.network.partition([toNodeId(1)], [toNodeId(2), toNodeId(3)]);
  hosts.scheduler.runAll();
  for (let i = 0; i < 60; i++) {
    leased.nowMs += tickMs;
    hosts.member(2).host.tick();
    hosts.member(3).host.tick();
    hosts.scheduler.runAll();
  }
  const next = hosts.members.find((member) => member.id !== 1 && member.host.role === "leader");
  assert.ok(next !== undefined, "another member leads");
  const written: string[] = [];
  next.host.propose(Uint8Array.of(9), (outcome) => written.push(outcome.kind));
  hosts.scheduler.runAll();
  assert.deepEqual(written, ["applied"]);

  assert.equal(host.role, "leader", "it wakes up and believes that it leads");
  assert.ok(host.unsafeCore.leaseHeld, "by its ticks the lease would run");
  const outcomes = leased.read(1);
  hosts.scheduler.runAll();
  assert.equal(outcomes.length, 0, "the read waits for a quorum that does not answer");
  assert.ok(!host.unsafeCore.leaseHeld);
  leased.tick(60);
  assert.equal(outcomes[0]?.kind, "refused", "and was never answered from the past");
});

test("a gap between two ticks suspends the lease until the next round, even where the clock would allow it", () => {
  const leased = new Leased({
    core: { readMode: "lease", electionTimeoutTicks: 10 },
  });
  leased.nowMs += 6 * tickMs; // More than half an election time-out, less than the lease.
  leased.hosts.member(1).host.tick();
  leased.hosts.scheduler.runTurn();
  assert.deepEqual(leased.leaseEvents(1).slice(-1), ["lease-suspended tick-gap"]);
  leased.hosts.scheduler.runAll();
  assert.deepEqual(leased.leaseEvents(1).slice(-1), ["lease-held"], "one round brings it back");
});

// [lease-drift]
test("§6.4.1: a leader that hears no quorum loses its lease before anybody else can lead", () => {
  const leased = new Leased();
  const { hosts } = leased;
  hosts.network.partition([toNodeId(1)], [toNodeId(2), toNodeId(3)]);
  hosts.scheduler.runAll();
  let lastHeldMs = 0;
  let electedMs = 0;
  for (let i = 0; i < 400 && electedMs === 0; i++) {
    leased.nowMs += tickMs / 4;
    const held = hosts.member(1).host;
    held.read(() => {});
    if (i % 4 === 3) {
      hosts.tick();
    } else {
      hosts.scheduler.runAll();
    }
    if (held.unsafeCore.leaseHeld) {
      lastHeldMs = leased.nowMs;
    }
    if (hosts.members.some(({ host, id }) => id !== 1 && host.role === "leader")) {
      electedMs = leased.nowMs;
    }
  }
  assert.ok(lastHeldMs > 0 && electedMs > 0, `${lastHeldMs} ${electedMs}`);
  assert.ok(lastHeldMs < electedMs, `held until ${lastHeldMs}, another elected at ${electedMs}`);
});

// [case-54]
test("a follower that restarts, or campaigns on request, keeps the promise that the lease rests on", () => {
  const leased = new Leased();
  const { hosts } = leased;
  // 3 has not heard the leader for long and is ready to lead; 2 acknowledged the lease just now, and restarts.
  hosts.network.partition([toNodeId(3)], [toNodeId(1)]);
  leased.tick(30);
  assert.equal(hosts.member(1).host.role, "leader", "2 hears the leader and refuses 3");
  assert.equal(hosts.member(2).host.campaign(), false, "2 has promised");
  hosts.network.partition([toNodeId(1)], [toNodeId(2)]);
  hosts.scheduler.runAll();
  hosts.restart(2);
  const { unsafeCore } = hosts.member(1).host;
  for (let i = 0; i < 12; i++) {
    // One at a time, or they would take each other's votes.
    hosts.member(i % 2 === 0 ? 3 : 2).host.campaign();
    hosts.scheduler.runAll();
    const elected = hosts.members.some(({ host, id }) => id !== 1 && host.role === "leader");
    leased.read(1);
    hosts.scheduler.runAll();
    assert.ok(!(elected && unsafeCore.leaseHeld), `tick ${i}: a lease and another leader`);
    leased.tick(1);
  }
  leased.tick(30);
  assert.ok(
    hosts.members.some(({ host, id }) => id !== 1 && host.role === "leader"),
    "in the end one of them leads",
  );
});

// [lease-ends-before-transfer, case-12]
test("§6.4.1: reads ask a quorum while a transfer is under way, and after it for the rest of the term", () => {
  const leased = new Leased();
  const { hosts } = leased;
  const { host } = hosts.member(1);
  hosts.network.cut(toNodeId(2), toNodeId(1)); // It gets the request to campaign; its own requests go nowhere.
  hosts.network.cut(toNodeId(2), toNodeId(3));
  host.transferLeadership(toNodeId(2));
  hosts.scheduler.runAll();
  assert.ok(!host.unsafeCore.leaseHeld, "given up at once");
  assert.deepEqual(leased.leaseEvents(1).slice(-1), ["lease-suspended transfer"]);
  const asked = (): void => {
    leased.read(1);
    hosts.scheduler.runAll();
  };
  assert.ok(framesSent(host, asked) >= 2);
  leased.tick(12);
  assert.equal(host.role, "leader", "the transfer has failed");
  assert.ok(!host.unsafeCore.leaseHeld, "the request to campaign may still be on its way");
  assert.ok(framesSent(host, asked) >= 2);

  hosts.network.heal();
  leased.tick(30);
  const leader = hosts.members.find((member) => member.host.role === "leader");
  assert.ok(leader !== undefined && leader.host.term > 1);
  leader.host.transferLeadership(toNodeId(leader.id === 3 ? 1 : 3));
  leased.tick(3);
  const heir = hosts.members.find((member) => member.host.role === "leader");
  assert.ok(heir?.host.unsafeCore.leaseHeld, "the next leader has its own lease");
});

test("a change of the members suspends the lease until a quorum of the new ones has answered", () => {
  const leased = new Leased();
  const { hosts } = leased;
  const before = leased.leaseEvents(1).length;
  hosts.member(1).host.changeMembers({ changes: [{ op: "remove", id: toNodeId(3) }] }, () => {});
  leased.tick(3);
  const events = leased.leaseEvents(1).slice(before);
  assert.deepEqual(events, ["lease-suspended members", "lease-held"]);
});

test("an only member holds its lease without asking anybody", () => {
  let nowMs = 0;
  const lease = { nowMs: () => nowMs, tickMs };
  const hosts = new TestHosts(1, { core: { readMode: "lease" }, lease });
  hosts.elect(1);
  nowMs += tickMs;
  hosts.tick();
  const outcomes: ReadOutcome[] = [];
  hosts.member(1).host.read((outcome) => outcomes.push(outcome));
  hosts.scheduler.runAll();
  assert.equal(outcomes[0]?.kind, "ready");
});

test("what cannot work is refused: no clock, clocks without bound, together with fast fail-over", () => {
  const start = (options: Partial<HostOptions<number>>): string => {
    try {
      new TestHosts(1, { core: { readMode: "lease" }, ...options });
      return "started";
    } catch (error) {
      assert.ok(error instanceof ConfigError, String(error));
      return error.message;
    }
  };
  const nowMs = (): number => 0;
  assert.match(start({}), /lease is missing/);
  assert.match(start({ lease: { nowMs, tickMs: 0 } }), /tickMs/);
  assert.match(start({ lease: { nowMs, tickMs, driftMax: 0.5 } }), /driftMax/);
  assert.match(
    start({ lease: { nowMs, tickMs }, core: { readMode: "lease", electionTimeoutTicks: 3 } }),
    /at least 4/,
  );
  assert.match(start({ lease: { nowMs, tickMs }, failOver: {} }), /failOver/);
  assert.equal(start({ lease: { nowMs, tickMs } }), "started");
  const events: HostEvent["type"][] = [];
  new TestHosts(1, { lease: { nowMs, tickMs }, onEvent: ({ type }) => events.push(type) }).elect(1);
  assert.ok(!events.includes("lease-held"), "a clock alone switches nothing on");
});
