/**
 * From traces of the core to the data of spec/TraceRaft.tla. An event becomes one step for its input, one for each thing that the
 * member did of its own accord, and one for each message that it sent; the recorded state is expected before the messages.
 */
import type { ConfState, TraceEntry, TraceEvent, TraceMessage } from "@quorate/raft";

/** One trace in the form of the specification. */
interface TlaRun {
  readonly messages: readonly string[];
  readonly entries: readonly string[];
  readonly steps: readonly string[];
  /** For each step the place of its event. */
  readonly eventOf: readonly number[];
}

/** Numbers equal texts alike, from 1. */
class Table {
  readonly #places: Map<string, number> = new Map();

  place(text: string): number {
    const known = this.#places.get(text) ?? this.#places.size + 1;
    this.#places.set(text, known);
    return known;
  }

  get all(): string[] {
    return [...this.#places.keys()];
  }
}

/** What the steps of a member's next event depend on. */
interface Seen {
  readonly role: string;
  readonly term: number;
  readonly readCount: number;
  /** Messages that wait for the disk, taken into no batch yet. */
  readonly held: readonly number[];
}

class Converter {
  readonly #messages = new Table();
  readonly #entries = new Table();
  readonly #seen: Map<number, Seen> = new Map();
  readonly #steps: string[] = [];
  readonly #eventOf: number[] = [];

