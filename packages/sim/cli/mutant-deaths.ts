/**
 * Where each mutant died when all were last run (`mutants/record/deaths.json`), the table of it in docs/simulator.md, and the
 * sample that a commit's hash chooses.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { compareIds, type Judge, type Mutant } from "./mutant.ts";
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

/** How an unchanged copy fared under a judge: it lived. */
interface Control {
  readonly at: string;
  readonly cpuSeconds: number;
}

/** By judge, as {@link judgeName} calls it. */
type Controls = Readonly<Record<string, Control>>;

const controlsFile = fileURLToPath(new URL("../mutants/record/controls.json", import.meta.url));
const deathsFile = fileURLToPath(new URL("../mutants/record/deaths.json", import.meta.url));
const docsFile = fileURLToPath(new URL("../../../docs/simulator.md", import.meta.url));

/** What was recorded. */
export function readDeaths(): Deaths {
  return JSON.parse(readFileSync(deathsFile, "utf8")) as Deaths;
}

/** The unchanged copies that were recorded. */
export function readControls(): Controls {
  return JSON.parse(readFileSync(controlsFile, "utf8")) as Controls;
}

/** What a judge is called in the record: mutants that are judged alike share one unchanged copy. */
export function judgeName(judge: Judge, mutants: readonly Mutant[]): string {
  switch (judge.kind) {
    case "test":
      return judge.file;
    case "explorer":
      return `explorer ${judge.bounds}`;
    case "seeds": {
      const key = JSON.stringify(judge);
      const alike = mutants.filter((mutant) => JSON.stringify(mutant.judge) === key);
      return judge.plan === null ? "seeds" : `seeds of ${alike.map(({ id }) => id).join(", ")}`;
    }
  }
}

/** Seeds that an unchanged copy must get through: all in which a mutant of the same judge died, and at least `least`. */
export function controlSeedCount(
  judge: Judge,
  mutants: readonly Mutant[],
  deaths: Deaths,
  least: number,
): number {
  const key = JSON.stringify(judge);
  return mutants
    .filter((mutant) => JSON.stringify(mutant.judge) === key)
    .reduce((most, { id }) => Math.max(most, seedOf(deaths[id])), least);
}

function seedOf(death: Death | undefined): number {
  return Number(/^seed (\d+)$/.exec(death?.at ?? "")?.[1] ?? 0);
}

/** The record of unchanged copies with this one in it; what is no judge any more goes. */
export function withControl(
  controls: Controls,
  mutants: readonly Mutant[],
  { at, cpuSeconds, id, message }: Verdict,
): Controls {
  const entries = new Map(Object.entries(controls));
  if (message === null) {
    entries.set(id, { at, cpuSeconds: Math.ceil(cpuSeconds) });
  } else {
    entries.delete(id);
  }
  const names = new Set(mutants.map(({ judge }) => judgeName(judge, mutants)));
  const kept = [...entries].filter(([name]) => names.has(name));
  return Object.fromEntries(kept.sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** Writes the record of unchanged copies, and what the docs say of it. */
export function writeControls(controls: Controls, mutants: readonly Mutant[]): void {
  writeFileSync(controlsFile, `${JSON.stringify(controls, null, 2)}\n`);
  writeDeaths(readDeaths(), mutants);
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
    ...controlLines(readControls()),
  );
  lines.push(...section(mutants, "equal", "No behaviour can tell these from the original:", "proof"));
  lines.push(...section(mutants, "open", "Nothing in here notices these yet:", "why"));
  return lines.join("\n");
}

function controlLines(controls: Controls): readonly string[] {
  const all = Object.values(controls);
  if (all.length === 0) {
    return [];
  }
  const seeds = all.reduce((sum, { at }) => sum + Number(/^(\d+) seeds$/.exec(at)?.[1] ?? 0), 0);
  return [
    "",
    `Unchanged copies lived under ${all.length} judges: in ${seeds} seeds, those among them in which mutants die, and in each test and exploration.`,
  ];
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

/** A copy, a process and its start, in seconds of processor time. */
const copySeconds = 2;
/** Of an unchanged copy that is not on record: most take less. */
const controlSecondsDefault = 15;

/**
 * Recorded mutants in the order that `hash` draws, as many as fit into so much processor time, at least one. The unchanged copy of a
 * judge is paid by the first of its mutants.
 */
export function sampleOf(
  mutants: readonly Mutant[],
  { controls, deaths }: { readonly deaths: Deaths; readonly controls: Controls },
  hash: string,
  cpuSecondsMax: number,
): readonly Mutant[] {
  const drawn = mutants
    .filter(({ id, state }) => state === "known" && deaths[id] !== undefined)
    .map((mutant) => ({ mutant, place: placeOf(`${hash}/${mutant.id}`) }))
    .sort((left, right) => left.place - right.place || compareIds(left.mutant.id, right.mutant.id));
  const sample: Mutant[] = [];
  const judges = new Set<string>();
  let seconds = 0;
  for (const { mutant } of drawn) {
    const name = judgeName(mutant.judge, mutants);
    const ofJudge = judges.has(name)
      ? 0
      : (controls[name]?.cpuSeconds ?? controlSecondsDefault) + copySeconds;
    const needed = (deaths[mutant.id]?.cpuSeconds ?? 0) + copySeconds + ofJudge;
    if (sample.length === 0 || seconds + needed <= cpuSecondsMax) {
      sample.push(mutant);
      judges.add(name);
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
