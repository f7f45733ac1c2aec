/**
 * A group of members in one process, for tests: storage in memory that keeps what was persisted, a network that is a list. Every
 * move is made by the test, and the invariants are checked after each.
 */
import { utf8Encode } from "@quorate/base";
import {
  type ConfState,
  checkInvariants,
  decodeConfChange,
  type Entry,
  type LogIndex,
  type Message,
  type MessageType,
  maxIndex,
  type NodeId,
  previousIndex,
  type RaftConfig,
  type RaftState,
  RawNode,
  type ReadState,
  type Ready,
  type SnapshotMetadata,
  toLogIndex,
  toNodeId,
  toTerm,
} from "@quorate/raft";
import { MemoryLog } from "../interaction/memory-log.ts";

/** What a test may set. */
export type Settings = Partial<Omit<RaftConfig, "id" | "log">>;

/** A configuration of voters and learners. */
export function conf(voters: readonly number[], learners: readonly number[] = []): ConfState {
  return {
    voters: voters.map(toNodeId),
    learners: learners.map(toNodeId),
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
}

/** An entry as a leader of `term` would have written it. */
export function entry(term: number, index: number, text = "x"): Entry {
  return { term: toTerm(term), index: toLogIndex(index), type: "normal", data: utf8Encode(text) };
}

/** One member with its storage. */
export class Peer {
  readonly id: NodeId;
  readonly log: MemoryLog;
  readonly settings: Settings;
  readonly applied: Entry[] = [];
  readonly reads: ReadState[] = [];
  node: RawNode;

  constructor(id: number, log: MemoryLog, settings: Settings) {
    this.id = toNodeId(id);
    this.log = log;
    this.settings = settings;
    this.node = this.#open();
  }

  get state(): RaftState {
    return this.node.unsafeState;
  }

  get role(): RaftState["role"] {
    return this.state.role;
  }

  #open(): RawNode {
    return new RawNode({
      asyncStorage: false,
      preVote: false,
      checkQuorum: false,
      random: (low) => low,
      // What a snapshot holds is committed, however old the stored commit index is.
      hardState: {
        ...this.log.hardState,
        commit: maxIndex(this.log.hardState.commit, previousIndex(this.log.firstIndex)),
      },
      confState: this.log.stored.confState,
      applied: this.log.stored.index,
      ...this.settings,
      id: this.id,
      log: this.log,
    });
  }

  /** Starts again from what was persisted. */
  restart(): void {
    const start = this.log.stored.index;
    this.applied.splice(0, this.applied.length, ...this.applied.filter((one) => one.index <= start));
    this.node = this.#open();
  }

  /** Makes a batch durable. */
  persist(ready: Pick<Ready, "hardState" | "snapshot" | "entries">): void {
    if (ready.hardState !== null) this.log.hardState = ready.hardState;
    if (ready.snapshot !== null) {
      this.log.restore(ready.snapshot);
      this.log.history.push(ready.snapshot);
    }
    this.log.append(ready.entries);
  }

  /** Hands committed entries to the state machine. */
  apply(entries: readonly Entry[]): void {
    for (const one of entries) {
      const before = this.log.history.at(-1) as SnapshotMetadata;
      const confState =
        one.type === "normal" ? before.confState : this.node.applyConfChange(decodeConfChange(one.data));
      this.log.history.push({ index: one.index, term: one.term, confState });
      this.applied.push(one);
    }
  }

  /** Carries out everything that is ready, synchronously; what is for others is returned. */
  drain(): Message[] {
    const sent: Message[] = [];
    while (this.node.hasReady()) {
      const ready = this.node.ready();
      this.persist(ready);
      this.apply(ready.apply);
      this.reads.push(...ready.readStates);
      sent.push(...ready.sendNow, ...ready.sendAfterPersist.filter((message) => message.to !== this.id));
      this.node.advance();
      checkInvariants(this.state);
    }
    return sent;
  }
}

