/**
 * The trace: what a member did, one JSON object per line (NDJSON), for people, the simulator, a playground and the check against the
 * specification in spec/. An event names the input, the state after it and the messages that it produced. Version 1; readers
 * refuse other versions. Pure: whoever owns a file writes the lines.
 */
import { assert, crc32c, DecodeError } from "@quorate/base";
import { decodeConfChange } from "./conf/codec.ts";
import type { RawNode } from "./raw-node.ts";
import type { ConfChangeSingle, ConfChangeTransition } from "./types/conf-change.ts";
import type { ConfState } from "./types/conf-state.ts";
import type { Entry, EntryType, LogId } from "./types/entry.ts";
import type { Role } from "./types/hard-state.ts";
import { type LogIndex, type NodeId, nextIndex, previousIndex, type Term } from "./types/ids.ts";
import type { Message, MessageType } from "./types/message.ts";
import type { SnapshotMetadata } from "./types/snapshot.ts";

/** The version of the format that is written here. */
export const traceVersion = 1;

/** Characters that a line of a trace may have. */
export const traceLineLengthMax: number = 16 * 1024 * 1024;

const kinds = [
  "start",
  "tick",
  "receive",
  "propose",
  "campaign",
  "read",
  "transfer",
  "forget-leader",
  "report",
  "ready",
  "persisted",
  "apply-conf-change",
  "applied",
  "compacted",
] as const;

/**
 * What came into a member: `start` (first or after a crash: what was not durable is gone), `tick`, `receive` (one message, also
 * from itself), `propose`, `campaign`, `read`, `transfer`, `forget-leader`, `report` (of a lost message, an ended snapshot, a loaded
 * range, a disk that hangs or lost something, a configuration taken up), `ready` (a batch was taken), `persisted` (the oldest batch is durable, and its messages leave),
 * `apply-conf-change` (of the entry after `applied`), `applied`, `compacted`.
 */
export type TraceEventKind = (typeof kinds)[number];

/** An entry without its bytes: `crc` is their CRC-32C, `change` what a configuration change says. */
export interface TraceEntry extends LogId {
  readonly type: EntryType;
  readonly bytes: number;
  readonly crc: number;
  readonly change?: {
    readonly transition: ConfChangeTransition;
    readonly changes: readonly ConfChangeSingle[];
  };
}

/** A message as it travels: the fields of `Message` by their names, entries without bytes, contexts as hexadecimal digits. */
export interface TraceMessage {
  readonly type: MessageType;
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: Term;
  readonly previous?: LogId;
  readonly entries?: readonly TraceEntry[];
  readonly commit?: LogIndex;
  readonly rejected?: boolean;
  readonly index?: LogIndex;
  readonly hint?: LogId;
  readonly last?: LogId;
  readonly leadershipTransfer?: boolean;
  readonly granted?: boolean;
  readonly context?: string;
  readonly snapshot?: SnapshotMetadata;
}

/** A member's state after an event. */
export interface TraceState {
  readonly role: Role;
  readonly term: Term;
  readonly vote: NodeId;
  readonly leader: NodeId;
  readonly commit: LogIndex;
  readonly applied: LogIndex;
  /** The index before the oldest entry: everything up to it is compacted. */
  readonly compacted: LogIndex;
  readonly last: LogId;
  readonly confState: ConfState;
  readonly transferee: NodeId;
  /** Reads that this leadership took up, confirmed or not. */
  readonly readCount: number;
}

/** One line. */
export interface TraceEvent {
  readonly version: typeof traceVersion;
  /** Milliseconds or ticks since the trace began, as its writer counts. */
  readonly time: number;
  readonly node: NodeId;
  readonly kind: TraceEventKind;
  /** With `receive`. */
  readonly message?: TraceMessage;
  /** With `transfer`: whom to. */
  readonly target?: NodeId;
  /** Entries that this member, leading, appended of itself. */
  readonly appended?: readonly TraceEntry[];
  /** Produced; they may leave at once. */
  readonly sent?: readonly TraceMessage[];
  /** Produced; they leave when the next batch taken is durable. */
  readonly promised?: readonly TraceMessage[];
  readonly state: TraceState;
  /** So many events before this one are missing: the writer had no room for them. */
  readonly dropped?: number;
}

/** The line of `event`, without its end. */
export function encodeTraceEvent(event: TraceEvent): string {
  assert(event.version === traceVersion, "trace: of another version");
  const line = JSON.stringify(event);
  assert(!line.includes("\n"), "trace: an event is one line");
  return line;
}

/**
 * The event of `line`. Checks version and kind, not every field: traces are for readers that trust their writer.
 *
 * @throws DecodeError when it is not a line of a trace of this version.
 */
