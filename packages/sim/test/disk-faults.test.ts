/** What disks do to members, each as the shortest world in which it happens. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { must, Prng } from "@quorate/base";
import type { NodeId } from "@quorate/raft";
import { Trace, World } from "@quorate/sim";
import { Cluster } from "../src/cluster.ts";
import { FaultCount } from "../src/fault-count.ts";
import { healedNetwork, type SeedPlan, swarm } from "../src/swarm.ts";
import { Watch } from "../src/watch.ts";

interface Scene {
  readonly world: World;
  readonly cluster: Cluster;
  readonly faults: FaultCount;
  readonly follower: NodeId;
  /** Puts through the leader until that many are applied. */
  put(count: number): void;
  /** Runs until `done`; fails when that takes more than two virtual minutes. */
  until(what: string, done: () => boolean): void;
}

/** Three members at peace, and somebody to replace one of them. */
function scene(): Scene {
  const root = new Prng(2);
  const drawn = swarm(2, root);
  const plan: SeedPlan = {
    ...drawn,
    nodeCount: 3,
    preVote: true,
    checkQuorum: true,
    leaseReads: false,
    sessions: false,
    mixedVersions: false,
    buggified: [],
    electionTimeoutTicks: 10,
    heartbeatTicks: 2,
    snapshotEntryCount: 1000,
    network: { ...healedNetwork(drawn.network), delayMsMin: 2, delayMsMax: 4 },
    disk: { writeMsMax: 0, syncMsMin: 1, syncMsMax: 2, slowMsMax: 100 },
    membership: null,
    spareMemberCount: 2,
    etcd: null,
  };
  const world = new World(root, new Trace(null));
  const watch = new Watch();
  const faults = new FaultCount();
  const cluster = new Cluster(world, plan, faults, watch);
  cluster.startAll();
  const until = (what: string, done: () => boolean): void => {
    world.runUntil(world.nowMs + 120_000, () => watch.violation !== null || done());
    assert.equal(watch.violation, null, String(watch.violation?.stack));
    assert.ok(done(), `${what}: not within two minutes; ${cluster.describe()}`);
  };
  let value = 0;
  const put = (count: number): void => {
    for (let i = 0; i < count; i++) {
      value++;
      const text = `v${value}`;
      const operation = cluster.oracle.history.begin("put", "k", text, world.nowMs);
      let isApplied = false;
      cluster.put(must(cluster.leader(), "test: no leader"), "k", text, (answer) => {
        assert.ok(answer.kind === "applied");
        cluster.oracle.history.putApplied(operation, answer.index);
        isApplied = true;
      });
      until("a put", () => isApplied);
    }
  };
  until("a leader", () => cluster.leader() !== null && cluster.isCaughtUp());
  const leader = cluster.leader();
  const follower = must(
    cluster.nodes.find((id) => id !== leader),
    "test: no follower",
  );
  return { world, cluster, faults, follower, put, until };
}

/** Tries until it is done, and then no more. */
function once(until: Scene["until"], what: string, attempt: () => boolean): void {
  let isDone = false;
  until(what, () => {
    isDone ||= attempt();
    return isDone;
  });
}

test("a member whose log lost acknowledged entries sets the rest aside, and gets them back from the leader", () => {
  const { cluster, faults, follower, put, until } = scene();
  put(20);
  until("all have all", () => cluster.isCaughtUp());
  once(until, "damage", () => cluster.damage(follower, "log-write-lost"));
  assert.equal(cluster.isImpaired(follower), true);
  cluster.crash(follower);
  cluster.restart(follower);
  until("repaired", () => faults.get("log-repaired") === 1);
  assert.equal(faults.get("log-set-aside"), 1);
  until("all have all", () => cluster.isCaughtUp() && !cluster.isImpaired(follower));
  cluster.checkEqualStates();
});

test("a wiped disk is refused under its old name by everybody, and its member is replaced by one with a new id", () => {
  const { cluster, faults, follower, put, until } = scene();
  put(5);
  until("all have all", () => cluster.isCaughtUp());
  assert.equal(cluster.wipe(follower), true);
  until("refused", () => faults.get("wiped-disk-refused") >= 4);
  until("replaced", () => faults.get("member-replaced") === 1);
  assert.ok(!cluster.members.includes(follower));
  assert.equal(cluster.members.length, 3);
  until("all have all", () => cluster.isCaughtUp());
  cluster.checkEqualStates();
});

test("a disk that was set back below what it acknowledged is refused by the leader that remembers", () => {
  const { cluster, faults, follower, put, until } = scene();
  put(5);
  until("all have all", () => cluster.isCaughtUp());
  cluster.keepImage(follower);
  put(5);
  until("all have all", () => cluster.isCaughtUp());
  assert.equal(cluster.setBack(follower), true);
  until("refused", () => faults.get("set-back-disk-refused") === 1);
  until("replaced", () => faults.get("member-replaced") === 1);
  until("all have all", () => cluster.isCaughtUp());
});

test("a member without a sound vote stays away, and is replaced", () => {
  const { cluster, faults, follower, put, until } = scene();
  put(3);
  until("at rest", () => cluster.isCaughtUp());
  once(until, "lost", () => cluster.loseSlots(follower));
  until("stays away", () => faults.get("start-refused") === 1);
  until("replaced", () => faults.get("member-replaced") === 1);
  until("all have all", () => cluster.isCaughtUp());
});
