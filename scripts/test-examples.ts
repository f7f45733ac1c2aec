/**
 * `npm run test:examples`: every example program and every item of the checklist (docs/seeds.md), with real processes.
 *
 *     npm run test:examples                      everything, then docs/seeds.md is written
 *     npm run test:examples -- examples/kv-http  what lies under a path; the document stays as it is
 *     npm run test:examples -- --check           everything; fails where docs/seeds.md would change, writes nothing
 */
import { globSync, rmSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { root, toolEnvironment } from "./lib/root.ts";
import { run } from "./lib/run.ts";

const patterns = [
  "examples/*/test/**/*.test.ts",
  "packages/*/test/seeds/**/*.test.ts",
  "deploy/test/config.test.ts",
];

// PERF: some 200 processes start the same modules; taken from here their start costs a third of the CPU time.
const compiled = { NODE_COMPILE_CACHE: join(root, ".cache/compile") };

// A file that takes longer than this hangs, and is told by name while there is time for the others. The slowest one takes 20 to 45 seconds.
const fileTimeoutMs = 120_000;

function selectTestFiles(filters: readonly string[]): string[] {
  const files = globSync(patterns, { cwd: root })
    .filter((file) => !file.includes("node_modules"))
    .sort();
  const paths = filters.map((typed) => relative(root, resolve(process.env["INIT_CWD"] ?? root, typed)));
  return paths.length === 0
    ? files
    : files.filter((file) => paths.some((path) => file === path || file.startsWith(`${path}/`)));
}

async function main(args: readonly string[]): Promise<number> {
  const check = args.includes("--check");
  const verbose = args.includes("--verbose");
  const options = args.filter((arg) => arg.startsWith("-") && arg !== "--check" && arg !== "--verbose");
  const filters = args.filter((arg) => !arg.startsWith("-"));
  const files = selectTestFiles(filters);
  if (files.length === 0) {
    console.error(`test-examples: no test file under ${filters.join(", ")}`);
    return 1;
  }
  const complete = filters.length === 0 && options.length === 0;
  if (complete) {
    rmSync(join(root, ".cache/seeds"), { recursive: true, force: true });
  }
  const tests = await run(
    process.execPath,
    [
      "--test",
      "--conditions=source",
      `--test-reporter=${join(root, "scripts/lib/test-reporter.ts")}`,
      "--test-reporter-destination=stdout",
      "--test-concurrency=2",
      `--test-timeout=${fileTimeoutMs}`,
      ...options,
      ...files,
    ],
    { show: true, env: { ...toolEnvironment(), ...compiled, QUORATE_TEST_VERBOSE: verbose ? "1" : "" } },
  );
  if (!complete || tests.code !== 0) {
    return tests.code;
  }
  const seeds = await run(process.execPath, ["scripts/seeds.ts", ...(check ? ["--check"] : [])], {
    show: true,
  });
  return seeds.code;
}

process.exitCode = await main(process.argv.slice(2));
