/**
 * Mutants as data: `mutants/<id>.json` names a file, the text to find in it, exactly once, and what to put there. The
 * runner copies the sources of the packages, replaces, and runs the simulator of the copy in a process of its own.
 */
import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** One planted mistake. */
interface Mutant {
  readonly id: string;
  /** Relative to the repository's root. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** What rule it breaks, and why that loses data. */
  readonly why: string;
}

/** What became of a mutant. */
export type MutantResult =
  | {
      readonly kind: "killed";
      readonly id: string;
      readonly seed: number;
      readonly seedCount: number;
      readonly message: string;
      readonly wallSeconds: number;
    }
  | {
      readonly kind: "survived";
      readonly id: string;
      readonly seedCount: number;
      readonly wallSeconds: number;
    };

interface SimulatorSummary {
  readonly seedCount: number;
  readonly failures: readonly { readonly seed: number; readonly message: string }[];
}

const root = fileURLToPath(new URL("../../..", import.meta.url));
const mutantsFolder = fileURLToPath(new URL("../mutants", import.meta.url));
const packageNames = ["base", "raft", "wal", "kv", "etcd", "sim"] as const;

/** All mutants, in the order of their ids. */
export function readMutants(): readonly Mutant[] {
  return readdirSync(mutantsFolder)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => {
      const fields: unknown = JSON.parse(readFileSync(join(mutantsFolder, name), "utf8"));
      return toMutant(name.slice(0, -".json".length), fields);
    });
}

/** The mutated text. Throws when the place to change is gone or no longer the only one. */
export function mutate(mutant: Mutant, source: string): string {
  const places = source.split(mutant.find).length - 1;
  if (places !== 1) {
    throw new Error(
      `mutant ${mutant.id}: its text stands ${places} times in ${mutant.file}, not once; adapt the mutant`,
    );
  }
  return source.replace(mutant.find, () => mutant.replace);
}

/** The text of the file that a mutant changes. */
export function readTarget(mutant: Mutant): string {
  return readFileSync(join(root, mutant.file), "utf8");
}

/** Runs seeds from 1 on against the mutated copy until one breaks a promise. */
export async function runMutant(mutant: Mutant, seedCount: number): Promise<MutantResult> {
  const mutated = mutate(mutant, readTarget(mutant));
  return inCopy(async (copy) => {
    writeFileSync(join(copy, mutant.file), mutated);
    return simulateCopy(mutant.id, copy, seedCount);
  });
}

/** Runs seeds against a copy without any change: what kills mutants must not kill the original. */
export async function runControl(seedCount: number): Promise<MutantResult> {
  return inCopy((copy) => simulateCopy("control", copy, seedCount));
}

async function inCopy(work: (copy: string) => Promise<MutantResult>): Promise<MutantResult> {
  const copy = mkdtempSync(join(tmpdir(), "quorate-mutant-"));
  try {
    copyPackages(copy);
    return await work(copy);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

function copyPackages(copy: string): void {
  mkdirSync(join(copy, "node_modules/@quorate"), { recursive: true });
  for (const name of packageNames) {
    const from = join(root, "packages", name);
    const to = join(copy, "packages", name);
    for (const part of ["src", "cli", "package.json"]) {
      if (existsSync(join(from, part))) {
        cpSync(join(from, part), join(to, part), { recursive: true });
      }
    }
    symlinkSync(to, join(copy, "node_modules/@quorate", name));
  }
}

async function simulateCopy(id: string, copy: string, seedCount: number): Promise<MutantResult> {
  const started = performance.now();
  const args = ["--conditions=source", "packages/sim/cli/sim.ts", "--json", "--seeds", String(seedCount)];
  const { output, errors } = await run(process.execPath, args, copy);
  const wallSeconds = (performance.now() - started) / 1000;
  const summary = toSummary(id, output, errors);
  const failure = summary.failures[0];
  return failure === undefined
    ? { kind: "survived", id, seedCount: summary.seedCount, wallSeconds }
    : {
        kind: "killed",
        id,
        seed: failure.seed,
        seedCount: summary.seedCount,
        message: failure.message,
        wallSeconds,
      };
}

function run(
  command: string,
  args: readonly string[],
  cwd: string,
): Promise<{ output: string; errors: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let errors = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors += text;
    });
    child.on("error", reject);
    child.on("close", () => resolve({ output, errors }));
  });
}

function toSummary(id: string, output: string, errors: string): SimulatorSummary {
  const line = output.trim().split("\n").at(-1) ?? "";
  if (!line.startsWith("{")) {
    // A copy that does not even run is no verdict on the checkers.
    throw new Error(`mutant ${id}: the simulator did not run to its end:\n${output}\n${errors}`);
  }
  return JSON.parse(line) as SimulatorSummary;
}

function toMutant(id: string, fields: unknown): Mutant {
  const text = (name: string): string => {
    const value = typeof fields === "object" && fields !== null ? Reflect.get(fields, name) : undefined;
    if (typeof value !== "string" || value === "") {
      throw new Error(`mutants/${id}.json: '${name}' is missing`);
    }
    return value;
  };
  return { id, file: text("file"), find: text("find"), replace: text("replace"), why: text("why") };
}
