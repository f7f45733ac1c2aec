/**
 * What `npm run tla` runs: small models of spec/Raft.tla are exhausted, random histories of the core must be behaviours of it, and
 * histories of a core with a planted mistake must not.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { TraceEvent } from "@quorate/raft";
import { decodeTraceEvent, encodeTraceEvent } from "@quorate/raft";
import { root, runTlc } from "./tlc.ts";
import { convertTrace, traceData } from "./trace-to-tla.ts";
import { type Fault, type History, runHistory } from "./world.ts";

const historyCount = 50;
const historySeedMax = 400;
const moveCount = 600;
const batchSize = 25;
const faultSeedMax = 800;

/** Small models that are exhausted. */
const models: readonly {
  readonly module: string;
  readonly config: string;
  readonly what: string;
  readonly breaks: string | null;
}[] = [
  { module: "MCRaft", config: "MCTwo.cfg", what: "two members, two terms, slow disks", breaks: null },
  { module: "MCRaft", config: "MCCrash.cfg", what: "two members, two terms, a crash", breaks: null },
  { module: "MCRaft", config: "MCTrial.cfg", what: "two rivals in trial elections", breaks: null },
  { module: "MCRaft", config: "MCChange.cfg", what: "two members, one is removed", breaks: null },
  {
    module: "Forgetful",
    config: "Forgetful.cfg",
    what: "requests for votes wait for the disk",
    breaks: null,
  },
  {
    module: "Forgetful",
    config: "ForgetfulEarly.cfg",
    what: "requests for votes that do not wait lose a committed entry",
    breaks: "LeaderCompleteness",
  },
];

const faults: readonly { readonly fault: Fault; readonly what: string }[] = [
  { fault: "second-vote", what: "a second vote in a term" },
  { fault: "commit-by-counting", what: "an entry of an earlier term committed by counting" },
  { fault: "early-ack", what: "an acknowledgement before the disk has written" },
  { fault: "early-request", what: "a request for votes before the disk has written" },
  { fault: "no-joint", what: "a change of several voters without a joint configuration" },
];

/** A trace and what to call it. */
interface Named {
  readonly name: string;
  readonly events: readonly TraceEvent[];
}

/** Why a trace is no behaviour of the specification. */
interface Refused {
  /** Place of the event that cannot be explained; the number of events when it was an invariant of the whole. */
  readonly place: number;
  readonly reason: string;
  readonly output: string;
}

let passed = 0;
let failed = 0;

function report(ok: boolean, what: string): void {
  passed += ok ? 1 : 0;
  failed += ok ? 0 : 1;
  console.log(`${ok ? "✔" : "✖"} ${what}`);
}

function checkModel({ module, config, what, breaks }: (typeof models)[number]): void {
  const output = runTlc(module, config);
  const states = /([\d,]+) distinct states found, 0 states left/.exec(output)?.[1];
  const broken = /Error: Invariant (\w+) is violated/.exec(output)?.[1] ?? null;
  const exhausted = states !== undefined && output.includes("No error has been found");
  const ok = breaks === null ? exhausted : broken === breaks;
  report(ok, `model: ${what} (${breaks === null ? `${states ?? "not all"} states` : `${broken} breaks`})`);
  if (!ok) console.log(output.slice(-4_000));
}

function runTraces(traces: readonly Named[], options: readonly string[]): string {
  const first = traces[0]?.events[0];
  if (first === undefined) throw new Error("tla: a trace without events");
  const runs = traces.map(({ events }) => convertTrace(events));
  const nodes = traces.flatMap(({ events }) => events.map(({ node }) => node));
  const data = traceData(runs, first.state.confState, Math.max(...nodes));
  return runTlc("TraceRaft", "TraceRaft.cfg", { "TraceData.tla": data }, options);
}

/** Those of `traces` that are no behaviours; each is then run alone to find the event. */
function refusedAmong(traces: readonly Named[]): Map<Named, Refused> {
  // Without a look for deadlocks, one refused run does not end the others.
  const output = runTraces(traces, ["-deadlock"]);
  const accepted = new Set([...output.matchAll(/<<"accepted", (\d+)>>/g)].map(([, run]) => Number(run)));
  const broken = !output.includes("No error has been found");
  const refused = traces.filter((_, i) => broken || !accepted.has(i + 1));
  const findings = refused.map((trace) => [trace, explain(trace)] as const);
  return new Map(findings.flatMap(([trace, finding]) => (finding === null ? [] : [[trace, finding]])));
}

