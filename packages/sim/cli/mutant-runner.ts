/** Plants one mutant into a copy of the packages and lets its judge look, in a process of its own. */
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type Judge, type Mutant, mutate, readSource } from "./mutant.ts";
import { roomyHeap } from "./seed-pool.ts";

/** What became of a mutant, or of a copy without one. */
export interface Verdict {
  readonly id: string;
  /** Where it died, or what it survived, for people: `seed 12`, `18 steps`, `2000 seeds`. */
  readonly at: string;
  /** What spoke up; null when nothing did. */
  readonly message: string | null;
  /** Processor time of the judge. */
  readonly cpuSeconds: number;
}

const root = fileURLToPath(new URL("../../..", import.meta.url));
const packageNames = ["base", "raft", "wal", "kv", "etcd", "sim"] as const;
/** What the packages and their tests import from elsewhere. */
const dependencies = ["@bufbuild", "fast-check", "jose", "pure-rand"] as const;

/** Lets the mutant's judge look at a mutated copy: until a promise is broken, or all seeds, or all worlds within its bounds. */
export async function runMutant(mutant: Mutant, seedCount: number): Promise<Verdict> {
  const texts = mutate(mutant, readSource);
  return inCopy(mutant.judge, async (copy) => {
    for (const [file, text] of texts) {
      writeFileSync(join(copy, file), text);
    }
    return judge(mutant.id, mutant.judge, copy, seedCount);
  });
}

/** The same judge over a copy without any change: what kills mutants must not kill the original. */
export async function runControl(by: Judge, seedCount: number): Promise<Verdict> {
  return inCopy(by, (copy) => judge("control", by, copy, seedCount));
}

async function inCopy(by: Judge, work: (copy: string) => Promise<Verdict>): Promise<Verdict> {
  const copy = mkdtempSync(join(tmpdir(), "quorate-mutant-"));
  try {
    copyPackages(copy, by.kind === "test" ? by.file : null);
    return await work(copy);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

/** The sources of all packages that are simulated, for a `test` with all tests, and those of the package that it belongs to. */
function copyPackages(copy: string, test: string | null): void {
  mkdirSync(join(copy, "node_modules/@quorate"), { recursive: true });
  for (const name of dependencies) {
    link(join(root, "node_modules", name), join(copy, "node_modules", name));
  }
  const names = new Set<string>(packageNames);
  if (test !== null) {
    names.add(test.split("/")[1] ?? "");
  }
  for (const name of names) {
    const from = join(root, "packages", name);
    const to = join(copy, "packages", name);
    for (const part of ["src", "cli", "package.json", ...(test === null ? [] : ["test"])]) {
      if (existsSync(join(from, part))) {
        cpSync(join(from, part), join(to, part), { recursive: true });
      }
    }
    link(to, join(copy, "node_modules/@quorate", name));
  }
}

function link(target: string, path: string): void {
  if (existsSync(target)) {
    symlinkSync(target, path);
  }
}

async function judge(id: string, by: Judge, copy: string, seedCount: number): Promise<Verdict> {
  switch (by.kind) {
    case "seeds":
      return readVerdict(
        id,
        await run(copy, [
          ...roomyHeap,
          "packages/sim/cli/mutant-seeds.ts",
          `${seedCount}`,
          JSON.stringify(by.plan),
        ]),
      );
    case "explorer":
      return readExploration(
        id,
        await run(copy, ["packages/sim/cli/explore.ts", "--json", ...by.bounds.split(" ")]),
      );
    case "test":
      return readTestRun(id, by.file, await run(copy, ["--test", "--test-reporter=tap", by.file]));
  }
}

interface Run {
  readonly output: string;
  readonly errors: string;
  readonly seconds: number;
}

function readVerdict(id: string, run: Run): Verdict {
  return { id, ...(JSON.parse(lastLine(id, run)) as Omit<Verdict, "id">) };
}

function readExploration(id: string, run: Run): Verdict {
  const report = JSON.parse(lastLine(id, run)) as {
    readonly worldCount: number;
    readonly violation: string | null;
    readonly way: readonly string[];
  };
  const at = report.violation === null ? `${report.worldCount} worlds` : `${report.way.length} steps`;
  return { id, at, message: report.violation, cpuSeconds: run.seconds };
}

function readTestRun(id: string, file: string, { errors, output, seconds }: Run): Verdict {
  const passed = /^# pass (\d+)$/m.exec(output)?.[1];
  if (passed === undefined) {
    throw new Error(`mutant ${id}: ${file} did not run to its end:\n${output}\n${errors}`);
  }
  const failed = /^\s*not ok \d+ - (.*)$/m.exec(output)?.[1] ?? null;
  return { id, at: dirname(file).split("/").slice(0, 2).join("/"), message: failed, cpuSeconds: seconds };
}

function lastLine(id: string, { errors, output }: Run): string {
  const line = output.trim().split("\n").at(-1) ?? "";
  if (!line.startsWith("{")) {
    // A copy that does not even run is no verdict on the checkers.
    throw new Error(`mutant ${id}: its judge did not run to its end:\n${output}\n${errors}`);
  }
  return line;
}

function run(cwd: string, args: readonly string[]): Promise<Run> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--conditions=source", ...args], {
      cwd,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    let errors = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors += text;
    });
    child.on("error", reject);
    child.on("close", () => resolve({ output, errors, seconds: (performance.now() - started) / 1000 }));
  });
}
