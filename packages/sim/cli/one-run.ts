/** One run of `npm run sim`: a seed or a schedule, with its traces, made small where it fails. */
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DecodeError } from "@quorate/base";
import { encodeTraceEvent, type TraceEvent } from "@quorate/raft";
import {
  decodeSchedule,
  encodeSchedule,
  playSchedule,
  profiles,
  type Schedule,
  type SeedReport,
  type Shrunken,
  scheduleOf,
  seedPlan,
  shrink,
} from "@quorate/sim";
import { cpuMs, LastEvents, outcomeOf } from "./seed-outcome.ts";
import { type Options, UsageError } from "./sim-options.ts";
import { printFailure, printJson, printSeed, printSummary } from "./sim-print.ts";
import { Totals } from "./totals.ts";

/** Plays it. The exit code. */
export function playOne(options: Options): number {
  const { json, profile, schedulePath } = options;
  const schedule = schedulePath === null ? seedSchedule(options) : readSchedule(schedulePath);
  const totals = new Totals({ from: schedule.seed, profile });
  const startedMs = cpuMs();
  const report = playTraced(schedule, options);
  const outcome = outcomeOf(report, profile, cpuMs() - startedMs, () => lastEventsOf(schedule));
  totals.add(outcome);
  if (!json) {
    printSeed(outcome);
    if (outcome.failure !== null) {
      printFailure(outcome.failure, schedulePath);
    }
    printSummary(totals);
  }
  if (options.shrink) {
    if (outcome.failure === null) {
      throw new UsageError("--shrink: the run breaks no promise, so that there is nothing to shrink");
    }
    shrinkTo(schedule, options.outPath ?? join(tmpdir(), `seed-${schedule.seed}.schedule.json`), json);
  }
  if (json) {
    printJson(totals);
  }
  return outcome.failure === null ? 0 : 1;
}

function seedSchedule({ from, profile }: Options): Schedule {
  return scheduleOf(from, profiles[profile].adapt(seedPlan(from)));
}

function readSchedule(path: string): Schedule {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new UsageError(`--schedule: ${error instanceof Error ? error.message : String(error)}`);
  }
  try {
    return decodeSchedule(text);
  } catch (error) {
    if (error instanceof DecodeError) {
      throw new UsageError(`${path}: ${error.message}`);
    }
    throw error;
  }
}

function playTraced(schedule: Schedule, { eventsPath, tracePath }: Options): SeedReport {
  const trace = tracePath === null ? null : new LineFile(tracePath);
  const events = eventsPath === null ? null : new LineFile(eventsPath);
  try {
    return playSchedule(schedule, {
      ...(trace === null ? {} : { protocol: (event: TraceEvent) => trace.add(encodeTraceEvent(event)) }),
      ...(events === null
        ? {}
        : { sink: (at: number, event: string) => events.add(JSON.stringify({ at, event })) }),
    });
  } finally {
    trace?.close();
    events?.close();
  }
}

function lastEventsOf(schedule: Schedule): readonly string[] {
  const last = new LastEvents();
  playSchedule(schedule, { sink: last.take });
  return last.lines;
}

function shrinkTo(schedule: Schedule, path: string, quiet: boolean): void {
  const shrunken = shrink(schedule, {
    onSmaller: (_, eventCount) => {
      if (!quiet) {
        console.log(`… ${eventCount} events but for ticks`);
      }
    },
  });
  writeFileSync(path, encodeSchedule(shrunken.schedule));
  if (!quiet) {
    printShrunken(shrunken, path);
  }
}

function printShrunken(
  { eventCount, eventCountBefore, report, schedule, tryCount }: Shrunken,
  path: string,
): void {
  const { kept, plan } = schedule;
  const { call, change, fault, operation } = report.steps;
  const count = (list: readonly number[] | null, all: number): number => list?.length ?? all;
  console.log(
    `\nshrunken from ${eventCountBefore} to ${eventCount} events (steps of the protocol but for ticks, and calls to the API) in ${tryCount} tries: ${plan.nodeCount} nodes, ` +
      `${count(kept.fault, fault)} faults, ${count(kept.change, change)} changes of the members, ` +
      `${count(kept.operation, operation)} acts of clients, ${count(kept.call, call)} calls, ${report.simulatedMs} ms`,
  );
  console.log(report.violation?.message ?? "");
  playSchedule(schedule, { sink: (at, text) => console.log(`  ${at} ${text}`) });
  console.log(`written to ${path}; replay: npm run sim -- --schedule ${path}`);
}

/** Lines of text, written in large pieces. */
class LineFile {
  readonly #file: number;
  #lines: string[] = [];

  constructor(path: string) {
    this.#file = openSync(path, "w");
  }

  add(line: string): void {
    this.#lines.push(`${line}\n`);
    if (this.#lines.length >= 1_000) {
      this.#flush();
    }
  }

  close(): void {
    this.#flush();
    closeSync(this.#file);
  }

  #flush(): void {
    writeSync(this.#file, this.#lines.join(""));
    this.#lines = [];
  }
}
