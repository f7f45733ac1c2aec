/** `npm run sim` as a user calls it: its output, its exit codes, its refusals. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { decodeTraceEvent, describeTraceEvent } from "@quorate/raft";
import { readOptions, UsageError } from "../../cli/sim-options.ts";

const sim = fileURLToPath(new URL("../../cli/sim.ts", import.meta.url));

interface Ran {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

function run(...args: readonly string[]): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--conditions=source", sim, ...args]);
    let output = "";
    let errors = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors += text;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output, errors }));
  });
}

function folder(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "sim-cli-"));
  context.after(() => rmSync(path, { recursive: true }));
  return path;
}

test("a short run: the sums, and exit code 0", async () => {
  const { code, output } = await run("--seeds", "3", "--profile", "short", "--verbose");
  assert.equal(code, 0, output);
  assert.match(output, /^seed 1: .* ok$/m);
  assert.match(
    output,
    /^3 seeds, [\d.]+ simulated hours in .* x real time per core, \d+ events\/s per core$/m,
  );
  assert.match(output, /^ {2}crash +\d+$/m);
  assert.match(output, /^violations: 0$/m);
});

test("how many threads run makes no difference to what is found, nor does a break in the middle", async (context) => {
  const progress = join(folder(context), "progress.json");
  const args = ["--profile", "short", "--json"];
  const [one, first] = await Promise.all([
    run("--seeds", "4", "--workers", "1", ...args),
    run("--seeds", "2", "--workers", "2", "--resume", progress, ...args),
  ]);
  assert.equal(first.code, 0, first.errors);
  const rest = await run("--seeds", "4", "--workers", "2", "--resume", progress, ...args);
  const sums = (ran: Ran): unknown => {
    const { cpuMs, wallSeconds, ...all } = JSON.parse(ran.output.trim().split("\n").at(-1) ?? "");
    assert.ok(cpuMs > 0 && wallSeconds > 0);
    return all;
  };
  assert.deepEqual(sums(rest), sums(one));
  const other = await run("--seeds", "4", "--from", "7", "--resume", progress, ...args);
  assert.equal(other.code, 2);
  assert.match(other.errors, /belongs to a run with --from 1 --profile short/);
});

test("one seed with its traces: the steps of the protocol are read by the reader of every other trace", async (context) => {
  const path = folder(context);
  const trace = join(path, "trace.ndjson");
  const events = join(path, "events.ndjson");
  const { code, errors } = await run(
    "--seed",
    "3",
    "--profile",
    "short",
    "--trace",
    trace,
    "--events",
    events,
  );
  assert.equal(code, 0, errors);
  const steps = readFileSync(trace, "utf8").trimEnd().split("\n").map(decodeTraceEvent);
  assert.ok(steps.length > 100);
  assert.ok(steps.every((step) => describeTraceEvent(step).length > 0));
  assert.ok(new Set(steps.map(({ kind }) => kind)).size > 5);
  const lines = readFileSync(events, "utf8").trimEnd().split("\n");
  const first: unknown = JSON.parse(lines[0] ?? "");
  assert.deepEqual(first, { at: 0, event: "start 1 life 1" });
});

test("what makes no sense is refused by name, with the help", async (context) => {
  const { code, errors } = await run("--seed", "x");
  assert.equal(code, 2);
  assert.match(errors, /--seed takes a natural number, not 'x'\n\nusage:/);
  const missing = await run("--schedule", join(folder(context), "none.json"));
  assert.equal(missing.code, 2);
  assert.match(missing.errors, /ENOENT/);
});

test("options that say nothing together", () => {
  const refused = (pattern: RegExp, ...args: readonly string[]): void => {
    assert.throws(
      () => readOptions(args),
      (error: unknown) => error instanceof UsageError && pattern.test(error.message),
    );
  };
  refused(/--trace needs one run/, "--trace", "f");
  refused(/--seeds is for many seeds/, "--seed", "1", "--seeds", "2");
  refused(/--seed or --schedule/, "--seed", "1", "--schedule", "f");
  refused(/--out is for --shrink/, "--seed", "1", "--out", "f");
  refused(/no profile 'loud'; there are default, storm, short/, "--profile", "loud");
  refused(/--workers takes at least 1/, "--workers", "0");
  refused(/--seeds takes at least 1/, "--seeds", "0");
  refused(/Unknown option '--sed'/, "--sed", "1");
  refused(/--profile is for seeds/, "--schedule", "f", "--profile", "storm");
  assert.equal(readOptions(["--help"]), null);
  assert.equal(readOptions([])?.count, 200);
});
