/** What came out of one seed, as plain data: it passes between threads and into the file of a long run. */
import process from "node:process";
import {
  type FaultKind,
  faultKinds,
  type OperationKind,
  operationKinds,
  type ProfileName,
  profiles,
  type SeedReport,
  simulate,
} from "@quorate/sim";

/** A broken promise. */
export interface Failure {
  readonly seed: number;
  readonly profile: ProfileName;
  readonly checker: string;
  readonly message: string;
  readonly stack: string;
  readonly atMs: number;
  readonly atEvent: number;
  /** What happened last, the newest at the end. */
  readonly lastEvents: readonly string[];
}

/** See the head of this file. */
export interface SeedOutcome {
  readonly seed: number;
  readonly nodeCount: number;
  readonly traceHash: string;
  readonly eventCount: number;
  readonly simulatedMs: number;
  readonly cpuMs: number;
  readonly leaderCount: number;
  readonly operations: SeedReport["operations"];
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  /** What clients of the API did. */
  readonly clients: Readonly<Partial<Record<OperationKind, number>>>;
  readonly failure: Failure | null;
}

const lastEventCount = 30;

/** Runs a seed; one that fails twice, for what happened last. */
export function runSeed(seed: number, profile: ProfileName): SeedOutcome {
  const { adapt } = profiles[profile];
  const startedMs = cpuMs();
  const report = simulate(seed, { adapt });
  return outcomeOf(report, profile, cpuMs() - startedMs, () => {
    const last = new LastEvents();
    simulate(seed, { adapt, sink: last.take });
    return last.lines;
  });
}

/** The report of a run as an outcome; `lastEvents` is asked where a promise was broken. */
export function outcomeOf(
  report: SeedReport,
  profile: ProfileName,
  usedMs: number,
  lastEvents: () => readonly string[],
): SeedOutcome {
  const { eventCount, leaderCount, operations, plan, seed, simulatedMs, traceHash, violation } = report;
  const faults: Partial<Record<FaultKind, number>> = {};
  for (const kind of faultKinds) {
    const count = report.faults.get(kind);
    if (count > 0) {
      faults[kind] = count;
    }
  }
  const clients: Partial<Record<OperationKind, number>> = {};
  for (const kind of operationKinds) {
    const count = report.clients.get(kind);
    if (count > 0) {
      clients[kind] = count;
    }
  }
  return {
    seed,
    nodeCount: plan.nodeCount,
    traceHash,
    eventCount,
    simulatedMs,
    cpuMs: usedMs,
    leaderCount,
    operations,
    faults,
    clients,
    failure:
      violation === null
        ? null
        : {
            seed,
            profile,
            checker: violation.checker,
            message: violation.message,
            stack: stackOf(violation),
            atMs: simulatedMs,
            atEvent: eventCount,
            lastEvents: lastEvents(),
          },
  };
}

function stackOf({ cause, stack }: Error): string {
  return cause instanceof Error ? `${stack}\ncaused by: ${cause.stack}` : `${stack}`;
}

/** The newest few lines of a trace. */
export class LastEvents {
  #lines: string[] = [];

  readonly take = (atMs: number, text: string): void => {
    this.#lines.push(`${atMs} ${text}`);
    if (this.#lines.length > 2 * lastEventCount) {
      this.#lines.splice(0, lastEventCount);
    }
  };

  get lines(): readonly string[] {
    return this.#lines.slice(-lastEventCount);
  }
}

/** CPU time of this thread where the platform tells (from Node 23.9 on), else the clock, in milliseconds. */
export function cpuMs(): number {
  if (typeof process.threadCpuUsage === "function") {
    const { system, user } = process.threadCpuUsage();
    return (system + user) / 1000;
  }
  return performance.now();
}
