/**
 * Where each mutant died when all were last run (`mutants/record/deaths.json`), the table of it in docs/simulator.md, and the
 * sample that a commit's hash chooses.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { compareIds, type Mutant } from "./mutant.ts";
import type { Verdict } from "./mutant-runner.ts";

/** The end of one mutant. */
interface Death {
  readonly at: string;
  /** The checker that spoke up first; `invariant` for an assertion of the production code. */
  readonly by: string;
  readonly cpuSeconds: number;
}

/** By mutant. */
export type Deaths = Readonly<Record<string, Death>>;

const deathsFile = fileURLToPath(new URL("../mutants/record/deaths.json", import.meta.url));
const docsFile = fileURLToPath(new URL("../../../docs/simulator.md", import.meta.url));

/** What was recorded. */
export function readDeaths(): Deaths {
  return JSON.parse(readFileSync(deathsFile, "utf8")) as Deaths;
}

/** The record with these verdicts in it; what is no mutant any more goes. */
export function recorded(deaths: Deaths, mutants: readonly Mutant[], verdicts: readonly Verdict[]): Deaths {
  const entries = new Map(Object.entries(deaths));
  for (const { at, cpuSeconds, id, message } of verdicts) {
    if (message === null) {
      entries.delete(id);
    } else {
      entries.set(id, { at, by: checkerOf(message), cpuSeconds: Math.ceil(cpuSeconds) });
    }
  }
  const ids = new Set(mutants.map(({ id }) => id));
  const kept = [...entries].filter(([id]) => ids.has(id)).sort(([left], [right]) => compareIds(left, right));
  return Object.fromEntries(kept);
}

/** Violations begin with the name of their checker; the name of a failed test speaks for itself. */
function checkerOf(message: string): string {
  return /^([a-z-]+): /.exec(message)?.[1] ?? message;
}

/** Writes the record, and the table into the docs. */
export function writeDeaths(deaths: Deaths, mutants: readonly Mutant[]): void {
  writeFileSync(deathsFile, `${JSON.stringify(deaths, null, 2)}\n`);
  writeFileSync(docsFile, withTable(readFileSync(docsFile, "utf8"), mutantTable(mutants, deaths)));
}

/** Whether docs/simulator.md has the table that the record makes. */
export function isTableCurrent(mutants: readonly Mutant[]): boolean {
  const text = readFileSync(docsFile, "utf8");
  return withTable(text, mutantTable(mutants, readDeaths())) === text;
}

const begin = "<!-- mutants -->";
const end = "<!-- /mutants -->";

function withTable(text: string, table: string): string {
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) {
    throw new Error(`docs/simulator.md: ${begin} and ${end} are not there`);
  }
  return `${text.slice(0, from)}${begin}\n${table}\n${text.slice(to)}`;
}

/** The table for people. */
function mutantTable(mutants: readonly Mutant[], deaths: Deaths): string {
  const known = mutants.filter(({ state }) => state === "known");
  const lines = ["| mutant | mistake | dies at | by |", "| --- | --- | --- | --- |"];
  for (const mutant of known) {
    const death = deaths[mutant.id];
    const at = death === undefined ? "not run yet" : `${death.at}${conditionOf(mutant)}`;
    lines.push(`| ${mutant.id} | ${mutant.why} | ${at} | ${death === undefined ? "" : `\`${death.by}\``} |`);
  }
  lines.push(
    "",
    `${known.length} mutants. Seeds count from 1; \\* of worlds that have what the mistake needs (\`seedPlan\` in the mutant's file). ` +
      "`invariant` means that an assertion of the production code spoke first.",
  );
  lines.push(...section(mutants, "equal", "No behaviour can tell these from the original:", "proof"));
  lines.push(...section(mutants, "open", "Nothing in here notices these yet:", "why"));
  return lines.join("\n");
}

function conditionOf({ judge }: Mutant): string {
  switch (judge.kind) {
    case "seeds":
      return judge.plan === null ? "" : "\\*";
    case "explorer":
      return " of the explorer";
    case "test":
      return " (its tests)";
  }
}

function section(
  mutants: readonly Mutant[],
  state: Mutant["state"],
  title: string,
  last: "proof" | "why",
): readonly string[] {
  const chosen = mutants.filter((mutant) => mutant.state === state);
  if (chosen.length === 0) {
    return [];
  }
  const rows = chosen.map((mutant) =>
    last === "proof"
      ? `| ${mutant.id} | ${mutant.why} | ${mutant.proof} |`
      : `| ${mutant.id} | ${mutant.why} |`,
  );
  const head =
    last === "proof"
      ? ["| mutant | mistake | why not |", "| --- | --- | --- |"]
      : ["| mutant | mistake |", "| --- | --- |"];
  return ["", title, "", ...head, ...rows];
}

/** Recorded mutants in the order that `hash` draws, as many as fit into so much processor time, at least one. */
export function sampleOf(
  mutants: readonly Mutant[],
  deaths: Deaths,
  hash: string,
  cpuSecondsMax: number,
): readonly Mutant[] {
  const drawn = mutants
    .filter(({ id, state }) => state === "known" && deaths[id] !== undefined)
    .map((mutant) => ({ mutant, place: placeOf(`${hash}/${mutant.id}`) }))
    .sort((left, right) => left.place - right.place || compareIds(left.mutant.id, right.mutant.id));
  const sample: Mutant[] = [];
  let seconds = 0;
  for (const { mutant } of drawn) {
    const needed = deaths[mutant.id]?.cpuSeconds ?? 0;
    if (sample.length === 0 || seconds + needed <= cpuSecondsMax) {
      sample.push(mutant);
      seconds += needed;
    }
  }
  return sample;
}

/** FNV-1a, with a finish that spreads near inputs. */
function placeOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
