/**
 * `npm run mutants`: plants one known mistake at a time into a copy of the packages and runs seeds until a checker speaks
 * up. A mutant that survives means that nothing here would notice that mistake; those known to (`mutants/open`) are planted only by `--only`. An unmodified copy must stay clean.
 * Exit code 0 when all died and the control lived, 1 otherwise, 2 on a usage error.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { type MutantResult, readMutants, runControl, runMutant, staleMutants } from "./mutant-runner.ts";

const usage = "usage: npm run mutants -- [--only ID[,ID…]] [--seeds COUNT] [--no-control]";

function printResult(result: MutantResult): void {
  const text =
    result.kind === "killed"
      ? `killed by ${result.by} (${result.wallSeconds.toFixed(1)} s): ${result.message}`
      : `SURVIVED ${result.by} (${result.wallSeconds.toFixed(1)} s)`;
  console.log(`${result.id.padEnd(8)} ${text}`);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      seeds: { type: "string", default: "200" },
      "no-control": { type: "boolean", default: false },
    },
  });
  const only = values.only?.split(",") ?? null;
  const all = readMutants();
  const chosen = all.filter((mutant) => (only === null ? !mutant.isOpen : only.includes(mutant.id)));
  const unknown = only?.filter((id) => !all.some((mutant) => mutant.id === id)) ?? [];
  const seedCount = Number(values.seeds);
  if (unknown.length > 0 || !Number.isSafeInteger(seedCount) || seedCount < 1) {
    console.error(unknown.length > 0 ? `no such mutant: ${unknown.join(", ")}` : "--seeds takes a number");
    console.error(usage);
    return 2;
  }
  const stale = staleMutants();
  if (stale.length > 0) {
    console.error(stale.join("\n\n"));
    return 1;
  }
  let survivors = 0;
  for (const mutant of chosen) {
    const result = await runMutant(mutant, seedCount);
    printResult(result);
    survivors += result.kind === "survived" ? 1 : 0;
  }
  if (values["no-control"]) {
    return survivors === 0 ? 0 : 1;
  }
  const control = await runControl(seedCount);
  console.log(
    control.kind === "survived"
      ? `control  clean after ${control.by}`
      : `control  BROKEN: ${control.message}`,
  );
  console.log(`${chosen.length - survivors} of ${chosen.length} mutants killed`);
  return survivors === 0 && control.kind === "survived" ? 0 : 1;
}

process.exitCode = await main();
