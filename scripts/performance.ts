/**
 * docs/performance.md: its tables and charts out of bench/results, so that nobody copies figures by hand. The text between the markers
 * is made, the rest is written. `npm run bench` ends with it.
 *
 *     node scripts/performance.ts           writes the tables and the charts
 *     node scripts/performance.ts --check   changes nothing; fails when they are not those of bench/results
 */
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { costChart, type RatioBar, ratioChart } from "../bench/chart.ts";
import { type KeptRow, type Results, readResults, resultsFolder, type Side } from "../bench/record.ts";
import { median } from "../bench/statistics.ts";
import { type Goal, goals, type RowOf, timesBetter } from "./lib/performance-goals.ts";
import { root } from "./lib/root.ts";

const documentPath = "docs/performance.md";

/** Parts that compare two systems, in the order of the document. */
const comparedParts = ["etcd-benchmark", "h2load", "streams", "failover", "restart", "library", "core"];
const ownParts = ["growth", "snapshot", "memory"];

interface Made {
  readonly path: string;
  readonly text: string;
}

/** Writes the document and the charts. */
export function writePerformance(): void {
  for (const { path, text } of make()) {
    writeFileSync(join(root, path), text);
  }
}

function make(): Made[] {
  const results = new Map<string, Results>();
  for (const path of globSync("*.json", { cwd: resultsFolder })) {
    const part = basename(path, ".json");
    const read = readResults(part);
    if (read !== null) {
      results.set(part, read);
    }
  }
  const document = readFileSync(join(root, documentPath), "utf8");
  const sections: Readonly<Record<string, string>> = {
    goals: goalTable(results),
    machine: machineLine(results),
    compared: comparedTable(comparedParts.flatMap((part) => results.get(part)?.rows ?? [])),
    profile: profileTable(results.get("profile")?.rows ?? []),
    workers: workersTable(results.get("workers")?.rows ?? []),
    own: ownTable(ownParts.flatMap((part) => results.get(part)?.rows ?? [])),
  };
  return [
    { path: documentPath, text: fill(document, sections) },
    { path: "bench/results/ratio.svg", text: ratioSvg(results) },
    { path: "bench/results/cpu.svg", text: cpuSvg(results) },
  ];
}

/** Puts each text between its markers. @throws Error for a marker that is missing or has no text. */
export function fill(document: string, sections: Readonly<Record<string, string>>): string {
  let filled = document;
  for (const [name, text] of Object.entries(sections)) {
    const [begin, end] = [`<!-- bench: ${name} -->`, `<!-- /bench: ${name} -->`];
    const [from, to] = [filled.indexOf(begin), filled.indexOf(end)];
    if (from === -1 || to < from) {
      throw new Error(`${documentPath} lacks ${begin} or ${end}`);
    }
    filled = `${filled.slice(0, from + begin.length)}\n${text}\n${filled.slice(to)}`;
  }
  return filled;
}

function rowsOf(results: ReadonlyMap<string, Results>, part: string): RowOf {
  return (id) => results.get(part)?.rows.find((row) => row.id === id) ?? null;
}

function goalTable(results: ReadonlyMap<string, Results>): string {
  const lines = goals.map((goal) => {
    const { part, row: id, what } = goal;
    const of = rowsOf(results, part);
    const row = of(id);
    const reached = row === null ? null : goal.reached(row, of);
    const verdict = reached === null ? "" : reached.isMet ? "yes" : "**no**";
    const figures =
      row === null || reached === null ? "not measured" : `${reached.text}${sideFigures(goal, row)}`;
    return `| ${what} | ${goal.goal} | ${figures} | ${verdict} | ${row?.commit ?? ""} |`;
  });
  return ["| | goal | reached | met | at commit |", "| --- | --- | --- | --- | --- |", ...lines].join("\n");
}

/** The rates behind a quotient. */
function sideFigures({ times }: Goal, { sides, unit }: KeptRow): string {
  return times === null
    ? ""
    : `: ${sides.map((side) => figure(median(side.rounds), unit)).join(" against ")}`;
}

function machineLine(results: ReadonlyMap<string, Results>): string {
  const machines = [
    ...new Set([...results.values()].map(({ machine, node }) => `${machine}, Node ${node.slice(1)}`)),
  ];
  return `Machine: ${machines.length === 0 ? "nothing measured" : machines.join("; ")}.`;
}

function comparedTable(rows: readonly KeptRow[]): string {
  const lines = rows.map((row) => {
    const [ours, theirs] = row.sides;
    const better = timesBetter(row);
    const quotient =
      better === null
        ? "–"
        : better[0] === better[2]
          ? better[1].toFixed(2)
          : better.map((one) => one.toFixed(2)).join(" / ");
    const name = theirs === undefined ? "" : ` (${theirs.system})`;
    return `| ${row.what}${name} | ${sideText(ours, row.unit)} | ${sideText(theirs, row.unit)} | ${quotient} | ${ours?.rounds.length ?? 0} | ${takenText(row)} |`;
  });
  return [
    "| load (against) | ours | theirs | times better: min / median / max | rounds | taken |",
    "| --- | --- | --- | --- | --- | --- |",
    ...lines,
  ].join("\n");
}

