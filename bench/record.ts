/**
 * What was measured, kept in bench/results: one file for each part, one row for each thing that was measured. A run that measures some
 * rows replaces those and leaves the others; each row says when, at which commit and on how busy a machine it was taken. From
 * these files scripts/performance.ts makes the tables and the charts of docs/performance.md.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";

/** The folder of the results. */
export const resultsFolder: string = join(import.meta.dirname, "results");

const formatVersion = 1;

/** One system in one row. Figures that were not taken are missing. */
export interface Side {
  readonly system: string;
  /** In the unit of the row, one for each round, in the order they were taken. */
  readonly rounds: readonly number[];
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  /** CPU of one operation, medians of the rounds. */
  readonly leaderCpuUs?: number;
  readonly followerCpuUs?: number;
  /** The share of the main thread in `leaderCpuUs`, where the process has several. */
  readonly mainThreadUs?: number;
  /** CPU of the load generator, which shares the machine. */
  readonly generatorCpuUs?: number;
  /** Resident at the end. */
  readonly leaderRssBytes?: number;
  readonly followerRssBytes?: number;
}

/** One thing that was measured, on one system or on two in turn. */
export interface Row {
  /** Unique within its part. */
  readonly id: string;
  readonly what: string;
  readonly unit: string;
  readonly better: "more" | "less";
  /** Ours first. */
  readonly sides: readonly Side[];
}

/** A row as it is kept. */
export interface KeptRow extends Row {
  readonly takenAt: string;
  readonly commit: string;
  /** Processes that wanted to run in the minute before, on average: the measurement itself included. */
  readonly machineLoad: number;
}

/** One file. */
export interface Results {
  readonly format: number;
  readonly part: string;
  readonly machine: string;
  readonly node: string;
  readonly rows: readonly KeptRow[];
}

/** The results of `part`; null when it was never measured. @throws Error for a file of another format. */
export function readResults(part: string): Results | null {
  const path = join(resultsFolder, `${part}.json`);
  if (!existsSync(path)) {
    return null;
  }
  const results = JSON.parse(readFileSync(path, "utf8")) as Results;
  if (results.format !== formatVersion || results.part !== part) {
    throw new Error(`${path} is not of format ${formatVersion}: remove it and measure again`);
  }
  return results;
}

/** Keeps rows; those of the same id are replaced, and with `others: "drop"` all that were there. */
export function keepRows(part: string, rows: readonly Row[], others: "keep" | "drop" = "keep"): void {
  const taken = {
    takenAt: new Date().toISOString().slice(0, 16),
    commit: commitName(),
    machineLoad: Number((loadavg()[0] ?? 0).toFixed(1)),
  };
  const fresh = rows.map((row): KeptRow => ({ ...row, sides: row.sides.map(rounded), ...taken }));
  const ids = new Set(rows.map(({ id }) => id));
  const kept = others === "drop" ? [] : (readResults(part)?.rows ?? []).filter(({ id }) => !ids.has(id));
  const results: Results = {
    format: formatVersion,
    part,
    machine: machineName(),
    node: process.version,
    rows: [...kept, ...fresh],
  };
  mkdirSync(resultsFolder, { recursive: true });
  writeFileSync(join(resultsFolder, `${part}.json`), `${JSON.stringify(results, null, 2)}\n`);
}

/** Four digits are more than a measurement means. */
function rounded(side: Side): Side {
  const short = (value: number): number => Number(value.toPrecision(5));
  return {
    system: side.system,
    rounds: side.rounds.map(short),
    ...Object.fromEntries(
      Object.entries(side)
        .filter((entry): entry is [string, number] => typeof entry[1] === "number")
        .map(([name, value]) => [name, short(value)]),
    ),
  };
}

function machineName(): string {
  const [first] = cpus();
  return `${cpus().length} × ${first?.model.trim() ?? "unknown"}, ${Math.round(totalmem() / 2 ** 30)} GiB`;
}

function commitName(): string {
  const git = (...args: string[]): string =>
    execFileSync("git", args, { cwd: import.meta.dirname, encoding: "utf8" }).trim();
  try {
    const isDirty = git("status", "--porcelain", "--untracked-files=no", "--", "../packages") !== "";
    return `${git("rev-parse", "--short", "HEAD")}${isDirty ? ", changed" : ""}`;
  } catch {
    return "unknown"; // Not a checkout: the figures are as good.
  }
}
