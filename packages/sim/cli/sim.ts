/**
 * `npm run sim`: runs seeds until one breaks a promise or all are done, and prints the one command that replays it.
 * Exit code 0 when all held, 1 on a violation, 2 on a usage error.
 */
import { closeSync, openSync, writeSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { FaultCount, faultKinds, type SeedReport, simulate, type TraceSink } from "@quorate/sim";

interface Options {
  readonly from: number;
  readonly count: number;
  readonly verbose: boolean;
  readonly tracePath: string | null;
  readonly keepGoing: boolean;
  readonly json: boolean;
}

const usage = `usage: npm run sim -- [--seed N | --seeds COUNT --from N] [--keep-going] [--verbose] [--json] [--trace FILE]
  --seed N        one seed
  --seeds COUNT   so many seeds (default 200), from --from on (default 1)
  --keep-going    do not stop at the first violation
  --verbose       one line per seed
  --json          the summary as one JSON line
  --trace FILE    every event as a line of JSON (one seed)`;

function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: "string" },
      seeds: { type: "string", default: "200" },
      from: { type: "string", default: "1" },
      "keep-going": { type: "boolean", default: false },
      verbose: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      trace: { type: "string" },
    },
  });
  const one = values.seed !== undefined;
  const count = one ? 1 : natural("--seeds", values.seeds);
  if (values.trace !== undefined && count !== 1) {
    throw new Error("--trace needs one seed: add --seed N");
  }
  return {
    from: natural("--from", values.seed ?? values.from),
    count,
    verbose: values.verbose || (one && !values.json),
    tracePath: values.trace ?? null,
    keepGoing: values["keep-going"],
    json: values.json,
  };
}

function natural(name: string, text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new Error(`${name} takes a natural number, not '${text}'`);
  }
  return value;
}

/** Sums over all seeds of one call. */
class Totals {
  readonly faults: FaultCount = new FaultCount();
  readonly failed: SeedReport[] = [];
  seedCount = 0;
  simulatedMs = 0;
  eventCount = 0;
  operationCount = 0;
  appliedCount = 0;
  leaderCount = 0;

  add(report: SeedReport): void {
    this.seedCount++;
    this.simulatedMs += report.simulatedMs;
    this.eventCount += report.eventCount;
    this.operationCount += report.operations.total;
    this.appliedCount += report.operations.applied;
    this.leaderCount += report.leaderCount;
    this.faults.merge(report.faults);
    if (report.violation !== null) {
      this.failed.push(report);
    }
  }
}

function replayCommand(seed: number): string {
  return `npm run sim -- --seed ${seed}`;
}

function printSeed(report: SeedReport): void {
  const { seed, plan, operations } = report;
  const outcome = report.violation === null ? "ok" : `VIOLATION ${report.violation.message}`;
  console.log(
    `seed ${seed}: ${plan.nodeCount} nodes, ${(report.simulatedMs / 1000).toFixed(1)} s simulated, ${report.eventCount} events, ` +
      `${report.faults.total} faults, ${report.leaderCount} leaders, ${operations.total} operations ` +
      `(${operations.applied} applied, ${operations.refused} refused, ${operations.unknown} unknown), trace ${report.traceHash}: ${outcome}`,
  );
}

function printSummary(totals: Totals, wallSeconds: number): void {
  const hours = totals.simulatedMs / 3_600_000;
  const speed = totals.simulatedMs / 1000 / wallSeconds;
  console.log(
    `${totals.seedCount} seeds, ${hours.toFixed(2)} simulated hours in ${wallSeconds.toFixed(1)} s: ` +
      `${speed.toFixed(0)} x real time, ${(totals.eventCount / wallSeconds).toFixed(0)} events/s`,
  );
  console.log(
    `${totals.operationCount} client operations (${totals.appliedCount} applied), ${totals.leaderCount} leaders, ${totals.faults.total} faults:`,
  );
  for (const kind of faultKinds) {
    console.log(`  ${kind.padEnd(24)} ${totals.faults.get(kind)}`);
  }
  console.log(`violations: ${totals.failed.length}`);
}

function printFailure(report: SeedReport): void {
  console.log(
    `\nseed ${report.seed} broke a promise at ${report.simulatedMs} ms (event ${report.eventCount}):`,
  );
  console.log(report.violation?.stack ?? "");
  if (report.violation?.cause instanceof Error) {
    console.log(`caused by: ${report.violation.cause.stack}`);
  }
  console.log(`replay: ${replayCommand(report.seed)} --trace /tmp/seed-${report.seed}.ndjson`);
}

function printJson(totals: Totals, wallSeconds: number): void {
  const failures = totals.failed.map((report) => ({
    seed: report.seed,
    checker: report.violation?.checker,
    message: report.violation?.message,
  }));
  const { seedCount, simulatedMs, eventCount } = totals;
  console.log(JSON.stringify({ seedCount, simulatedMs, eventCount, wallSeconds, failures }));
}

/** Opens the trace file; every line is one JSON object `{ at, event }`. */
function traceTo(path: string): { readonly sink: TraceSink; readonly close: () => void } {
  const file = openSync(path, "w");
  let lines: string[] = [];
  const flush = (): void => {
    writeSync(file, lines.join(""));
    lines = [];
  };
  return {
    sink: (at, event) => {
      lines.push(`${JSON.stringify({ at, event })}\n`);
      if (lines.length >= 1000) {
        flush();
      }
    },
    close: () => {
      flush();
      closeSync(file);
    },
  };
}

function runSeeds(options: Options): Totals {
  const totals = new Totals();
  const trace = options.tracePath === null ? null : traceTo(options.tracePath);
  let lastProgressMs = performance.now();
  for (let seed = options.from; seed < options.from + options.count; seed++) {
    const report = simulate(seed, trace === null ? {} : { sink: trace.sink });
    totals.add(report);
    if (options.verbose) {
      printSeed(report);
    } else if (!options.json && performance.now() - lastProgressMs > 5_000) {
      lastProgressMs = performance.now();
      console.log(`… ${totals.seedCount} of ${options.count} seeds, ${totals.failed.length} violations`);
    }
    if (report.violation !== null && !options.json) {
      printFailure(report);
    }
    if (report.violation !== null && !options.keepGoing) {
      break;
    }
  }
  trace?.close();
  return totals;
}

function main(): number {
  let options: Options;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    console.error(usage);
    return 2;
  }
  const started = performance.now();
  const totals = runSeeds(options);
  const wallSeconds = (performance.now() - started) / 1000;
  if (options.json) {
    printJson(totals, wallSeconds);
  } else {
    printSummary(totals, wallSeconds);
  }
  return totals.failed.length === 0 ? 0 : 1;
}

process.exitCode = main();
