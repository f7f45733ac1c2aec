/** The simulator for people's own state machines: the same clusters, faults and checkers, with their commands in the log. */
import { must, type Prng } from "@quorate/base";
import { ConfigError } from "@quorate/raft";
import { FaultCount } from "../fault-count.ts";
import { type ProfileName, profileNames, profiles } from "../profiles.ts";
import { type SeedReport, type SimulateOptions, simulate as simulateSeed } from "../simulate.ts";
import type { SeedPlan } from "../swarm.ts";
import type { TraceSink } from "../trace.ts";
import { OwnMachine } from "./own-machine.ts";
import { OwnRun, type SimulatedMachine } from "./own-run.ts";
import { OwnWorkload, type SimulatedAct, type SimulatedOperation } from "./own-workload.ts";

/** What clients do, and what must be true of what they were told. */
export interface SimulatedWorkload<Command, Result, Machine> {
  /** The next act of a client, by the numbers that `random` gives and nothing else. Client 0 asks whether the cluster is well again. */
  readonly next: (random: Prng, client: number) => SimulatedAct<Command, Machine>;
  /** Looks at everything that happened in one seed, or may have; throws where it must not have happened so. */
  readonly check?: (operations: readonly SimulatedOperation<Command, Result>[]) => void;
}

/** What is simulated. */
export interface SimulationOptions<Command, Result, Machine extends SimulatedMachine<Command, Result>> {
  /** A new, empty state machine; called for each life of each member. */
  readonly stateMachine: () => Machine;
  readonly workload: SimulatedWorkload<Command, Result, Machine>;
  /** How many seeds run, at least 1. */
  readonly seeds: number;
  /** The first of them. Default: 1. */
  readonly from?: number;
  /** Default: `default`. */
  readonly profile?: ProfileName;
  /** Goes on behind a seed that broke a promise. Default: no. */
  readonly keepGoing?: boolean;
  /** Receives every event of the simulated world. */
  readonly sink?: TraceSink;
  /** Called after each seed. */
  readonly onSeed?: (report: SeedReport) => void;
}

/** A seed that broke a promise. */
export interface SimulationFailure {
  readonly seed: number;
  readonly checker: string;
  readonly message: string;
  /** What a state machine or a check threw, or the violation itself. */
  readonly cause: unknown;
}

/** What came out of all seeds. */
export interface SimulationReport {
  readonly seedCount: number;
  readonly simulatedMs: number;
  readonly eventCount: number;
  /** Commands and questions that clients asked for, and those whose answer reached them. */
  readonly operationCount: number;
  readonly answeredCount: number;
  readonly snapshotCount: number;
  readonly faults: FaultCount;
  /** Empty when all promises held. */
  readonly failures: readonly SimulationFailure[];
}

/**
 * Runs one seed of the built-in workloads, or somebody's own state machine through many seeds.
 *
 * @throws ConfigError with every problem of the options at once.
 * @example
 * ```ts
 * import { simulate } from "@quorate/sim";
 * class Counter {
 *   #total = 0;
 *   apply({ add }: { add: number }): number {
 *     this.#total += add;
 *     return this.#total;
 *   }
 *   snapshot(): number {
 *     return this.#total;
 *   }
 *   restore(image: number): void {
 *     this.#total = image;
 *   }
 *   get total(): number {
 *     return this.#total;
 *   }
 * }
 * const report = simulate({
 *   stateMachine: () => new Counter(),
 *   workload: {
 *     next: (random) =>
 *       random.chance(0.5) ? { command: { add: random.integer(1, 10) } } : { query: (counter) => counter.total },
 *   },
 *   seeds: 2,
 *   profile: "short",
 * });
 * if (report.failures.length > 0) throw new Error(report.failures[0]?.message);
 * ```
 */
