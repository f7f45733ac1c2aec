/** A host whose disk and network are in the hands of a test, and what its clients ask for. */
import assert from "node:assert/strict";
import {
  type Completed,
  type GroupId,
  type HostEvent,
  type NodeId,
  type PeerFrame,
  type ProposalOutcome,
  RaftHost,
  type ReadOutcome,
  type Storage,
  type StorageBatch,
  type TransportReceiver,
  toLogIndex,
  toNodeId,
  toTerm,
} from "@quorate/raft";
import { MemoryStorage, RecordingMachine, TurnScheduler } from "@quorate/raft/testing";

/** A command of one byte, again and again. */
export const command = (byte: number, length = 1): Uint8Array => new Uint8Array(length).fill(byte);

/** What becomes of a proposal. */
export function propose(host: RaftHost<number>, bytes: Uint8Array): ProposalOutcome<number>[] {
  const outcomes: ProposalOutcome<number>[] = [];
  host.propose(bytes, (outcome) => outcomes.push(outcome));
  return outcomes;
}

/** What becomes of a read. */
export function read(host: RaftHost<number>): ReadOutcome[] {
  const outcomes: ReadOutcome[] = [];
  host.read((outcome) => outcomes.push(outcome));
  return outcomes;
}

/** One member with a hand on its disk and its network. */
export class Bench {
  readonly scheduler = new TurnScheduler();
  readonly memory: MemoryStorage;
  readonly machine = new RecordingMachine();
  readonly sent: { to: NodeId; frame: PeerFrame }[] = [];
  readonly writes: { batch: StorageBatch; completed: Completed }[] = [];
  readonly fatal: Error[] = [];
  readonly events: HostEvent[] = [];
  readonly host: RaftHost<number>;
  receiver: TransportReceiver | null = null;

  constructor(voters: number, limits: ConstructorParameters<typeof RaftHost>[0]["limits"] = {}) {
    this.memory = new MemoryStorage({ voters: Array.from({ length: voters }, (_, i) => toNodeId(i + 1)) });
    const bench = this;
    const storage: Storage = {
      initial: this.memory.initial,
      get firstIndex() {
        return bench.memory.firstIndex;
      },
      get lastIndex() {
        return bench.memory.lastIndex;
      },
      term: (index) => this.memory.term(index),
      entries: (low, high, bytesMax) => this.memory.entries(low, high, bytesMax),
      snapshot: () => this.memory.snapshot(),
      write: (batch, completed) => this.writes.push({ batch, completed }),
      load: (low, high, bytesMax, completed) => this.memory.load(low, high, bytesMax, completed),
      compact: (index, completed) => this.memory.compact(index, completed),
      createSnapshot: (metadata) => this.memory.createSnapshot(metadata),
      receiveSnapshot: (metadata) => this.memory.receiveSnapshot(metadata),
      openSnapshot: (completed) => this.memory.openSnapshot(completed),
      close: (completed) => this.memory.close(completed),
    };
    this.host = new RaftHost<number>({
      id: toNodeId(1),
      storage,
      transport: {
        start: (receiver) => {
          this.receiver = receiver;
        },
        send: (_group: GroupId, to, frame) => this.sent.push({ to, frame }),
        close: (completed) => completed(null),
      },
      scheduler: this.scheduler,
      stateMachine: this.machine,
      random: (low) => low,
      core: { preVote: false },
      limits,
      onEvent: (event) => this.events.push(event),
      onFatal: (error) => this.fatal.push(error),
    });
    this.host.start((error) => assert.equal(error, null));
    this.scheduler.runAll();
  }

  /** Makes `count` writes durable, all by default. */
  persist(count: number = this.writes.length): void {
    for (const { batch, completed } of this.writes.splice(0, count)) {
      this.memory.write(batch, completed);
    }
    this.scheduler.runAll();
  }

  deliver(from: number, frame: PeerFrame): void {
    this.receiver?.received(0, toNodeId(from), frame);
    this.scheduler.runAll();
  }

  typesSent(): string[] {
    return this.sent.map(({ frame }) => (frame.kind === "message" ? frame.message.type : frame.kind));
  }

  /** Leads a group of three. */
  lead(): void {
    this.host.campaign();
    this.scheduler.runAll();
    this.persist();
    const header = { from: toNodeId(2), to: toNodeId(1), term: this.host.term };
    this.deliver(2, { kind: "message", message: { type: "vote-response", ...header, granted: true } });
    assert.equal(this.host.role, "leader");
  }

  follow(): void {
    const header = { from: toNodeId(2), to: toNodeId(1), term: toTerm(1) };
    this.deliver(2, {
      kind: "message",
      message: { type: "heartbeat", ...header, commit: toLogIndex(0), context: command(0, 0) },
    });
    this.persist();
    assert.equal(this.host.leader, 2);
  }
}
