/**
 * `npm run interaction:random -- [--count N] [--seed S]`: random scripts, answered by etcd-io/raft and then by ours. Each one that
 * differs is made small and kept under .cache/interaction-differs/. Needs the path of the reference's program in REFERENCE.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runScript } from "../run-script.ts";
import { generateScript } from "./generate.ts";
import { answerScripts } from "./reference.ts";
import { shrinkScript } from "./shrink.ts";

const { values: flags } = parseArgs({
  options: {
    count: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
    shrink: { type: "string", default: "5" },
  },
});
const program = process.env["REFERENCE"] ?? "";
const count = Number(flags.count);
const firstSeed = Number(flags.seed);
const shrinkCountMax = Number(flags.shrink);
const folder = join(import.meta.dirname, "../../../../../.cache/interaction-differs");
const batchCount = 200;

const failures: number[] = [];
let commandCount = 0;
let answeredCount = 0;

for (let first = firstSeed; first < firstSeed + count; first += batchCount) {
  const seeds = Array.from({ length: Math.min(batchCount, firstSeed + count - first) }, (_, i) => first + i);
  const scripts = seeds.map(generateScript);
  const answers = answerScripts(program, scripts);
  for (const [place, seed] of seeds.entries()) {
    const answer = answers[place] ?? "";
    commandCount += scripts[place]?.length ?? 0;
    answeredCount += answer.split("\n----\n").length - 1;
    const mismatch = runScript(answer);
    if (mismatch === null) continue;
    failures.push(seed);
    const { command, name, expected, got } = mismatch;
    console.log(
      `seed ${seed}: command ${command} (${name}): expected ${JSON.stringify(expected)}, got ${JSON.stringify(got)}`,
    );
    if (failures.length <= shrinkCountMax) keep(seed, scripts[place] ?? []);
  }
}

function keep(seed: number, script: readonly string[]): void {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `seed-${seed}.txt`);
  writeFileSync(file, shrinkScript(program, script));
  console.log(`  made small: ${file}`);
}

console.log(
  `seeds ${firstSeed} to ${firstSeed + count - 1}: ${answeredCount} of ${commandCount} commands have an answer of the reference`,
);
console.log(`${count - failures.length} passed, ${failures.length} failed`);
process.exitCode = failures.length > 0 || count === 0 ? 1 : 0;