/** Members 1 … n and what travels between them. */
export class Group {
  readonly peers: Peer[];
  network: Message[] = [];
  /** Pairs `from>to` that lose everything; `*` stands for anybody. */
  readonly cut: Set<string> = new Set();

  constructor(confState: ConfState, settings: Settings = {}, start = 0) {
    const ids = [...new Set([...confState.voters, ...confState.learners])].sort(
      (left, right) => left - right,
    );
    this.peers = ids.map((id) => new Peer(id, startingLog(confState, start), { ...settings, confState }));
  }

  peer(id: number): Peer {
    const peer = this.peers.find((one) => one.id === id);
    if (peer === undefined) throw new Error(`no peer ${id}`);
    return peer;
  }

  /** Adds a member that starts empty, as one that joins. */
  join(id: number, settings: Settings = {}): Peer {
    const peer = new Peer(id, new MemoryLog(), settings);
    this.peers.push(peer);
    return peer;
  }

  /** Cuts `id` off from all others. */
  isolate(id: number): void {
    this.cut.add(`${id}>*`);
    this.cut.add(`*>${id}`);
  }

  /** Mends all links. */
  heal(): void {
    this.cut.clear();
  }

  #isCut(message: Message): boolean {
    return (
      this.cut.has(`${message.from}>${message.to}`) ||
      this.cut.has(`${message.from}>*`) ||
      this.cut.has(`*>${message.to}`)
    );
  }

  /** Drains all members into the network, without delivering. */
  collect(): void {
    for (const peer of this.peers) {
      this.network.push(...peer.drain().filter((message) => !this.#isCut(message)));
    }
  }

  /** Delivers and drains until nothing moves. */
  settle(keep: (message: Message) => boolean = () => true): void {
    this.collect();
    for (let round = 0; this.network.length > 0; round++) {
      if (round > 1_000) throw new Error("the group does not come to rest");
      const messages = this.network;
      this.network = [];
      for (const message of messages) {
        const peer = this.peers.find((one) => one.id === message.to);
        if (peer === undefined || !keep(message) || this.#isCut(message)) continue;
        peer.node.step(message);
        checkInvariants(peer.state);
      }
      this.collect();
    }
  }

  /** Makes `id` the leader. */
  elect(id: number): Peer {
    const peer = this.peer(id);
    peer.node.campaign();
    this.settle();
    if (peer.role !== "leader") throw new Error(`${id} was not elected`);
    return peer;
  }

  /** Messages of `type` that are on their way. */
  inFlight(type: MessageType): Message[] {
    return this.network.filter((message) => message.type === type);
  }
}

/** A log that starts with a snapshot at `index` (term 1), or with nothing. */
export function startingLog(confState: ConfState, index: number): MemoryLog {
  const log = new MemoryLog();
  const start: SnapshotMetadata = { index: toLogIndex(index), term: toTerm(index === 0 ? 0 : 1), confState };
  if (index > 0) {
    log.restore(start);
    log.hardState = { ...log.hardState, term: toTerm(1), commit: start.index };
  }
  log.stored = start;
  log.history = [start];
  return log;
}

/** A member alone, whose log holds entries of these terms from index 1 on. */
export function loneMember(
  id: number,
  confState: ConfState,
  terms: readonly number[],
  settings: Settings = {},
): Peer {
  const log = startingLog(confState, 0);
  log.append(terms.map((term, place) => entry(term, place + 1)));
  log.hardState = { ...log.hardState, term: toTerm(terms.at(-1) ?? 0) };
  return new Peer(id, log, { ...settings, confState });
}

/** The text of applied commands, the no-ops left out. */
export function commands(peer: Peer): string[] {
  return peer.applied
    .filter((one) => one.type === "normal" && one.data.length > 0)
    .map((one) => String.fromCharCode(...one.data));
}

/** An index, for brevity. */
export function at(index: number): LogIndex {
  return toLogIndex(index);
}
