/**
 * docs/seeds.md: the checklist, and for each item the command, what it printed, and the test that holds it, out of what the tests
 * recorded (examples/support/record.ts). `npm run test:examples` ends with it.
 *
 *     node scripts/seeds.ts           writes the document
 *     node scripts/seeds.ts --check   changes nothing; fails when an item has no recording or the document names other items or tests
 */
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { root } from "./lib/root.ts";
import { type SeedSystem, seedSystems } from "./lib/seed-items.ts";

/** What one test recorded for one item. */
export interface Recording {
  readonly item: string;
  readonly command: string;
  readonly output: string;
  /** `path: name`. */
  readonly test: string;
}

const document = "docs/seeds.md";
const outputLinesMax = 14;
const outputColumnsMax = 130;

/** Takes out what differs from run to run: times, ports drawn for the test, its folders, process ids. */
export function withoutChance(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?/g, "TIME")
    .replaceAll(/\b\d\d:\d\d:\d\d\.\d+\b/g, "TIME")
    .replaceAll(/\b\d+(\.\d+)? ?(ms|writes\/s|puts\/s)(?![a-z])/g, "N $2")
    .replaceAll(/\b\d+\.\d+ ?s\b/g, "N s")
    .replaceAll(/((?:127\.0\.0\.1|localhost|\[::1\]|\bport):? ?)[1-6]\d{4}\b/g, "$1PORT")
    .replaceAll(/((?:--(?:http-)?port|-h)[ =])[1-6]\d{4}\b/g, "$1PORT")
    .replaceAll(/\/tmp\/[\w.-]+/g, "FOLDER")
    .replaceAll(/"(timeMs|uptimeMs|pid)":[\d.]+/g, '"$1":N')
    .replaceAll(/\bpid \d+/g, "pid N");
}

/** The head and the tail of a long output. */
export function shortened(text: string): string {
  const lines = text.trimEnd().split("\n");
  const narrow = lines.map((line) =>
    line.length > outputColumnsMax ? `${line.slice(0, outputColumnsMax - 1)}…` : line,
  );
  if (narrow.length <= outputLinesMax) {
    return narrow.join("\n");
  }
  const tail = Math.floor(outputLinesMax / 2) - 1;
  const head = outputLinesMax - tail - 1;
  const left = narrow.length - head - tail;
  return [...narrow.slice(0, head), `… ${left} more lines`, ...narrow.slice(-tail)].join("\n");
}

/** Everything recorded, in the order of the items, then of the tests. */
export function readRecordings(folder: string): Recording[] {
  return globSync("*.json", { cwd: folder })
    .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as Recording)
    .sort((left, right) => (orderOf(left) < orderOf(right) ? -1 : 1));
}

function orderOf({ item, test, command }: Recording): string {
  const [system = "", number = ""] = item.split(".");
  return [system, number.padStart(2, "0"), test, command].join("\n");
}

/** Items of `systems` that nothing was recorded for. */
export function itemsWithoutRecording(
  systems: readonly SeedSystem[],
  recordings: readonly Recording[],
): string[] {
  const recorded = new Set(recordings.map(({ item }) => item));
  return systems.flatMap(({ items }) => items.map(({ id }) => id)).filter((id) => !recorded.has(id));
}

/** Names of the tests of known mistakes, as they stand in a test file. */
export function mistakesOf(text: string): string[] {
  return [...text.matchAll(/^\s*test\(\s*"(S\d mistake: (?:[^"\\]|\\.)*)"/gm)].map((match) => match[1] ?? "");
}

/** The document. `readFile` gives the text of a file of the checkout, or null. */
export function renderSeeds(
  systems: readonly SeedSystem[],
  recordings: readonly Recording[],
  readFile: (path: string) => string | null,
): string {
  return [
    "# The four systems behind Quorate",
    "",
    "Four Raft projects asked for what Quorate is. Someone who knows one of them finds its commands here. Each item below was",
    "tried by a test on real processes, which recorded the command and what it printed; `npm run test:examples` tries it again",
    "and writes this file. What differs from run to run stands as `TIME`, `PORT`, `FOLDER` or `N`.",
    "",
    ...systems.flatMap((system) => [
      `## ${system.title}`,
      "",
      ...system.items.flatMap(({ id, what }) => [
        `### ${id} ${what}`,
        "",
        ...recordings.filter(({ item }) => item === id).flatMap(renderRecording),
      ]),
      ...renderMistakes(system, readFile),
    ]),
  ].join("\n");
}

function renderRecording({ command, output, test }: Recording): string[] {
  const path = test.split(": ")[0] ?? "";
  const name = test.slice(path.length + 2);
  const held = /\.ts$/.test(path) ? `[${name}](../${path})` : test;
  return [
    "```console",
    ...withoutChance(command)
      .trim()
      .split("\n")
      .map((line) => `$ ${line}`),
    shortened(withoutChance(output)),
    "```",
    "",
    `Held by: ${held}`,
    "",
  ];
}

function renderMistakes(
  { mistakes }: SeedSystem,
  readFile: (path: string) => string | null,
): readonly string[] {
  const lines = mistakes.flatMap((path) =>
    mistakesOf(readFile(path) ?? "").map(
      (name) => `- ${name.replace(/^S\d mistake: /, "")} ([test](../${path}))`,
    ),
  );
  return lines.length === 0
    ? []
    : ["Its known mistakes, each a test here that is named after it:", "", ...lines, ""];
}

/**
 * The document without its recordings: its items and the tests that hold them. Commands and output depend on who happened to lead.
 */
export function skeletonOf(text: string): string {
  let isInBlock = false;
  return text
    .split("\n")
    .filter((line) => {
      const isFence = line.startsWith("```");
      isInBlock = isFence ? line !== "```" : isInBlock;
      return !isFence && !isInBlock;
    })
    .join("\n");
}

function main(args: readonly string[]): number {
  const recordings = readRecordings(join(root, ".cache/seeds"));
  const missing = itemsWithoutRecording(seedSystems, recordings);
  const readFile = (path: string): string | null =>
    existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : null;
  const text = renderSeeds(seedSystems, recordings, readFile);
  const present = readFile(document);
  const isCurrent = present !== null && skeletonOf(present) === skeletonOf(text);
  for (const item of missing) {
    console.log(`seeds: ${item} has no recorded test`);
  }
  if (args.includes("--check")) {
    if (!isCurrent) {
      console.log(`seeds: ${document} names other items or tests: run npm run test:examples`);
    }
  } else if (!isCurrent) {
    writeFileSync(join(root, document), text);
    console.log(`seeds: wrote ${document}`);
  }
  console.log(`seeds: ${recordings.length} recordings, ${missing.length} items without one`);
  return missing.length === 0 && (isCurrent || !args.includes("--check")) ? 0 : 1;
}

if (import.meta.main) {
  process.exitCode = main(process.argv.slice(2));
}
