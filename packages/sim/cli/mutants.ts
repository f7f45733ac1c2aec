/**
 * `npm run mutants`: plants one known mistake at a time into a copy of the packages and lets its judge look until a checker
 * speaks up. A mutant that survives means that nothing here would notice that mistake; an unchanged copy must stay clean.
 * Exit code 0 when all died and every control lived, 1 otherwise, 2 on a usage error.
 */
import { availableParallelism } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { type Judge, type Mutant, readMutants, staleMutants } from "./mutant.ts";
import {
  controlSeedCount,
  judgeName,
  readControls,
  readDeaths,
  recorded,
  sampleOf,
  withControl,
  writeControls,
  writeDeaths,
} from "./mutant-deaths.ts";
import { MutantProgress } from "./mutant-progress.ts";
import { runControl, runMutant, type Verdict } from "./mutant-runner.ts";

const usage = `usage: npm run mutants -- [--only ID[,ID…] | --sample HASH] [--seeds COUNT] [--workers N] [--record] [--resume FILE]
  --only ID[,ID…]   these, also those that nothing notices yet
  --sample HASH     as many as fit into --seconds, chosen by the hash (of a commit, say)
  --seconds N       processor time of a sample as recorded, with its unchanged copies (default 240)
  --seeds COUNT     seeds until a mutant counts as a survivor (default 2000)
  --control COUNT   seeds of each unchanged copy, at least, and all in which its mutants died (default 20; 0: none)
  --workers N       copies at once (default: the number of cores)
  --record          notes where they died, in packages/sim/mutants/record and docs/simulator.md
  --resume FILE     notes each verdict there, and goes on from what stands there
  --docs            writes the table in docs/simulator.md from that record, and does nothing else`;

class UsageError extends Error {}

interface Options {
  readonly chosen: readonly Mutant[];
  readonly seedCount: number;
  readonly controlCount: number;
  readonly workerCount: number;
  readonly record: boolean;
  readonly docsOnly: boolean;
  readonly resumePath: string | null;
}

function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      sample: { type: "string" },
      seconds: { type: "string", default: "240" },
      seeds: { type: "string", default: "2000" },
      control: { type: "string", default: "20" },
      workers: { type: "string", default: String(availableParallelism()) },
      record: { type: "boolean", default: false },
      docs: { type: "boolean", default: false },
      resume: { type: "string" },
    },
  });
  const seconds = natural("--seconds", values.seconds);
  return {
    chosen: choose(values.only?.split(",") ?? null, values.sample ?? null, seconds),
    seedCount: natural("--seeds", values.seeds),
    controlCount: natural("--control", values.control),
    workerCount: Math.max(1, natural("--workers", values.workers)),
    record: values.record,
    docsOnly: values.docs,
    resumePath: values.resume ?? null,
  };
}

function choose(only: readonly string[] | null, sample: string | null, seconds: number): readonly Mutant[] {
  const all = readMutants();
  if (only !== null && sample !== null) {
    throw new UsageError("--only or --sample, not both");
  }
  if (sample !== null) {
    return sampleOf(all, { deaths: readDeaths(), controls: readControls() }, sample, seconds);
  }
  const unknown = only?.filter((id) => !all.some((mutant) => mutant.id === id)) ?? [];
  if (unknown.length > 0) {
    throw new UsageError(`no such mutant: ${unknown.join(", ")}`);
  }
  return all.filter(({ id, state }) => (only === null ? state === "known" : only.includes(id)));
}

function natural(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) {
    throw new UsageError(`${name} takes a natural number, not '${text}'`);
  }
  return Number(text);
}

/** Runs the jobs, so many at once, in order of their beginnings. */
async function runAll<T>(jobs: readonly (() => Promise<T>)[], workerCount: number): Promise<readonly T[]> {
  const results: T[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < jobs.length; at = next++) {
      const job = jobs[at];
      if (job !== undefined) {
        results[at] = await job();
      }
    }
  };
  await Promise.all(Array.from({ length: workerCount }, work));
  return results;
}

/** One of each kind: what judges several mutants in the same way needs one control. */
function judgesOf(chosen: readonly Mutant[]): readonly Judge[] {
  const judges = new Map(chosen.map(({ judge }) => [JSON.stringify(judge), judge]));
  return [...judges.values()];
}

function controlText({ at, message }: Verdict): string {
  return message === null ? `clean after ${at}` : `BROKEN at ${at}: ${message}`;
}

function mutantText({ at, cpuSeconds, message }: Verdict): string {
  const time = `${cpuSeconds.toFixed(1)} s`;
  return message === null ? `SURVIVED ${at} (${time})` : `killed at ${at} (${time}): ${message}`;
}

/** A copy that does not even run is no verdict on the checkers, and no reason to keep the others waiting: it counts as a survivor. */
async function verdictOn(mutant: Mutant, seedCount: number): Promise<Verdict> {
  try {
    return await runMutant(mutant, seedCount);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return { id: mutant.id, at: "a copy that does not run", message: null, cpuSeconds: 0 };
  }
}

async function main(): Promise<number> {
  const { chosen, controlCount, docsOnly, record, resumePath, seedCount, workerCount } = readOptions(
    process.argv.slice(2),
  );
  const progress = new MutantProgress(resumePath);
  const stale = staleMutants();
  if (stale.length > 0) {
    console.error(stale.join("\n\n"));
    return 1;
  }
  const all = readMutants();
  if (docsOnly) {
    writeDeaths(readDeaths(), all);
    return 0;
  }
  let done = 0;
  const judges = controlCount === 0 ? [] : judgesOf(chosen);
  const total = chosen.length + judges.length;
  const told = (verdict: Verdict, text: string): Verdict => {
    done++;
    console.log(`[${done}/${total}] ${verdict.id.padEnd(9)} ${text}`);
    return verdict;
  };
  const ofMutants = await runAll<Verdict>(
    chosen.map((mutant) => async () => {
      const verdict = await progress.verdict("mutant", mutant.id, () => verdictOn(mutant, seedCount));
      if (record) {
        // After each: a long run that is ended keeps what it has found out.
        writeDeaths(recorded(readDeaths(), all, [verdict]), all);
      }
      return told(verdict, mutantText(verdict));
    }),
    workerCount,
  );
  // Behind the mutants: what kills them must not kill the original, in any of the seeds in which they died.
  const deaths = recorded(readDeaths(), all, ofMutants);
  const controls = await runAll<Verdict>(
    judges.map((by) => async () => {
      const count = controlSeedCount(by, all, deaths, controlCount);
      const id = judgeName(by, all);
      const verdict = await progress.verdict("control", id, async () => ({
        ...(await runControl(by, count)),
        id,
      }));
      if (record) {
        writeControls(withControl(readControls(), all, verdict), all);
      }
      return told(verdict, `unchanged: ${controlText(verdict)}`);
    }),
    workerCount,
  );
  const killed = ofMutants.filter(({ message }) => message !== null);
  const broken = controls.filter(({ message }) => message !== null);
  const survivors = ofMutants.filter(({ message }) => message === null).map(({ id }) => id);
  console.log(
    `survived: ${survivors.length === 0 ? "none" : survivors.join(", ")}; broken controls: ${broken.length}`,
  );
  console.log(
    `${killed.length + controls.length - broken.length} passed, ${survivors.length + broken.length} failed`,
  );
  return survivors.length + broken.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError) && !(error instanceof TypeError && "code" in error)) {
    throw error;
  }
  console.error(`${error.message}\n${usage}`);
  process.exitCode = 2;
}
