/**
 * `npm test`: everything that needs no foreign tool, with Node's own test runner.
 *
 *     npm test                           everything
 *     npm test -- packages/kv            what lies under a path
 *     npm test -- --verbose              each test by name
 *     npm test -- --test-name-pattern=x  any option of the runner
 */
import { existsSync, globSync } from "node:fs";
import { relative, resolve } from "node:path";
import { root, toolEnvironment } from "./lib/root.ts";
import { run } from "./lib/run.ts";

const patterns = ["test/**/*.test.ts", "packages/*/test/**/*.test.ts"];

// A file that takes longer than this hangs. The slowest one, the kill -9 test, needs about a minute.
const fileTimeoutMs = 300_000;

/** The test files below any of `filters` (all of them without filters), in a stable order. */
function selectTestFiles(filters: readonly string[]): string[] {
  const files = globSync(patterns, { cwd: root }).sort();
  if (filters.length === 0) {
    return files;
  }
  return files.filter((file) => filters.some((filter) => file === filter || file.startsWith(`${filter}/`)));
}

/** A path as typed, relative to the checkout: typed from the folder npm was called in, or from the top. */
function normalizeFilter(typed: string): string {
  const from = process.env["INIT_CWD"] ?? process.cwd();
  const absolute = [resolve(from, typed), resolve(root, typed)].find((path) => existsSync(path));
  return absolute === undefined ? typed : relative(root, absolute);
}

async function main(args: readonly string[]): Promise<number> {
  const verbose = args.includes("--verbose");
  const options = args.filter((arg) => arg.startsWith("-") && arg !== "--verbose");
  const filters = args.filter((arg) => !arg.startsWith("-")).map(normalizeFilter);
  const files = selectTestFiles(filters);
  if (files.length === 0) {
    console.error(`test: no test file under ${filters.join(", ")}`);
    return 1;
  }
  const outcome = await run(
    process.execPath,
    [
      "--test",
      "--conditions=source",
      `--test-reporter=${resolve(root, "scripts/lib/test-reporter.ts")}`,
      "--test-reporter-destination=stdout",
      "--test-concurrency=2",
      `--test-timeout=${fileTimeoutMs}`,
      ...options,
      ...files,
    ],
    { show: true, env: { ...toolEnvironment(), QUORATE_TEST_VERBOSE: verbose ? "1" : "" } },
  );
  return outcome.code;
}

process.exitCode = await main(process.argv.slice(2));