export function decodeTraceEvent(line: string): TraceEvent {
  if (line.length > traceLineLengthMax) {
    throw new DecodeError("trace: the line is too long", 0);
  }
  const value = parse(line);
  if (typeof value !== "object" || value === null || !("version" in value) || !("kind" in value)) {
    throw new DecodeError("trace: not an event", 0);
  }
  if (value.version !== traceVersion) {
    throw new DecodeError("trace: of another version", 0);
  }
  if (!kinds.some((kind) => kind === value.kind) || !("state" in value) || !("node" in value)) {
    throw new DecodeError("trace: unknown kind, or no state", 0);
  }
  return value as TraceEvent;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new DecodeError("trace: not JSON", 0);
  }
}

/** `entry` as a trace shows it. */
export function traceEntry(entry: Entry): TraceEntry {
  const { term, index, type, data } = entry;
  const plain = { term, index, type, bytes: data.length, crc: crc32c(data) };
  if (type === "normal") {
    return plain;
  }
  const { transition, changes } = decodeConfChange(data);
  return { ...plain, change: { transition, changes } };
}

/** `message` as a trace shows it. */
export function traceMessage(message: Message): TraceMessage {
  switch (message.type) {
    case "append-entries":
    case "forward-proposal":
      return { ...message, entries: message.entries.map(traceEntry) };
    case "heartbeat":
    case "heartbeat-response":
    case "read-index":
    case "read-index-response":
      return { ...message, context: hex(message.context) };
    default:
      return message;
  }
}

function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) {
    text += byte.toString(16).padStart(2, "0");
  }
  return text;
}

/** What an event says beside state and messages. */
export interface TraceDetail {
  readonly message?: Message;
  readonly target?: NodeId;
}

/**
 * Watches one `RawNode`: to be called after each of its inputs, before the next. It tells the messages of this input from those
 * that wait since earlier ones.
 *
 * @example
 * ```ts
 * import { encodeTraceEvent, type RawNode, Tracer } from "@quorate/raft";
 * export function tickTraced(node: RawNode, write: (line: string) => void): void {
 *   const tracer = new Tracer(node, () => 0, (event) => write(encodeTraceEvent(event)));
 *   node.tick();
 *   tracer.record("tick");
 * }
 * ```
 */
export class Tracer {
  readonly #node: RawNode;
  readonly #time: () => number;
  readonly #sink: (event: TraceEvent) => void;
  #sentCount: number;
  #promisedCount: number;
  #last: LogIndex;

  constructor(node: RawNode, time: () => number, sink: (event: TraceEvent) => void) {
    const state = node.unsafeState;
    this.#node = node;
    this.#time = time;
    this.#sink = sink;
    this.#sentCount = state.messages.length;
    this.#promisedCount = state.messagesAfterPersist.length;
    this.#last = state.log.lastIndex;
  }

  /** The input of `kind` has been taken. */
  record(kind: TraceEventKind, detail: TraceDetail = {}): void {
    const state = this.#node.unsafeState;
    if (kind === "ready") {
      this.#sentCount = 0;
      this.#promisedCount = 0;
    }
    const sent = state.messages.slice(this.#sentCount);
    const promised = state.messagesAfterPersist.slice(this.#promisedCount);
    assert(this.#sentCount <= state.messages.length, "trace: a batch was taken unseen");
    this.#sentCount = state.messages.length;
    this.#promisedCount = state.messagesAfterPersist.length;
    const appended = this.#appended();
    this.#sink({
      version: traceVersion,
      time: this.#time(),
      node: state.id,
      kind,
      ...(detail.message === undefined ? {} : { message: traceMessage(detail.message) }),
      ...(detail.target === undefined ? {} : { target: detail.target }),
      ...(appended.length === 0 ? {} : { appended: appended.map(traceEntry) }),
      ...(sent.length === 0 ? {} : { sent: sent.map(traceMessage) }),
      ...(promised.length === 0 ? {} : { promised: promised.map(traceMessage) }),
      state: this.#state(),
    });
  }

  #appended(): readonly Entry[] {
    const { role, log } = this.#node.unsafeState;
    const low = nextIndex(this.#last);
    this.#last = log.lastIndex;
    if (role !== "leader" || this.#last < low) {
      return [];
    }
    const entries = log.entries(low, nextIndex(this.#last), Number.POSITIVE_INFINITY);
    assert(typeof entries !== "string", "trace: new entries are in memory");
    return entries;
  }

  #state(): TraceState {
    const { role, term, vote, leader, log, tracker, transferee, reads } = this.#node.unsafeState;
    return {
      role,
      term,
      vote,
      leader,
      commit: log.committed,
      applied: log.applied,
      compacted: previousIndex(log.firstIndex),
      last: log.lastId(),
      confState: tracker.membership.confState,
      transferee,
      readCount: reads.confirmed + reads.unconfirmed.length,
    };
  }
}
