/** Three members at peace in a calm world, in which a test brings about what it is for. */
import assert from "node:assert/strict";
import { must, Prng } from "@quorate/base";
import type { NodeId } from "@quorate/raft";
import { Trace, type TraceSink, World } from "@quorate/sim";
import { Cluster } from "../src/cluster.ts";
import { FaultCount } from "../src/fault-count.ts";
import { healedNetwork, type SeedPlan, swarm } from "../src/swarm.ts";
import { Watch } from "../src/watch.ts";

/** See the head of this file. They have a leader and are caught up. */
export class Peace {
  readonly world: World;
  readonly cluster: Cluster;
  readonly faults: FaultCount = new FaultCount();
  /** One that does not lead. */
  readonly follower: NodeId;
  readonly #watch = new Watch();
  #putCount = 0;

  /** @param sink Gets every event of the world as a line. */
  constructor(seed: number, changes: Partial<SeedPlan> = {}, sink: TraceSink | null = null) {
    const root = new Prng(seed);
    const drawn = swarm(seed, root);
    const plan: SeedPlan = {
      ...drawn,
      nodeCount: 3,
      sessions: false,
      mixedVersions: false,
      buggified: [],
      electionTimeoutTicks: 10,
      heartbeatTicks: 2,
      snapshotEntryCount: 1000,
      network: { ...healedNetwork(drawn.network), delayMsMin: 2, delayMsMax: 4 },
      disk: { writeMsMax: 0, syncMsMin: 1, syncMsMax: 2, slowMsMax: 100 },
      membership: null,
      etcd: null,
      ...changes,
    };
    this.world = new World(root, new Trace(sink));
    this.cluster = new Cluster(this.world, plan, this.faults, this.#watch);
    this.cluster.startAll();
    this.until("a leader", () => this.cluster.leader() !== null && this.cluster.isCaughtUp());
    const leader = this.cluster.leader();
    this.follower = must(
      this.cluster.nodes.find((id) => id !== leader),
      "test: no follower",
    );
  }

  /** Puts through the leader until that many are applied. */
  put(count: number): void {
    const { cluster, world } = this;
    for (let i = 0; i < count; i++) {
      this.#putCount++;
      const text = `v${this.#putCount}`;
      const operation = cluster.oracle.history.begin("put", "k", text, world.nowMs);
      let isApplied = false;
      cluster.put(must(cluster.leader(), "test: no leader"), "k", text, (answer) => {
        assert.ok(answer.kind === "applied");
        cluster.oracle.history.putApplied(operation, answer.index);
        isApplied = true;
      });
      this.until("a put", () => isApplied);
    }
  }

  /** Runs until `done`; fails when that takes more than two virtual minutes. */
  until(what: string, done: () => boolean): void {
    this.world.runUntil(this.world.nowMs + 120_000, () => this.#watch.violation !== null || done());
    assert.equal(this.#watch.violation, null, String(this.#watch.violation?.stack));
    assert.ok(done(), `${what}: not within two minutes; ${this.cluster.describe()}`);
  }
}
