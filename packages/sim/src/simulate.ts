/**
 * One seed from start to verdict: a fault phase in which everything goes wrong, then a heal phase in which progress is owed,
 * and at the end the power goes out once more.
 */
import { Prng } from "@quorate/base";
import type { TraceEvent } from "@quorate/raft";
import { Churn } from "./churn.ts";
import { Cluster } from "./cluster.ts";
import { DiskAtlas } from "./disk-atlas.ts";
import { FaultCount } from "./fault-count.ts";
import { Housekeeping } from "./housekeeping.ts";
import { Nemesis } from "./nemesis.ts";
import { SessionPuts } from "./session-puts.ts";
import { checkStanding, type StandingTarget } from "./standing.ts";
import { type KeptSteps, keepAll, type StepKind } from "./steps.ts";
import { calmNetwork, calmPace, type SeedPlan, swarm, type WorkloadPlan } from "./swarm.ts";
import { Trace, type TraceSink } from "./trace.ts";
import { promise, type Violation } from "./violation.ts";
import { Watch } from "./watch.ts";
import { type Clients, Workload } from "./workload.ts";
import { OperationCount } from "./workloads/operation-count.ts";
import { EtcdWorkloads } from "./workloads/workloads.ts";
import { type MachineOfMember, World } from "./world.ts";

/** How a run is watched. */
export interface SimulateOptions {
  /** Receives every line of the trace. */
  readonly sink?: TraceSink;
  /** Receives every step of the protocol, in the format of docs/trace.md. */
  readonly protocol?: (event: TraceEvent) => void;
  /** Changes the plan that the seed drew. */
  readonly adapt?: (plan: SeedPlan) => SeedPlan;
  /** The root of all chance but the plan's. Default: the seed. */
  readonly random?: number;
  /** Which faults, changes and acts of clients happen. Default: all. */
  readonly kept?: KeptSteps;
  /** Somebody's own state machine and clients, in place of the built-in ones. */
  readonly own?: {
    readonly machine: MachineOfMember;
    readonly clients: (world: World, plan: WorkloadPlan, cluster: Cluster) => Clients;
  };
  /** The run ends here, without a verdict on what is owed later. Default: no end. */
  readonly eventCountMax?: number;
}

/** What came out of one seed. */
export interface SeedReport {
  readonly seed: number;
  readonly plan: SeedPlan;
  /** Equal for two runs of one seed, always. */
  readonly traceHash: string;
  readonly eventCount: number;
  readonly simulatedMs: number;
  readonly faults: FaultCount;
  /** Terms that had a leader. */
  readonly leaderCount: number;
  readonly committedIndex: number;
  readonly snapshotCount: number;
  readonly operations: {
    readonly total: number;
    readonly applied: number;
    readonly refused: number;
    readonly unknown: number;
  };
  /** How many of each kind asked to happen. */
  readonly steps: Readonly<Record<StepKind, number>>;
  /** What clients of the API did. */
  readonly clients: OperationCount;
  /** The first broken promise, null when all held. */
  readonly violation: Violation | null;
}

/**
 * Runs one seed.
 *
 * @example
 * ```ts
 * import { simulate } from "@quorate/sim";
 * const report = simulate(1);
 * if (report.violation !== null) throw report.violation;
 * ```
 */
export function simulate(seed: number, options: SimulateOptions = {}): SeedReport {
  const run = new Run(seed, options);
  run.play();
  return run.report();
}

/** In one seed of so many the clients' history is searched for an order; what takes more steps counts as a failure. */
const searchedSeedInterval = 20;
const searchStepsMax = 3_000_000;

/** How long after the heal a leader is owed, and equal states, in election time-outs (of the longest draw). */
const leaderTimeouts = 10;
const convergenceTimeouts = 200;

/** Terms that may pass with nothing committed where trials precede elections. */
const idleTermCountMax = 50;

/** Ends a run that is long enough for whoever asked. */
class CutShort extends Error {}

class Run {
  readonly #plan: SeedPlan;
  readonly #eventCountMax: number;
  readonly #trace: Trace;
  readonly #world: World;
  readonly #faults = new FaultCount();
  readonly #watch = new Watch();
  readonly #cluster: Cluster;
  readonly #nemesis: Nemesis;
  readonly #churn: Churn | null;
  readonly #workload: Clients;
  readonly #clients: EtcdWorkloads | null;

