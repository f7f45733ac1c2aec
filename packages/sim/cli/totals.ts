/** Sums over all seeds of a run, and the file in which a long one keeps them between two calls. */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import {
  type FaultKind,
  faultKinds,
  type OperationKind,
  operationKinds,
  type ProfileName,
} from "@quorate/sim";
import type { Failure, SeedOutcome } from "./seed-outcome.ts";
import { UsageError } from "./sim-options.ts";

/** What is summed. */
interface Sums {
  seedCount: number;
  simulatedMs: number;
  eventCount: number;
  cpuMs: number;
  wallMs: number;
  leaderCount: number;
  operationCount: number;
  appliedCount: number;
  faults: Partial<Record<FaultKind, number>>;
  clients: Partial<Record<OperationKind, number>>;
  failures: Failure[];
}

/** Of which run the sums are. */
interface RunName {
  readonly from: number;
  readonly profile: ProfileName;
}

const version = 2;

/** See the head of this file. */
export class Totals {
  readonly #sums: Sums;
  readonly #name: RunName;
  /** Wall time of earlier calls. */
  readonly #earlierMs: number;
  readonly #startedMs = performance.now();

  constructor(name: RunName, sums: Sums = nothing()) {
    this.#name = name;
    this.#sums = sums;
    this.#earlierMs = sums.wallMs;
  }

  /** What stands in `path`, or nothing yet where there is no such file. @throws UsageError when it is of another run. */
  static resume(path: string, name: RunName): Totals {
    if (!existsSync(path)) {
      return new Totals(name);
    }
    const found = JSON.parse(readFileSync(path, "utf8")) as { version?: number; name?: RunName; sums?: Sums };
    if (found.version !== version || found.name === undefined || found.sums === undefined) {
      throw new UsageError(`${path} is not the progress of a run`);
    }
    if (found.name.from !== name.from || found.name.profile !== name.profile) {
      const { from, profile } = found.name;
      throw new UsageError(`${path} belongs to a run with --from ${from} --profile ${profile}`);
    }
    return new Totals(name, found.sums);
  }

  /** Writes the sums there, whole or not at all. */
  save(path: string): void {
    const text = JSON.stringify({ version, name: this.#name, sums: { ...this.#sums, wallMs: this.wallMs } });
    writeFileSync(`${path}.part`, text);
    renameSync(`${path}.part`, path);
  }

  /** The next seed to run. */
  get next(): number {
    return this.#name.from + this.#sums.seedCount;
  }

  get sums(): Readonly<Sums> {
    return this.#sums;
  }

  get wallMs(): number {
    return this.#earlierMs + performance.now() - this.#startedMs;
  }

  get failures(): readonly Failure[] {
    return this.#sums.failures;
  }

  count(kind: FaultKind): number {
    return this.#sums.faults[kind] ?? 0;
  }

  get faultCount(): number {
    return faultKinds.reduce((sum, kind) => sum + this.count(kind), 0);
  }

  /** Kinds that never happened, although so many seeds ran that each of them should have. */
  get neverFired(): readonly FaultKind[] {
    const { profile } = this.#name;
    const isOwed = profile === "default" && this.#sums.seedCount >= 200;
    return isOwed ? faultKinds.filter((kind) => this.count(kind) === 0) : [];
  }

  clientCount(kind: OperationKind): number {
    return this.#sums.clients[kind] ?? 0;
  }

  /** As {@link neverFired}, of what clients of the API are there to do. */
  get neverDone(): readonly OperationKind[] {
    const isOwed = this.#name.profile === "default" && this.#sums.seedCount >= 200;
    return isOwed ? operationKinds.filter((kind) => this.clientCount(kind) === 0) : [];
  }

  add(outcome: SeedOutcome): void {
    const sums = this.#sums;
    sums.seedCount++;
    sums.simulatedMs += outcome.simulatedMs;
    sums.eventCount += outcome.eventCount;
    sums.cpuMs += outcome.cpuMs;
    sums.leaderCount += outcome.leaderCount;
    sums.operationCount += outcome.operations.total;
    sums.appliedCount += outcome.operations.applied;
    for (const kind of faultKinds) {
      const count = outcome.faults[kind] ?? 0;
      if (count > 0) {
        sums.faults[kind] = this.count(kind) + count;
      }
    }
    for (const kind of operationKinds) {
      const count = outcome.clients[kind] ?? 0;
      if (count > 0) {
        sums.clients[kind] = this.clientCount(kind) + count;
      }
    }
    if (outcome.failure !== null) {
      sums.failures.push(outcome.failure);
    }
  }
}

function nothing(): Sums {
  return {
    seedCount: 0,
    simulatedMs: 0,
    eventCount: 0,
    cpuMs: 0,
    wallMs: 0,
    leaderCount: 0,
    operationCount: 0,
    appliedCount: 0,
    faults: {},
    clients: {},
    failures: [],
  };
}
