/** A small cluster in a calm world, in which a test brings about one thing after the other. */
import assert from "node:assert/strict";
import { must, Prng } from "@quorate/base";
import { encodeCommand } from "@quorate/kv";
import type { NodeId } from "@quorate/raft";
import { Trace, type TraceSink, World } from "@quorate/sim";
import { Cluster } from "../../src/cluster.ts";
import { FaultCount } from "../../src/fault-count.ts";
import { healedNetwork, type SeedPlan, swarm } from "../../src/swarm.ts";
import { Watch } from "../../src/watch.ts";
import type { PutAnswer, ReadAnswer } from "../../src/workload.ts";

/** One test's world. */
export class Scene {
  readonly world: World;
  readonly cluster: Cluster;
  readonly plan: SeedPlan;
  readonly faults: FaultCount = new FaultCount();
  readonly #watch = new Watch();

  /** @param sink Gets every event of the world as a line. */
  constructor(
    nodeCount: number,
    overrides: Partial<SeedPlan> = {},
    seed: number = 1,
    sink: TraceSink | null = null,
  ) {
    const root = new Prng(seed);
    const drawn = swarm(seed, root);
    this.plan = {
      ...drawn,
      nodeCount,
      tickMs: 50,
      electionTimeoutTicks: 10,
      heartbeatTicks: 2,
      preVote: true,
      checkQuorum: true,
      leaseReads: false,
      sessions: false,
      snapshotEntryCount: 1000,
      trailingEntryCount: 0,
      segmentBytes: 16384,
      network: { ...healedNetwork(drawn.network), delayMsMin: 2, delayMsMax: 4 },
      disk: { writeMsMax: 0, syncMsMin: 1, syncMsMax: 2, slowMsMax: 100 },
      membership: null,
      ...overrides,
    };
    this.world = new World(root, new Trace(sink));
    this.cluster = new Cluster(this.world, this.plan, this.faults, this.#watch);
  }

  /** Starts everybody and waits for a leader. */
  begin(): NodeId {
    this.cluster.startAll();
    return this.leader();
  }

  /** The leader, once everybody has caught up with it. */
  leader(): NodeId {
    this.until("a leader and no backlog", () => this.cluster.leader() !== null && this.cluster.isCaughtUp());
    return must(this.cluster.leader(), "scene: no leader");
  }

  /** Somebody else than these. */
  other(...not: readonly NodeId[]): NodeId {
    return must(
      this.cluster.nodes.find((id) => !not.includes(id)),
      "scene: nobody else",
    );
  }

  /** Runs for so many virtual milliseconds. */
  run(ms: number): void {
    this.world.runUntil(this.world.nowMs + ms, () => this.#watch.violation !== null);
    this.#check();
  }

  /** Runs until `done`; fails when that takes more than two virtual minutes. */
  until(what: string, done: () => boolean): void {
    this.world.runUntil(this.world.nowMs + 120_000, () => this.#watch.violation !== null || done());
    this.#check();
    assert.ok(done(), `${what}: not within two minutes; ${this.cluster.describe()}`);
  }

  #check(): void {
    if (this.#watch.violation !== null) {
      throw this.#watch.violation;
    }
  }

  /** Puts without waiting; the answer, once it is there. */
  put(node: NodeId, key: string, value: string): { answer: PutAnswer | null } {
    const { history } = this.cluster.oracle;
    const operation = history.begin("put", key, value, this.world.nowMs);
    const sent: { answer: PutAnswer | null } = { answer: null };
    this.cluster.put(node, key, value, (answer) => {
      sent.answer = answer;
      if (answer.kind === "applied") {
        history.putApplied(operation, answer.index);
      } else if (answer.kind === "refused") {
        history.refused(operation);
      } else {
        history.unknown(operation);
      }
    });
    return sent;
  }

  /** Puts so many values and waits until all are applied. */
  putMany(node: NodeId, name: string, count: number): void {
    for (let i = 0; i < count; i++) {
      const sent = this.put(node, `${name}${i % 7}`, `${name}-${i}`);
      this.until(`put ${i}`, () => sent.answer?.kind === "applied");
    }
  }

  /** Proposes a command of the state machine and waits until it is applied. */
  propose(node: NodeId, command: Parameters<typeof encodeCommand>[0]): void {
    if (command.type === "delete-range") {
      this.cluster.oracle.etcd.commands.ask(command);
    }
    let isApplied = false;
    this.cluster.propose(node, encodeCommand(command), (outcome) => {
      isApplied = outcome.kind === "applied";
    });
    this.until(command.type, () => isApplied);
  }

  /** Reads without waiting; held against what was seen before, as every read is. */
  read(node: NodeId, key: string): { answer: ReadAnswer | null } {
    const { history } = this.cluster.oracle;
    const operation = history.begin("read", key, null, this.world.nowMs);
    const sent: { answer: ReadAnswer | null } = { answer: null };
    this.cluster.read(node, key, (answer) => {
      sent.answer = answer;
      if (answer.kind === "value") {
        history.readReturned(operation, answer.value);
      } else {
        history.refused(operation);
      }
    });
    return sent;
  }

  /** Cuts `node` off from all others. */
  isolate(node: NodeId): void {
    for (const other of this.cluster.nodes) {
      if (other !== node) {
        this.cluster.network.block(node, other);
        this.cluster.network.block(other, node);
      }
    }
  }

  /** The power goes out everywhere and comes back; everybody is there again, with everything that was acknowledged. */
  powerCycle(): void {
    this.cluster.crashAll();
    this.cluster.startAll();
    this.until("everybody is back", () => this.cluster.allRunning());
    this.cluster.oracle.checkAcknowledgedDurable();
  }

  /** Everybody has caught up and holds the same. */
  checkEqual(): void {
    this.leader();
    this.cluster.checkEqualStates();
  }
}
