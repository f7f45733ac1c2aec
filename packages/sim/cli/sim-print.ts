/** What `npm run sim` prints. */
import { styleText } from "node:util";
import { faultKinds, operationKinds } from "@quorate/sim";
import type { Failure, SeedOutcome } from "./seed-outcome.ts";
import type { Totals } from "./totals.ts";

/** The one command that shows a failure again. */
function replayCommand({ profile, seed }: Pick<Failure, "profile" | "seed">): string {
  return `npm run sim -- --seed ${seed} --profile ${profile}`;
}

/** One line about one seed. */
export function printSeed(outcome: SeedOutcome): void {
  const { eventCount, failure, faults, leaderCount, nodeCount, operations, seed, simulatedMs, traceHash } =
    outcome;
  const faultCount = Object.values(faults).reduce((sum, count) => sum + count, 0);
  console.log(
    `seed ${seed}: ${nodeCount} nodes, ${(simulatedMs / 1000).toFixed(1)} s simulated, ${eventCount} events, ` +
      `${faultCount} faults, ${leaderCount} leaders, ${operations.total} operations ` +
      `(${operations.applied} applied, ${operations.refused} refused, ${operations.unknown} unknown), ` +
      `trace ${traceHash}: ${failure === null ? "ok" : `VIOLATION ${failure.message}`}`,
  );
}

/** Where a long run stands. */
export function printProgress(totals: Totals, count: number): void {
  const { failures, seedCount, simulatedMs } = totals.sums;
  const minutesLeft = ((totals.wallMs / seedCount) * (count - seedCount)) / 60_000;
  console.log(
    `… ${seedCount} of ${count} seeds, ${hours(simulatedMs)} simulated hours, ${failures.length} violations, ` +
      `some ${minutesLeft.toFixed(1)} minutes left`,
  );
}

/** A broken promise with what led to it. @param schedulePath Where the run was read from, or null for a seed. */
export function printFailure(failure: Failure, schedulePath: string | null = null): void {
  console.log(
    `\nseed ${failure.seed} broke a promise at ${failure.atMs} ms (event ${failure.atEvent}), by the checker ${failure.checker}:`,
  );
  console.log(failure.stack);
  console.log("last events:");
  for (const line of failure.lastEvents) {
    console.log(`  ${line}`);
  }
  const replay = schedulePath === null ? replayCommand(failure) : `npm run sim -- --schedule ${schedulePath}`;
  console.log(`replay: ${replay}`);
}

/** The sums of a run. */
export function printSummary(totals: Totals): void {
  const { appliedCount, cpuMs, eventCount, leaderCount, operationCount, seedCount, simulatedMs } =
    totals.sums;
  const wallSeconds = totals.wallMs / 1000;
  console.log(
    `${seedCount} seeds, ${hours(simulatedMs)} simulated hours in ${wallSeconds.toFixed(1)} s, ${(cpuMs / 1000).toFixed(1)} s of CPU: ` +
      `${(simulatedMs / cpuMs).toFixed(0)} x real time per core, ${(eventCount / (cpuMs / 1000)).toFixed(0)} events/s per core`,
  );
  console.log(
    `${operationCount} client operations (${appliedCount} applied), ${leaderCount} leaders, ${totals.faultCount} faults:`,
  );
  const { neverFired } = totals;
  for (const kind of faultKinds) {
    const line = `  ${kind.padEnd(28)} ${totals.count(kind)}`;
    console.log(neverFired.includes(kind) ? styleText("red", `${line}  never happened`) : line);
  }
  console.log("clients of the API:");
  for (const kind of operationKinds) {
    const line = `  ${kind.padEnd(28)} ${totals.clientCount(kind)}`;
    console.log(totals.neverDone.includes(kind) ? styleText("red", `${line}  never happened`) : line);
  }
  const { length } = totals.failures;
  console.log(length === 0 ? "violations: 0" : styleText("red", `violations: ${length}`));
  console.log(`seeds: ${seedCount - length} passed, ${length} failed`);
}

/** The sums as one line. */
export function printJson(totals: Totals): void {
  const { cpuMs, eventCount, faults, seedCount, simulatedMs } = totals.sums;
  const failures = totals.failures.map(({ checker, message, profile, seed }) => ({
    seed,
    profile,
    checker,
    message,
  }));
  const wallSeconds = totals.wallMs / 1000;
  const { neverFired } = totals;
  console.log(
    JSON.stringify({ seedCount, simulatedMs, eventCount, cpuMs, wallSeconds, faults, neverFired, failures }),
  );
}

function hours(ms: number): string {
  return (ms / 3_600_000).toFixed(2);
}