function ownTable(rows: readonly KeptRow[]): string {
  const lines = rows.flatMap((row) =>
    row.sides.map((side) => {
      const name = side.system === "quorate" ? "" : `, ${side.system}`;
      return `| ${row.what}${name} | ${sideText(side, row.unit)} | ${takenText(row)} |`;
    }),
  );
  return ["| | measured | taken |", "| --- | --- | --- |", ...lines].join("\n");
}

function profileTable(rows: readonly KeptRow[]): string {
  const lines = rows.map(({ sides, what }) => `| ${what} | ${(sides[0]?.rounds[0] ?? 0).toFixed(1)} % |`);
  const [first] = rows;
  const taken = first === undefined ? "not measured" : `taken ${first.takenAt} at ${first.commit}`;
  return [`| time in the function itself, ${taken} | |`, "| --- | --- |", ...lines].join("\n");
}

/** Connections in the main thread, then in a worker, and the second in parts of the first. */
function workersTable(rows: readonly KeptRow[]): string {
  const times = (after: number | undefined, before: number | undefined): string =>
    after === undefined || before === undefined ? "–" : (after / before).toFixed(2);
  const lines = rows.flatMap((row) => {
    const [main, worker] = row.sides;
    return main === undefined || worker === undefined
      ? []
      : [
          `| ${row.what} | ${sideText(main, "/s")} | ${sideText(worker, "/s")} | ${times(median(worker.rounds), median(main.rounds))} | ${times(worker.leaderCpuUs, main.leaderCpuUs)} | ${times(worker.mainThreadUs, main.mainThreadUs)} | ${takenText(row)} |`,
        ];
  });
  return [
    "| load | in the main thread | in a worker | rate, times | CPU of the process, times | of the main thread, times | taken |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...lines,
  ].join("\n");
}

/** When, at which commit, and beside how much other work. */
function takenText({ commit, machineLoad, takenAt }: KeptRow): string {
  return `${takenAt}, ${commit}, load ${machineLoad}`;
}

/** The figure, and what it cost. */
function sideText(side: Side | undefined, unit: string): string {
  if (side === undefined) {
    return "–";
  }
  const { followerCpuUs, followerRssBytes, generatorCpuUs, leaderCpuUs, leaderRssBytes } = side;
  const { mainThreadUs, p99Ms } = side;
  const cpu =
    leaderCpuUs === undefined
      ? []
      : [
          `CPU ${shortFigure(leaderCpuUs)}${followerCpuUs === undefined ? "" : ` + 2 × ${shortFigure(followerCpuUs)}`} µs`,
        ];
  const share = mainThreadUs === undefined ? [] : [`of it the main thread ${mainThreadUs.toFixed(1)} µs`];
  const generator = generatorCpuUs === undefined ? [] : [`generator ${shortFigure(generatorCpuUs)} µs`];
  const memory =
    leaderRssBytes === undefined
      ? []
      : [
          `${megabytes(leaderRssBytes)}${followerRssBytes === undefined ? "" : ` and ${megabytes(followerRssBytes)}`} MB`,
        ];
  const slowest = p99Ms === undefined ? [] : [`p99 ${p99Ms.toFixed(1)} ms`];
  return [figure(median(side.rounds), unit), ...slowest, ...cpu, ...share, ...generator, ...memory].join(
    ", ",
  );
}

/** Microseconds; an event to one of many watchers takes less than one. */
function shortFigure(us: number): string {
  return us < 0.1 ? us.toFixed(2) : us.toFixed(1);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

function figure(value: number, unit: string): string {
  const text = value >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)));
  return `${text} ${unit}`;
}

function ratioSvg(results: ReadonlyMap<string, Results>): string {
  const bars = goals.flatMap((goal): RatioBar[] => {
    const row = rowsOf(results, goal.part)(goal.row);
    const better = row === null || goal.times === null ? null : timesBetter(row);
    return better === null
      ? []
      : [
          {
            label: goal.what.replaceAll("`", ""),
            least: better[0],
            median: better[1],
            greatest: better[2],
            goal: goal.times,
          },
        ];
  });
  return ratioChart("Times the rate of etcd (the library: of hashicorp/raft)", bars);
}

function cpuSvg(results: ReadonlyMap<string, Results>): string {
  // With one client a put costs twenty times as much, mostly for waking up: beside it nothing else could be seen.
  const rows = ["etcd-benchmark", "h2load"]
    .flatMap((part) => results.get(part)?.rows ?? [])
    .filter(({ id }) => id !== "put 1/1");
  const groups = rows.flatMap(({ sides, what }) => {
    const measured = sides.map(({ followerCpuUs, leaderCpuUs, system }) => ({
      system,
      leader: leaderCpuUs ?? 0,
      followers: 2 * (followerCpuUs ?? 0),
    }));
    return measured.length < 2 ? [] : [{ label: what, sides: measured }];
  });
  return costChart("CPU of one operation on all three members", groups);
}

function main(args: readonly string[]): number {
  if (!args.includes("--check")) {
    writePerformance();
    return 0;
  }
  const stale = make().filter(
    ({ path, text }) => !existsSync(join(root, path)) || readFileSync(join(root, path), "utf8") !== text,
  );
  for (const { path } of stale) {
    console.log(`performance: ${path} is not what bench/results says: run node scripts/performance.ts`);
  }
  return stale.length === 0 ? 0 : 1;
}

if (import.meta.main) {
  process.exitCode = main(process.argv.slice(2));
}