export function simulate(seed: number, options?: SimulateOptions): SeedReport;
export function simulate<Command, Result, Machine extends SimulatedMachine<Command, Result>>(
  options: SimulationOptions<Command, Result, Machine>,
): SimulationReport;
export function simulate<Command, Result, Machine extends SimulatedMachine<Command, Result>>(
  first: number | SimulationOptions<Command, Result, Machine>,
  options: SimulateOptions = {},
): SeedReport | SimulationReport {
  return typeof first === "number" ? simulateSeed(first, options) : simulateMachine(first);
}

function simulateMachine<Command, Result, Machine extends SimulatedMachine<Command, Result>>(
  options: SimulationOptions<Command, Result, Machine>,
): SimulationReport {
  checkOptions(options);
  const { from = 1, keepGoing = false, onSeed, seeds } = options;
  const faults = new FaultCount();
  const failures: SimulationFailure[] = [];
  const sums = { simulatedMs: 0, eventCount: 0, operationCount: 0, answeredCount: 0, snapshotCount: 0 };
  let seedCount = 0;
  while (seedCount < seeds && (keepGoing || failures.length === 0)) {
    const seed = from + seedCount;
    const { failure, report } = simulateOne(seed, options);
    seedCount++;
    faults.merge(report.faults);
    sums.simulatedMs += report.simulatedMs;
    sums.eventCount += report.eventCount;
    sums.operationCount += report.operations.total;
    sums.answeredCount += report.operations.applied;
    sums.snapshotCount += report.snapshotCount;
    if (failure !== null) {
      failures.push(failure);
    }
    onSeed?.(report);
  }
  return { seedCount, ...sums, faults, failures };
}

function simulateOne<Command, Result, Machine extends SimulatedMachine<Command, Result>>(
  seed: number,
  { profile = "default", sink, stateMachine, workload }: SimulationOptions<Command, Result, Machine>,
): { readonly report: SeedReport; readonly failure: SimulationFailure | null } {
  const run = new OwnRun<Command, Result, Machine>(stateMachine);
  const made: OwnWorkload<Command, Result, Machine>[] = [];
  const report = simulateSeed(seed, {
    ...(sink === undefined ? {} : { sink }),
    adapt: (plan) => withoutBuiltIns(profiles[profile].adapt(plan)),
    own: {
      machine: (node, oracle, watch) => new OwnMachine(node, oracle, watch, run),
      clients: (world, plan, cluster) => {
        const clients = new OwnWorkload(world, plan, cluster, run, workload.next);
        made.push(clients);
        return clients;
      },
    },
  });
  const { violation } = report;
  if (violation !== null) {
    const { cause, checker, message } = violation;
    return { report, failure: { seed, checker, message, cause: cause ?? violation } };
  }
  return {
    report,
    failure: checked(seed, () => workload.check?.(must(made[0], "simulate: a run without clients").happened)),
  };
}

/** The API of etcd and sessions wrap commands of the built-in state machine. */
function withoutBuiltIns(plan: SeedPlan): SeedPlan {
  return { ...plan, etcd: null, sessions: false };
}

function checked(seed: number, check: () => void): SimulationFailure | null {
  try {
    check();
    return null;
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    return { seed, checker: "check", message, cause };
  }
}

function checkOptions(options: object): void {
  const { from, profile, seeds, stateMachine, workload }: Record<string, unknown> = { ...options };
  const next = typeof workload === "object" && workload !== null ? Reflect.get(workload, "next") : undefined;
  const problems: string[] = [];
  const demand = (holds: boolean, problem: string): void => {
    if (!holds) {
      problems.push(problem);
    }
  };
  demand(typeof stateMachine === "function", "stateMachine is no function that makes a state machine");
  demand(typeof next === "function", "workload.next is no function");
  demand(Number.isSafeInteger(seeds) && Number(seeds) >= 1, "seeds is no whole number from 1 on");
  demand(
    from === undefined || (Number.isSafeInteger(from) && Number(from) >= 0),
    "from is no natural number",
  );
  demand(
    profile === undefined || profileNames.some((name) => name === profile),
    "profile is none of those that there are",
  );
  if (problems.length > 0) {
    throw new ConfigError(problems);
  }
}
