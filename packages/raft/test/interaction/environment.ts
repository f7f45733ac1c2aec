/** The members of one script, their storages, and the messages between them. */
import {
  type ConfState,
  checkInvariants,
  decodeConfChange,
  type Entry,
  type HardState,
  type Message,
  type NodeId,
  noNode,
  type RaftConfig,
  RawNode,
  type Ready,
  type SnapshotMetadata,
  type StepResult,
  termZero,
  toLogIndex,
  toNodeId,
  toTerm,
} from "@quorate/raft";
import { MemoryLog } from "./memory-log.ts";
import {
  type Envelope,
  entryText,
  envelopeText,
  envelopeType,
  type Fields,
  hardStateText,
  readStatesText,
  type StorageAppend,
  type StorageApply,
  snapshotText,
  softStateText,
} from "./text-forms.ts";

/** What a script may set of a member's configuration. */
export type Settings = Omit<RaftConfig, "id" | "log" | "hardState" | "confState" | "applied" | "random">;

/** One member with everything around it. */
interface Member {
  readonly id: NodeId;
  readonly settings: Settings;
  readonly log: MemoryLog;
  node: RawNode;
  appendWork: StorageAppend[];
  applyWork: StorageApply[];
  /** Whether the script did to it what no driver may do, so that invariants may break. */
  misused: boolean;
}

const appendThread = "AppendThread";
const applyThread = "ApplyThread";

/** A script's world; each method returns the lines that it prints. */
export class Environment {
  readonly #members: Member[] = [];
  /** Whether commands print nothing; errors are printed all the same. */
  quiet = false;
  #queue: Envelope[] = [];

  /** The members' ids, in order. */
  ids(): NodeId[] {
    return this.#members.map((member) => member.id);
  }

  node(id: number): RawNode {
    return this.#member(id).node;
  }

