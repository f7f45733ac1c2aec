/** `npm run sim`: runs seeds on all cores until one breaks a promise or all are done, or one run with its traces. See `--help`. */
import process from "node:process";
import { playOne } from "./one-run.ts";
import { runSeeds } from "./seed-pool.ts";
import { type Options, readOptions, UsageError, usage } from "./sim-options.ts";
import { printFailure, printJson, printProgress, printSeed, printSummary } from "./sim-print.ts";
import { Totals } from "./totals.ts";

const progressIntervalMs = 5_000;

async function runMany(options: Options): Promise<number> {
  const { count, from, json, profile, resumePath, workerCount } = options;
  const name = { from, profile };
  const totals = resumePath === null ? new Totals(name) : Totals.resume(resumePath, name);
  let lastMs = performance.now();
  await runSeeds({ from: totals.next, end: from + count, profile, workerCount }, (outcome) => {
    totals.add(outcome);
    if (options.verbose && !json) {
      printSeed(outcome);
    }
    if (outcome.failure !== null && !json) {
      printFailure(outcome.failure);
    }
    if (performance.now() - lastMs > progressIntervalMs) {
      lastMs = performance.now();
      if (resumePath !== null) {
        totals.save(resumePath);
      }
      if (!json && !options.verbose) {
        printProgress(totals, count);
      }
    }
    return outcome.failure === null || options.keepGoing;
  });
  if (resumePath !== null) {
    totals.save(resumePath);
  }
  if (json) {
    printJson(totals);
  } else {
    printSummary(totals);
  }
  const didAll = totals.neverFired.length === 0 && totals.neverDone.length === 0;
  return totals.failures.length === 0 && didAll ? 0 : 1;
}

async function main(): Promise<number> {
  try {
    const options = readOptions(process.argv.slice(2));
    if (options === null) {
      console.log(usage);
      return 0;
    }
    const isOne = options.count === 1 && options.resumePath === null;
    return isOne ? playOne(options) : await runMany(options);
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`${error.message}\n\n${usage}`);
      return 2;
    }
    throw error;
  }
}

process.exitCode = await main();
