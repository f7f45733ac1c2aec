/** What the simulator found, each as the shortest world in which it happened. The list with seeds is in docs/simulator.md. */
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
  /** Runs until `done`; fails when that takes more than a virtual minute. */
  until(what: string, done: () => boolean): void;
}

function scene(nodeCount: number): Scene {
  const root = new Prng(1);
  const drawn = swarm(1, root);
  const plan: SeedPlan = {
    ...drawn,
    nodeCount,
    electionTimeoutTicks: 10,
    heartbeatTicks: 2,
    snapshotEntryCount: 1000,
    network: { ...healedNetwork(drawn.network), delayMsMin: 2, delayMsMax: 4 },
    disk: { writeMsMax: 0, syncMsMin: 1, syncMsMax: 2, slowMsMax: 100 },
    membership: {
      meanIntervalMs: 1000,
      voterCountMax: 3,
      newcomerCountMax: 1,
      strictQuorum: true,
      promotionMarginEntryCount: 3,
      explicitChance: 0,
    },
  };
  const world = new World(root, new Trace(null));
  const watch = new Watch();
  const cluster = new Cluster(world, plan, new FaultCount(), watch);
  cluster.startAll();
  const until = (what: string, done: () => boolean): void => {
    world.runUntil(world.nowMs + 60_000, () => watch.violation !== null || done());
    assert.equal(watch.violation, null);
    assert.ok(done(), `${what}: not within a minute; ${cluster.describe()}`);
  };
  return { world, cluster, until };
}

test("of two voters the leader is removed, and the last that it says is lost: who stays comes to lead alone", () => {
  const { cluster, until } = scene(2);
  until("a leader", () => cluster.leader() !== null && cluster.isCaughtUp());
  const leader: NodeId = must(cluster.leader(), "test: no leader");
  const other: NodeId = must(
    cluster.nodes.find((id) => id !== leader),
    "test: no other",
  );
  let outcome = "";
  cluster.changeMembers(leader, { changes: [{ op: "remove", id: leader }] }, ({ kind }) => {
    outcome = kind;
  });
  // The removal is on its way by now; everything that the leader says after it is lost.
  until("the removal is sent", () => cluster.oracle.logHasOpenChange(other));
  cluster.network.block(leader, other);
  until("the removal is in force for the leader", () => outcome === "applied");
  cluster.network.unblockAll();
  until("the other leads", () => cluster.leader() === other);
  assert.deepEqual(cluster.configuration.voters, [other]);
  until("the removed one has stopped", () => !cluster.nodes.includes(leader));
});

test("a joint configuration that was applied while leadership was handed over to somebody who is gone is left all the same", () => {
  const { cluster, until, world } = scene(3);
  until("a leader", () => cluster.leader() !== null && cluster.isCaughtUp());
  const leader: NodeId = must(cluster.leader(), "test: no leader");
  const [gone, other] = cluster.nodes.filter((id) => id !== leader);
  assert.ok(gone !== undefined && other !== undefined);
  const newcomer: NodeId = must(cluster.newcomer(), "test: no newcomer");
  cluster.changeMembers(leader, { changes: [{ op: "add-learner", id: newcomer }] }, () => {});
  until("a learner", () => cluster.members.includes(newcomer) && cluster.isCaughtUp());
  const appliedAtMs = world.nowMs;
  until("it is heard", () => world.nowMs > appliedAtMs + 2_000);
  // It is caught up, so it is told to campaign at once, and the transfer lasts until its time is over.
  cluster.crash(gone);
  const changes = [
    { op: "add-learner", id: other },
    { op: "add-voter", id: newcomer },
  ] as const;
  let isJoint = false;
  let outcome = "";
  cluster.changeMembers(leader, { changes }, ({ kind }) => {
    outcome = kind;
  });
  cluster.handOver(leader, gone, () => {});
  until("the joint configuration", () => {
    isJoint ||= cluster.configuration.votersOutgoing.length > 0;
    assert.notEqual(outcome, "refused");
    return isJoint;
  });
  until("it is left", () => cluster.configuration.votersOutgoing.length === 0);
  assert.deepEqual([...cluster.configuration.voters].sort(), [leader, gone, newcomer].sort());
});