  #member(id: number): Member {
    const member = this.#members[id - 1];
    if (member === undefined) throw new Error(`no such node: ${id}`);
    return member;
  }

  /** Adds a member; `start` is the snapshot that it begins with. */
  add(settings: Settings, start: SnapshotMetadata | null): void {
    const id = toNodeId(this.#members.length + 1);
    const log = new MemoryLog(settings.measureEntry);
    if (start !== null) {
      log.restore(start);
      log.history = [start];
    }
    this.#members.push({
      id,
      settings,
      log,
      node: open(id, settings, log),
      appendWork: [],
      applyWork: [],
      misused: false,
    });
  }

  /** Crashes the member and starts it again from what its storage holds. */
  restart(id: number): void {
    const member = this.#member(id);
    member.appendWork = [];
    member.applyWork = [];
    this.#queue = this.#queue.filter((envelope) => !(isLocal(envelope) && receiver(envelope) === id));
    member.log.history = [member.log.stored];
    member.node = open(member.id, member.settings, member.log);
  }

  /** Asks for a read index. */
  readIndex(id: number, context: Uint8Array): void {
    const member = this.#member(id);
    if (!readAtOnce(member, member.id, context)) member.node.readIndex(context);
  }

  /** Takes one Ready and carries it out, or queues it where storage is asynchronous. */
  processReady(id: number): string[] {
    const member = this.#member(id);
    const ready = member.node.ready();
    const asynchronous = member.settings.asyncStorage === true;
    const storage = asynchronous ? storageEnvelopes(member, ready) : [];
    const later = asynchronous ? [] : ready.sendAfterPersist.filter((message) => message.to !== member.id);
    const messages: Envelope[] = [...[...ready.sendNow, ...later].map(asPeer), ...storage];
    const lines = readyLines(ready, messages);
    if (!asynchronous) {
      persist(member.log, ready);
      this.#apply(member, ready.apply);
    }
    for (const envelope of messages) {
      if (envelope.kind === "append") member.appendWork.push(envelope);
      else if (envelope.kind === "apply") member.applyWork.push(envelope);
      else this.#queue.push(envelope);
    }
    if (!asynchronous) member.node.advance();
    check(member);
    return lines;
  }

  /** Performs the oldest write. */
  processAppend(id: number): string[] {
    const member = this.#member(id);
    const work = member.appendWork.shift();
    if (work === undefined) return ["no append work to perform"];
    persist(member.log, work);
    return this.#finishWork(work);
  }

  /** Applies the oldest page. */
  processApply(id: number): string[] {
    const member = this.#member(id);
    const work = member.applyWork.shift();
    if (work === undefined) return ["no apply work to perform"];
    this.#apply(member, work.entries);
    return this.#finishWork(work);
  }

  #finishWork(work: StorageAppend | StorageApply): string[] {
    this.#queue.push(...work.responses);
    const responses = work.responses.flatMap((response) => envelopeText(response).split("\n"));
    return ["Processing:", ...envelopeText(work, false).split("\n"), "Responses:", ...responses];
  }

  #apply(member: Member, entries: readonly Entry[]): void {
    for (const entry of entries) {
      const before = member.log.history.at(-1);
      if (before === undefined) throw new Error("history is never empty");
      const confState: ConfState =
        entry.type === "normal"
          ? before.confState
          : member.node.applyConfChange(decodeConfChange(entry.data));
      member.log.history.push({ index: entry.index, term: entry.term, confState });
    }
  }

  /** Delivers (or drops) what is queued for `id`, and returns how many there were. */
  deliver(id: number, type: string | null, drop: boolean, lines: string[]): number {
    const taken: Envelope[] = [];
    const kept: Envelope[] = [];
    for (const envelope of this.#queue) {
      const matches = receiver(envelope) === id && (type === null || envelopeType(envelope) === type);
      (matches && !(drop && isLocal(envelope)) ? taken : kept).push(envelope);
    }
    this.#queue = kept;
    for (const envelope of taken) {
      const text = envelopeText(envelope);
      lines.push(...(drop ? `dropped: ${text}` : text).split("\n"));
      if (!drop) lines.push(...this.#take(id, envelope));
    }
    return taken.length;
  }

  #take(id: number, envelope: Envelope): string[] {
    const member = this.#member(id);
    const { node } = member;
    const lines = envelope.kind === "peer" ? stepText(member, envelope.message) : [];
    if (envelope.kind === "append-done") node.persisted(envelope.seq);
    if (envelope.kind === "apply-done") node.applied(toLogIndex(envelope.index));
    check(member);
    return lines;
  }

  /** Repeats everything over `ids` until nothing is left to do. */
  stabilize(ids: readonly number[]): string[] {
    const lines: string[] = [];
    const block = (title: string, inner: readonly string[]): void => {
      lines.push(title, ...inner.map((line) => `  ${line}`));
    };
    for (let busy = true; busy; ) {
      busy = false;
      for (const id of ids) {
        if (!this.node(id).hasReady()) continue;
        block(`> ${id} handling Ready`, this.processReady(id));
        busy = true;
      }
      for (const id of ids) {
        const inner: string[] = [];
        if (this.deliver(id, null, false, inner) === 0) continue;
        block(`> ${id} receiving messages`, inner);
        busy = true;
      }
      for (const id of ids) busy = this.#drain(id, "append", block) || busy;
      for (const id of ids) busy = this.#drain(id, "apply", block) || busy;
    }
    return lines;
  }

  #drain(
    id: number,
    kind: "append" | "apply",
    block: (title: string, inner: readonly string[]) => void,
  ): boolean {
    const member = this.#member(id);
    const inner: string[] = [];
    while ((kind === "append" ? member.appendWork : member.applyWork).length > 0) {
      inner.push(...(kind === "append" ? this.processAppend(id) : this.processApply(id)));
    }
    if (inner.length > 0) block(`> ${id} processing ${kind} thread`, inner);
    return inner.length > 0;
  }

  /** Drops the log of `id` up to `index`. Scripts may drop what is not applied yet, which no driver may. */
  compact(id: number, index: number): string[] {
    const member = this.#member(id);
    member.log.compact(index);
    member.misused ||= index > member.node.status().applied;
    return this.logLines(id);
  }

  /** The stored entries of `id`. */
  logLines(id: number): string[] {
    const { log } = this.#member(id);
    if (log.lastIndex < log.firstIndex) {
      return [`log is empty: first index=${log.firstIndex}, last index=${log.lastIndex}`];
    }
    return log.all().map(entryText);
  }

  /** Queues a snapshot of `from` for `to`, as if its leader had sent it. */
  sendSnapshot(from: number, to: number): string[] {
    const member = this.#member(from);
    const snapshot = member.log.snapshot();
    if (snapshot === null) throw new Error("no snapshot");
    const term = member.node.status().hardState.term;
    const envelope = asPeer({ type: "install-snapshot", from: member.id, to: toNodeId(to), term, snapshot });
    this.#queue.push(envelope);
    return envelopeText(envelope).split("\n");
  }
}