  convert(events: readonly TraceEvent[]): TlaRun {
    events.forEach((event, place) => {
      this.#event(event);
      while (this.#eventOf.length < this.#steps.length) this.#eventOf.push(place);
    });
    return {
      messages: this.#messages.all,
      entries: this.#entries.all,
      steps: this.#steps,
      eventOf: this.#eventOf,
    };
  }

  #event(event: TraceEvent): void {
    const before = this.#seen.get(event.node);
    const continues = before?.role === "leader" && before.term === event.state.term && event.kind !== "start";
    const actions = [this.#input(event, before === undefined)];
    // A new leader's no-op belongs to its election.
    for (const entry of (event.appended ?? []).slice(continues ? 0 : 1)) {
      actions.push({ op: "append", number: this.#entries.place(tlaEntry(entry)) });
    }
    const reads = continues ? event.state.readCount - before.readCount : event.state.readCount;
    for (let i = 0; i < reads; i++) actions.push({ op: "start-read" });
    const held = this.#held(event, before);
    actions.forEach((action, i) => {
      this.#step(event.node, action, i === actions.length - 1 ? tlaState(event, held) : "");
    });
    for (const message of event.sent ?? []) {
      const produced = message.type === "pre-vote" || message.type === "heartbeat-response";
      this.#step(event.node, { op: produced ? "sent" : "send", message: this.#message(message) }, "");
    }
    const { role, term, readCount } = event.state;
    this.#seen.set(event.node, { role, term, readCount, held });
  }

  #input(event: TraceEvent, first: boolean): Action {
    switch (event.kind) {
      case "start":
        return { op: first ? "none" : "restart" };
      case "receive":
        if (event.message === undefined) throw new Error("tla: an event `receive` without a message");
        return { op: "receive", message: this.#message(event.message) };
      case "transfer":
        return { op: "transfer", number: event.target ?? 0 };
      case "compacted":
        return { op: "compacted", number: event.state.compacted };
      case "propose":
      case "read":
      case "report":
        return { op: "none" };
      default:
        return { op: event.kind };
    }
  }

  #held(event: TraceEvent, before: Seen | undefined): number[] {
    const kept = event.kind === "ready" || event.kind === "start" ? [] : (before?.held ?? []);
    return [...kept, ...(event.promised ?? []).map((message) => this.#message(message))];
  }

  #message(message: TraceMessage): number {
    return this.#messages.place(tlaMessage(message));
  }

  #step(node: number, { op, message = 0, number = 0 }: Action, after: string): void {
    this.#steps.push(
      `[node |-> ${node}, op |-> "${op}", message |-> ${message}, number |-> ${number}, after |-> <<${after}>>]`,
    );
  }
}

interface Action {
  readonly op: string;
  readonly message?: number;
  readonly number?: number;
}

/** The steps of one trace. */
export function convertTrace(events: readonly TraceEvent[]): TlaRun {
  return new Converter().convert(events);
}

/** The module TraceData of `runs`, which all begin with `confState` among members 1 … `nodeCount`. */
export function traceData(runs: readonly TlaRun[], confState: ConfState, nodeCount: number): string {
  const list = (texts: readonly string[]): string => `<<\n${texts.join(",\n")}>>`;
  const definitions = runs.map(
    ({ messages, entries, steps }, i) =>
      `Run${i + 1} == [messages |-> ${list(messages)},\nentries |-> ${list(entries)},\nsteps |-> ${list(steps)}]\n`,
  );
  return [
    "---- MODULE TraceData ----",
    "EXTENDS Naturals, Sequences",
    `AllNodes == 1 .. ${nodeCount}`,
    `FirstConf == ${tlaConf(confState)}`,
    ...definitions,
    `Data == <<${runs.map((_, i) => `Run${i + 1}`).join(", ")}>>`,
    "====\n",
  ].join("\n");
}

function tlaState({ state }: TraceEvent, held: readonly number[]): string {
  return tlaRecord({
    role: `"${state.role}"`,
    term: state.term,
    vote: state.vote,
    leader: state.leader,
    commit: state.commit,
    applied: state.applied,
    compacted: state.compacted,
    last: tlaRecord({ term: state.last.term, index: state.last.index }),
    conf: tlaConf(state.confState),
    transferee: state.transferee,
    held: tlaSet(held),
  });
}

function tlaRecord(fields: Readonly<Record<string, string | number | boolean>>): string {
  const texts = Object.entries(fields).map(([name, value]) => `${name} |-> ${tlaValue(value)}`);
  return `[${texts.join(", ")}]`;
}

function tlaValue(value: string | number | boolean): string {
  return typeof value === "boolean" ? (value ? "TRUE" : "FALSE") : `${value}`;
}

function tlaSet(ids: readonly number[]): string {
  return `{${ids.join(", ")}}`;
}

function tlaConf(confState: ConfState): string {
  return tlaRecord({
    voters: tlaSet(confState.voters),
    outgoing: tlaSet(confState.votersOutgoing),
    learners: tlaSet(confState.learners),
    next: tlaSet(confState.learnersNext),
    auto: confState.autoLeave,
  });
}

function tlaEntry({ term, type, change, crc }: TraceEntry): string {
  const steps = (change?.changes ?? []).map(({ op, id }) => tlaRecord({ op: `"${op}"`, id }));
  return tlaRecord({
    term,
    kind: type === "normal" ? '"normal"' : '"change"',
    change: tlaRecord({ transition: `"${change?.transition ?? "none"}"`, steps: `<<${steps.join(", ")}>>` }),
    value: `"${crc}"`,
  });
}

/** Hints, contexts of reads and forwarded entries are not modelled: they bind nobody. */
function tlaMessage(message: TraceMessage): string {
  const { type, from, to, term, previous, entries, commit, last, snapshot } = message;
  const fields: Record<string, string | number | boolean> = { type: `"${type}"`, from, to, term };
  if (previous !== undefined) fields["previous"] = tlaRecord({ term: previous.term, index: previous.index });
  if (previous !== undefined) fields["entries"] = `<<${(entries ?? []).map(tlaEntry).join(", ")}>>`;
  if (commit !== undefined) fields["commit"] = commit;
  if (last !== undefined) fields["last"] = tlaRecord({ term: last.term, index: last.index });
  if (message.leadershipTransfer !== undefined) fields["transfer"] = message.leadershipTransfer;
  if (message.granted !== undefined) fields["granted"] = message.granted;
  if (message.rejected !== undefined) fields["rejected"] = message.rejected;
  if (message.index !== undefined) fields["index"] = message.index;
  if (type === "heartbeat" || type === "heartbeat-response") fields["context"] = position(message.context);
  if (snapshot !== undefined) {
    fields["snapshot"] = tlaRecord({
      index: snapshot.index,
      term: snapshot.term,
      conf: tlaConf(snapshot.confState),
    });
  }
  return tlaRecord(fields);
}

/** A heartbeat's context is a position of eight bytes, little-endian; none is position 0. */
function position(context = ""): number {
  const bytes = context.match(/../g) ?? [];
  return bytes.reduceRight((sum, byte) => sum * 256 + Number.parseInt(byte, 16), 0);
}