  constructor(seed: number, options: SimulateOptions) {
    const root = new Prng(options.random ?? seed);
    const drawn = swarm(seed, new Prng(seed));
    this.#plan = options.adapt?.(drawn) ?? drawn;
    this.#trace = new Trace(options.sink ?? null);
    const { eventCountMax, kept = keepAll, protocol } = options;
    const machine = options.own?.machine;
    this.#world = new World(root, this.#trace, {
      kept,
      ...(protocol === undefined ? {} : { protocol }),
      ...(machine === undefined ? {} : { machine }),
    });
    this.#eventCountMax = eventCountMax ?? Number.POSITIVE_INFINITY;
    this.#clients = this.#etcdClients();
    const serve = this.#clients === null ? null : this.#clients.serve.bind(this.#clients);
    this.#cluster = new Cluster(this.#world, this.#plan, this.#faults, this.#watch, serve);
    this.#nemesis = new Nemesis(
      this.#world,
      this.#plan.nemesis,
      this.#cluster,
      this.#faults,
      new DiskAtlas(this.#cluster, this.#world.random.stream("atlas"), this.#faults),
    );
    this.#churn =
      this.#plan.membership === null
        ? null
        : new Churn(this.#world, this.#plan.membership, this.#cluster, this.#faults);
    this.#workload =
      options.own?.clients(this.#world, this.#plan.workload, this.#cluster) ?? this.#registerClients();
  }

  #registerClients(): Clients {
    const { sessions, workload } = this.#plan;
    return new Workload(
      this.#world,
      workload,
      this.#cluster,
      this.#cluster.oracle.history,
      sessions ? new SessionPuts(this.#world, this.#cluster, this.#faults, workload.burstCountMax) : null,
    );
  }

  play(): void {
    try {
      this.#faultPhase();
      this.#calmPhase();
      this.#healPhase();
      this.#quietPhase();
      this.#lastPowerLoss();
      if (this.#plan.seed % searchedSeedInterval === 0) {
        this.#cluster.oracle.history.checkLinearizable(searchStepsMax);
        this.#clients?.checkLinearizable(searchStepsMax);
      }
    } catch (error) {
      if (!(error instanceof CutShort)) {
        this.#watch.note(error);
      }
    }
  }

  report(): SeedReport {
    const { oracle } = this.#cluster;
    const { history } = oracle;
    return {
      seed: this.#plan.seed,
      plan: this.#plan,
      traceHash: this.#trace.hash(),
      eventCount: this.#world.eventCount,
      simulatedMs: this.#world.nowMs,
      faults: this.#faults,
      leaderCount: oracle.leaders.count,
      committedIndex: oracle.committed.last,
      snapshotCount: this.#cluster.snapshotCount,
      operations: {
        total: history.operationCount,
        applied: history.count("applied"),
        refused: history.count("refused"),
        unknown: history.count("unknown"),
      },
      steps: {
        fault: this.#world.steps.count("fault"),
        change: this.#world.steps.count("change"),
        operation: this.#world.steps.count("operation"),
        call: this.#world.steps.count("call"),
      },
      clients: this.#clients?.counts ?? new OperationCount(),
      violation: this.#watch.violation,
    };
  }

  #faultPhase(): void {
    if (this.#plan.preVote) {
      this.#cluster.oracle.terms.bound(idleTermCountMax);
    }
    this.#cluster.startAll();
    this.#workload.start();
    this.#clients?.start();
    new Housekeeping(this.#world, this.#cluster, this.#plan.sessions).start();
    this.#nemesis.start();
    this.#churn?.start();
    this.#runFor(this.#plan.faultPhaseMs, () => false);
  }

  /** Long time-outs, old leaders, idle disks: what a storm never lets happen. Faults still come, one now and then. */
  #calmPhase(): void {
    if (this.#plan.calmPhaseMs === 0) {
      return;
    }
    this.#world.log("calm");
    this.#world.setPace(calmPace, this.#plan.calmClientPace);
    this.#cluster.network.setPlan(calmNetwork(this.#plan.network));
    this.#runFor(this.#plan.calmPhaseMs, () => false);
    this.#world.setPace(1, 1);
  }

  #healPhase(): void {
    this.#world.log("heal");
    this.#nemesis.stop();
    this.#churn?.stop();
    this.#workload.stop();
    this.#clients?.stop();
    this.#cluster.network.heal();
    const timeoutMs = 2 * this.#plan.electionTimeoutTicks * this.#plan.tickMs;
    const healedAtMs = this.#world.nowMs;

    this.#runFor(leaderTimeouts * timeoutMs, () => this.#cluster.leader() !== null);
    promise(
      this.#cluster.leader() !== null,
      "liveness-leader",
      () =>
        `no leader ${leaderTimeouts} election time-outs (${leaderTimeouts * timeoutMs} ms) after the heal: ${this.#cluster.describe()}`,
    );

    const settledAtMs = this.#settleClients(this.#clients) ?? healedAtMs;
    this.#converge(settledAtMs + convergenceTimeouts * timeoutMs, timeoutMs);
    this.#cluster.checkEqualStates();
    this.#world.log("converged");
  }

  #etcdClients(): EtcdWorkloads | null {
    const { electionTimeoutTicks, etcd, heartbeatTicks, sessions, tickMs } = this.#plan;
    if (etcd === null) {
      return null;
    }
    const settings = {
      keepsSessions: sessions,
      electionTimeoutMs: electionTimeoutTicks * tickMs,
      heartbeatMs: heartbeatTicks * tickMs,
    };
    return new EtcdWorkloads(this.#world, this.#watch, etcd, settings, () => this.#cluster);
  }

  /** Answers, leases and watchers come to their end; when they did, or null where there are none. */
  #settleClients(clients: EtcdWorkloads | null): number | null {
    if (clients === null) {
      return null;
    }
    this.#runFor(clients.patienceMs, () => clients.isSettled);
    clients.checkSettled();
    return this.#world.nowMs;
  }

  /** What the quorum check and trial elections promise of a cluster at peace; afterwards everybody catches up once more. */
  #quietPhase(): void {
    const { checkQuorum, electionTimeoutTicks, preVote, tickMs } = this.#plan;
    if (!checkQuorum) {
      return;
    }
    this.#world.log("quiet");
    const cluster = this.#cluster;
    const timeoutMs = 2 * electionTimeoutTicks * tickMs;
    const target: StandingTarget = {
      network: cluster.network,
      nodes: cluster.nodes,
      voters: cluster.configuration.voters,
      leader: () => cluster.leader(),
      handsOver: () => cluster.handsOver(),
      statusOf: (node) => cluster.oracle.statusOf(node),
      run: (durationMs, done) => this.#runFor(durationMs, done),
    };
    checkStanding(target, preVote, timeoutMs);
    this.#converge(this.#world.nowMs + convergenceTimeouts * timeoutMs, timeoutMs);
    // Sessions may still send again what they were not answered; between two of those nothing is left.
    this.#runFor(20 * timeoutMs, () => cluster.isAtRest());
    cluster.checkAtRest();
  }

  /** Everybody catches up, then a put and a read through each member succeed, and everybody has caught up again. */
  #converge(deadlineMs: number, timeoutMs: number): void {
    for (let isProbed = false; !(isProbed && this.#cluster.isCaughtUp()); ) {
      // No new writes meanwhile: a log that grows and is compacted faster than a snapshot travels is never caught up with.
      this.#runFor(timeoutMs, () => this.#cluster.isCaughtUp());
      promise(
        this.#world.nowMs < deadlineMs,
        "liveness-convergence",
        () =>
          `not converged ${convergenceTimeouts} election time-outs after the heal: ${this.#cluster.describe()}`,
      );
      if (this.#cluster.isCaughtUp()) {
        isProbed = this.#probe(timeoutMs);
      }
    }
  }

  /** Asks every member for a put and a read; whether all were done. */
  #probe(timeoutMs: number): boolean {
    const { history } = this.#cluster.oracle;
    const appliedBefore = history.count("applied");
    const asked = this.#cluster.members.length;
    this.#workload.probe();
    const settled = (): boolean => this.#workload.openCount === 0;
    this.#runFor(Math.max(timeoutMs, this.#plan.workload.deadlineMs), settled);
    const applied = history.count("applied") - appliedBefore;
    this.#runFor(timeoutMs, () => this.#cluster.isCaughtUp());
    return settled() && applied >= 2 * asked;
  }

  /** Every acknowledged write is durable on a majority: the power goes out everywhere, and the disks are read again. */
  #lastPowerLoss(): void {
    this.#clients?.close();
    this.#world.log("last power loss");
    this.#cluster.crashAll();
    this.#cluster.startAll();
    const timeoutMs = 2 * this.#plan.electionTimeoutTicks * this.#plan.tickMs;
    // A slow disk takes its time; what counts is that nobody's start fails.
    this.#runFor(leaderTimeouts * timeoutMs, () => this.#cluster.allRunning());
    promise(
      this.#cluster.allRunning(),
      "recovery",
      () => `not all members recovered: ${this.#cluster.describe()}`,
    );
    this.#cluster.oracle.checkAcknowledgedDurable();
  }

  #runFor(durationMs: number, done: () => boolean): void {
    const isCut = (): boolean => this.#world.eventCount >= this.#eventCountMax;
    const untilMs = this.#world.nowMs + durationMs;
    this.#world.runUntil(untilMs, () => this.#watch.violation !== null || isCut() || done());
    if (this.#watch.violation !== null) {
      throw this.#watch.violation;
    }
    if (isCut()) {
      throw new CutShort("the run has as many events as it may have");
    }
  }
}