function explain(trace: Named): Refused | null {
  const output = runTraces([trace], []);
  if (output.includes("No error has been found") && output.includes('<<"accepted", 1>>')) return null;
  const step = Number([...output.matchAll(/\/\\ step = (\d+)/g)].at(-1)?.[1] ?? "1");
  const { eventOf } = convertTrace(trace.events);
  const error = /Error: (Invariant \w+ is violated|Action property \w+ is violated)/.exec(output)?.[1];
  // After a broken invariant the event was taken; at a deadlock it could not be.
  const place = eventOf[step - (error === undefined ? 1 : 2)] ?? trace.events.length;
  const deadlock = output.includes("Deadlock reached") ? "no action of the specification explains it" : null;
  return { place, reason: error ?? deadlock ?? "TLC failed", output };
}

function tell(trace: Named, { place, reason, output }: Refused): void {
  const folder = join(root, ".cache", "tla-refused");
  mkdirSync(folder, { recursive: true });
  const stem = join(folder, trace.name.replaceAll(/[^a-z0-9]+/g, "-"));
  writeFileSync(`${stem}.ndjson`, trace.events.map((event) => `${encodeTraceEvent(event)}\n`).join(""));
  writeFileSync(`${stem}.txt`, output);
  const event = trace.events[place];
  console.log(`  event ${place + 1}: ${reason}`);
  if (event !== undefined) console.log(`  ${encodeTraceEvent(event).slice(0, 2_000)}`);
  console.log(`  trace and output of TLC: ${relative(root, stem)}.{ndjson,txt}`);
}

function checkTraces(traces: readonly Named[]): void {
  for (let start = 0; start < traces.length; start += batchSize) {
    const batch = traces.slice(start, start + batchSize);
    const refused = refusedAmong(batch);
    for (const trace of batch) {
      const finding = refused.get(trace);
      report(finding === undefined, `${trace.name} (${trace.events.length} events)`);
      if (finding !== undefined) tell(trace, finding);
    }
  }
}

/** The mistake must be refused where it shows, not before and not because of something else. */
function checkFault({ fault, what }: (typeof faults)[number]): void {
  const history = firstFaulty(fault);
  if (history === null) {
    report(false, `planted: ${what}: no history shows it`);
    return;
  }
  const refused = explain({ name: fault, events: history.events });
  const ok = refused !== null && refused.place === history.events.length - 1;
  report(ok, `planted: ${what}: ${refused === null ? "accepted" : `refused, ${refused.reason}`}`);
  if (!ok && refused !== null) tell({ name: `planted-${fault}`, events: history.events }, refused);
}

function firstFaulty(fault: Fault): History | null {
  for (let seed = 1; seed <= faultSeedMax; seed++) {
    const history = runHistory(seed, moveCount, fault);
    if (history.faulty) return history;
  }
  return null;
}

/** Histories in which members crash, links are cut and the configuration changes. */
function fullHistories(): Named[] {
  const named: Named[] = [];
  for (let seed = 1; seed <= historySeedMax && named.length < historyCount; seed++) {
    const { events, crashCount, cutCount, confChangeCount } = runHistory(seed, moveCount);
    if (crashCount > 0 && cutCount > 0 && confChangeCount > 0)
      named.push({ name: `history ${seed}`, events });
  }
  if (named.length < historyCount) throw new Error("tla: too few histories are full of events");
  return named;
}

function readTrace(path: string): Named {
  const lines = readFileSync(path, "utf8").split("\n");
  return { name: path, events: lines.filter((line) => line !== "").map(decodeTraceEvent) };
}

function main(paths: readonly string[]): number {
  if (paths.length > 0) {
    // Traces may begin with different configurations, so each is a batch of its own.
    for (const path of paths) checkTraces([readTrace(path)]);
  } else {
    for (const model of models) checkModel(model);
    checkTraces(fullHistories());
    for (const fault of faults) checkFault(fault);
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