function check(member: Member): void {
  if (!member.misused) checkInvariants(member.node.unsafeState);
}

function open(id: NodeId, settings: Settings, log: MemoryLog): RawNode {
  return new RawNode({
    ...settings,
    id,
    log,
    hardState: log.hardState,
    confState: log.stored.confState,
    applied: log.stored.index,
    // The scripts set every time-out that matters; a late one never fires by itself.
    random: (_low, high) => high - 1,
  });
}

function persist(
  log: MemoryLog,
  batch: { hardState: HardState | null; entries: readonly Entry[]; snapshot: SnapshotMetadata | null },
): void {
  if (batch.hardState !== null) log.hardState = batch.hardState;
  if (batch.snapshot !== null) log.restore(batch.snapshot);
  else log.append(batch.entries);
}

function asPeer(message: Message): Envelope {
  return { kind: "peer", message };
}

/** Step 2 to 4 of a Ready as messages to two threads, which answer when they are done. */
function storageEnvelopes(member: Member, ready: Ready): Envelope[] {
  const { hardState, entries, snapshot } = ready;
  const own = member.id.toString(16);
  const envelopes: Envelope[] = [];
  const responses: Envelope[] = ready.sendAfterPersist.map(asPeer);
  if (ready.stable !== null || snapshot !== null) {
    const { term } = member.node.status().hardState;
    const log = ready.stable === null ? {} : { logTerm: ready.stable.term, index: ready.stable.index };
    const text: Fields = {
      from: appendThread,
      to: own,
      type: "MsgStorageAppendResp",
      term,
      ...log,
      snapshot,
    };
    responses.push({ kind: "append-done", seq: ready.seq, text });
  }
  if (entries.length > 0 || hardState !== null || snapshot !== null || ready.sendAfterPersist.length > 0) {
    const head = { from: own, to: appendThread, type: "MsgStorageAppend", term: hardState?.term ?? 0 };
    const text: Fields = {
      ...head,
      commit: hardState?.commit ?? 0,
      vote: hardState?.vote ?? 0,
      entries,
      snapshot,
    };
    envelopes.push({ kind: "append", hardState, entries, snapshot, responses, text });
  }
  const last = ready.apply.at(-1);
  if (last !== undefined) {
    const done: Fields = {
      from: applyThread,
      to: own,
      type: "MsgStorageApplyResp",
      term: 0,
      entries: ready.apply,
    };
    const text: Fields = {
      from: own,
      to: applyThread,
      type: "MsgStorageApply",
      term: 0,
      entries: ready.apply,
    };
    const response: Envelope = { kind: "apply-done", index: last.index, text: done };
    envelopes.push({ kind: "apply", entries: ready.apply, responses: [response], text });
  }
  return envelopes;
}

