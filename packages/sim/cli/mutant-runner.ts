/**
 * Mutants as data: `mutants/<id>.json` names a file, the text to find in it, exactly once, and what to put there. The
 * runner copies the sources of the packages, replaces, and runs a judge of the copy in a process of its own: seeds of the
 * simulator, or the explorer within bounds that are named beside.
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
  /** The bounds as `npm run explore` takes them, where the explorer judges; null where seeds do. */
  readonly bounds: string | null;
  /** Nothing here notices it yet: planted only on request. */
  readonly isOpen: boolean;
}

/** What became of a mutant. */
export type MutantResult =
  | {
      readonly kind: "killed";
      readonly id: string;
      /** By what, for people: `seed 12 of 12`, or the length of the explorer's way. */
      readonly by: string;
      readonly message: string;
      readonly wallSeconds: number;
    }
  | {
      readonly kind: "survived";
      readonly id: string;
      /** What it survived, for people. */
      readonly by: string;
      readonly wallSeconds: number;
    };

/** What a judge's last line of output says. */
interface Verdict {
  readonly by: string;
  readonly message: string | null;
}

const root = fileURLToPath(new URL("../../..", import.meta.url));
const mutantsFolder = fileURLToPath(new URL("../mutants", import.meta.url));
const packageNames = ["base", "raft", "wal", "kv", "etcd", "sim"] as const;

/** All mutants, in the order of their ids. */
export function readMutants(): readonly Mutant[] {
  const known = readFolder(mutantsFolder, false);
  const open = readFolder(join(mutantsFolder, "open"), true);
  return [...known, ...open].sort((left, right) => (left.id < right.id ? -1 : 1));
}

function readFolder(folder: string, isOpen: boolean): readonly Mutant[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => {
      const fields: unknown = JSON.parse(readFileSync(join(folder, name), "utf8"));
      return toMutant(name.slice(0, -".json".length), fields, isOpen);
    });
}

/** The mutated text. Throws when the place to change is gone or no longer the only one. */
export function mutate(mutant: Mutant, source: string): string {
  const places = source.split(mutant.find).length - 1;
  if (places !== 1) {
    throw new Error(
      `packages/sim/mutants/${mutant.id}.json is stale: its text stands ${places} times in ${mutant.file}, not once. ` +
        `Adapt "find" and "replace" to what ${mutant.file} says now. Its text is:\n${mutant.find}`,
    );
  }
  return source.replace(mutant.find, () => mutant.replace);
}

/** The text of the file that a mutant changes. */
export function readTarget(mutant: Mutant): string {
  return readFileSync(join(root, mutant.file), "utf8");
}

/** What is wrong with the mutants as they stand: one text for each that finds its place no more, or more than once. */
export function staleMutants(): readonly string[] {
  const problems: string[] = [];
  for (const mutant of readMutants()) {
    try {
      mutate(mutant, readTarget(mutant));
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  return problems;
}

/** Lets the mutant's judge look at a mutated copy: seeds from 1 on until one breaks a promise, or all worlds within its bounds. */
export async function runMutant(mutant: Mutant, seedCount: number): Promise<MutantResult> {
  const mutated = mutate(mutant, readTarget(mutant));
  return inCopy(async (copy) => {
    writeFileSync(join(copy, mutant.file), mutated);
    return mutant.bounds === null
      ? simulateCopy(mutant.id, copy, seedCount)
      : exploreCopy(mutant.id, copy, mutant.bounds);
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

function simulateCopy(id: string, copy: string, seedCount: number): Promise<MutantResult> {
  const args = ["packages/sim/cli/sim.ts", "--json", "--seeds", String(seedCount)];
  return judge(id, copy, args, (line) => {
    const summary = JSON.parse(line) as {
      readonly seedCount: number;
      readonly failures: readonly { readonly seed: number; readonly message: string }[];
    };
    const failure = summary.failures[0];
    return failure === undefined
      ? { by: `${summary.seedCount} seeds`, message: null }
      : { by: `seed ${failure.seed}`, message: failure.message };
  });
}

function exploreCopy(id: string, copy: string, bounds: string): Promise<MutantResult> {
  return judge(id, copy, ["packages/sim/cli/explore.ts", "--json", ...bounds.split(" ")], (line) => {
    const report = JSON.parse(line) as {
      readonly worldCount: number;
      readonly violation: string | null;
      readonly way: readonly string[];
    };
    return report.violation === null
      ? { by: `${report.worldCount} worlds`, message: null }
      : { by: `the explorer in ${report.way.length} steps`, message: report.violation };
  });
}

async function judge(
  id: string,
  copy: string,
  args: readonly string[],
  read: (line: string) => Verdict,
): Promise<MutantResult> {
  const started = performance.now();
  const { output, errors } = await run(process.execPath, ["--conditions=source", ...args], copy);
  const wallSeconds = (performance.now() - started) / 1000;
  const line = output.trim().split("\n").at(-1) ?? "";
  if (!line.startsWith("{")) {
    // A copy that does not even run is no verdict on the checkers.
    throw new Error(`mutant ${id}: its judge did not run to its end:\n${output}\n${errors}`);
  }
  const { by, message } = read(line);
  return message === null
    ? { kind: "survived", id, by, wallSeconds }
    : { kind: "killed", id, by, message, wallSeconds };
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

function toMutant(id: string, fields: unknown, isOpen: boolean): Mutant {
  const text = (name: string): string => {
    const value = typeof fields === "object" && fields !== null ? Reflect.get(fields, name) : undefined;
    if (typeof value !== "string" || value === "") {
      throw new Error(`mutants/${id}.json: '${name}' is missing`);
    }
    return value;
  };
  const judge = typeof fields === "object" && fields !== null ? Reflect.get(fields, "judge") : undefined;
  if (judge !== undefined && judge !== "explorer") {
    throw new Error(`mutants/${id}.json: 'judge' is "explorer", or absent`);
  }
  const bounds = judge === "explorer" ? text("plan") : null;
  return {
    id,
    file: text("file"),
    find: text("find"),
    replace: text("replace"),
    why: text("why"),
    bounds,
    isOpen,
  };
}
