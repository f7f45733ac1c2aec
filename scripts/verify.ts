/**
 * `npm run verify`: the gate. It changes nothing that is under version control; `npm run fix` does.
 *
 * All steps run even when one fails, so that one run shows everything there is to do.
 */
import { run } from "./lib/run.ts";

/** One check of the gate. */
interface Step {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

const steps: readonly Step[] = [
  { name: "types of the sources", command: "tsc", args: ["-b"] },
  { name: "types of the tests", command: "tsc", args: ["-p", "tsconfig.test.json"] },
  { name: "format and lint", command: "biome", args: ["check", "."] },
  { name: "tidy and import boundaries", command: "node", args: ["scripts/tidy.ts", "--quiet"] },
  { name: "rules of Raft", command: "node", args: ["scripts/spec-coverage.ts", "--check"] },
  { name: "examples in the documentation", command: "node", args: ["scripts/doc-examples.ts"] },
  { name: "API reference", command: "node", args: ["scripts/docs.ts", "--check"] },
  { name: "figures of the benchmark", command: "node", args: ["scripts/performance.ts", "--check"] },
  { name: "what gets published", command: "node", args: ["scripts/build.ts", "--check"] },
];

/** Runs one step and prints its line; the step's output only when it failed. */
async function runStep(step: Step): Promise<boolean> {
  const startedAt = performance.now();
  const outcome = await run(step.command, step.args);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${outcome.code === 0 ? "✔" : "✖"} ${step.name} (${seconds} s)`);
  if (outcome.code !== 0) {
    console.log(outcome.output.trimEnd());
    console.log(`  again: npx ${step.command} ${step.args.join(" ")}`);
  }
  return outcome.code === 0;
}

async function main(): Promise<number> {
  let failed = 0;
  for (const step of steps) {
    failed += (await runStep(step)) ? 0 : 1;
  }
  console.log(`verify: ${steps.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main();