function readyLines(ready: Ready, messages: readonly Envelope[]): string[] {
  const lines: string[] = [];
  if (ready.softState !== null) lines.push(softStateText(ready.softState));
  if (ready.hardState !== null) lines.push(`HardState ${hardStateText(ready.hardState)}`);
  if (ready.readStates.length > 0) lines.push(`ReadStates ${readStatesText(ready.readStates)}`);
  if (ready.entries.length > 0) lines.push("Entries:", ...ready.entries.map(entryText));
  if (ready.snapshot !== null) lines.push(`Snapshot ${snapshotText(ready.snapshot)}`);
  if (ready.apply.length > 0) lines.push("CommittedEntries:", ...ready.apply.map(entryText));
  if (messages.length > 0) {
    lines.push("Messages:", ...messages.flatMap((message) => envelopeText(message).split("\n")));
  }
  return lines.length === 0 ? ["<empty Ready>"] : [`Ready MustSync=${ready.mustSync}:`, ...lines];
}

/**
 * The reference's only voter answers reads at once when it leads. Our core waits for the first commit of its term, because a restarted
 * member may have forgotten the newest commit index; so here the answer is given in its place.
 */
function readAtOnce(member: Member, from: NodeId, context: Uint8Array): boolean {
  const state = member.node.unsafeState;
  const { voters, votersOutgoing } = state.tracker.membership.confState;
  if (state.role !== "leader" || voters.length !== 1 || votersOutgoing.length > 0) return false;
  const { id, term } = state;
  const index = state.log.committed;
  if (from === id) state.readStates.push({ index, context });
  else state.messages.push({ type: "read-index-response", from: id, to: from, term, index, context });
  return true;
}

function stepText(member: Member, message: Message): string[] {
  if (message.type === "read-index" && readAtOnce(member, message.from, message.context)) return [];
  const result = message.term === termZero ? stepWithoutTerm(member, message) : member.node.step(message);
  switch (result.status) {
    case "accepted":
      return [];
    case "unknown-peer":
      return ["raft: cannot step as peer not found"];
    case "refused":
      return ["raft proposal dropped"];
    case "inconsistent":
      return []; // The reference ignores such messages, or stops.
    case "misdirected":
      throw new Error("a message was delivered to somebody else");
  }
}

/**
 * The reference takes term 0 as "no term" and skips every check of it, where our core sees a message of an earlier term. Such messages
 * come from members that never took part in an election: what they answer to a request for votes, a snapshot that a script sends
 * on their behalf, and the answer to that.
 */
function stepWithoutTerm(member: Member, message: Message): StepResult {
  const state = member.node.unsafeState;
  if (message.type === "read-index" || message.type === "forward-proposal") return member.node.step(message);
  if (message.type !== "install-snapshot") return member.node.step({ ...message, term: state.term });
  const candidate = state.role === "candidate" || state.role === "pre-candidate";
  // A candidate of the reference goes back to term 0 by it, and forgets its vote.
  const term = candidate ? termZero : state.term;
  if (candidate) state.vote = noNode;
  member.misused ||= term !== state.term || term < message.snapshot.term;
  const sentCount = state.messagesAfterPersist.length;
  state.term = toTerm(Math.max(term, message.snapshot.term));
  const result = member.node.step({ ...message, term: state.term });
  state.term = term;
  state.messagesAfterPersist = state.messagesAfterPersist.map((sent, place) =>
    place < sentCount ? sent : { ...sent, term },
  );
  return result;
}

function receiver(envelope: Envelope): number {
  return envelope.kind === "peer" ? envelope.message.to : Number.parseInt(envelope.text.to, 16);
}

/** Between a member and itself or its threads: not on the network, so never dropped there, and lost in a crash. */
function isLocal(envelope: Envelope): boolean {
  return envelope.kind !== "peer" || envelope.message.from === envelope.message.to;
}
