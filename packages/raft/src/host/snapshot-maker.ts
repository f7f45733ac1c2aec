/**
 * Local snapshots and log compaction (RAFT §5.1): an image pinned at one applied index, written in slices between other work;
 * then the log behind it goes, but for some entries that slow followers may still need.
 */
import { assert, runTask, type Task } from "@quorate/base";
import type { Buggify } from "../types/buggify.ts";
import type { ConfState } from "../types/conf-state.ts";
import { type LogIndex, offsetIndex, type Term } from "../types/ids.ts";
import type { SnapshotMetadata } from "../types/snapshot.ts";
import type { HostCounters, HostEvent } from "./events.ts";
import { type Guard, guarded, pause } from "./guard.ts";
import { encodeMemberSection, type MemberNotes } from "./member-codec.ts";
import type { ResolvedPolicy } from "./options.ts";
import type { Scheduler, SnapshotSink, StateMachine, StateMachineImage, Storage } from "./ports.ts";
import { ImageCheck } from "./snapshot-seal.ts";

/** What the maker works with. */
interface SnapshotMakerPorts {
  readonly guard: Guard;
  readonly scheduler: Scheduler;
  readonly storage: Storage;
  readonly stateMachine: StateMachine;
  readonly counters: HostCounters;
  readonly buggify?: Buggify | null;
  emit(event: HostEvent): void;
}

interface Making {
  readonly metadata: SnapshotMetadata;
  /** The members, in front of the image of the state machine. */
  readonly section: Uint8Array;
  readonly image: StateMachineImage;
  readonly sink: SnapshotSink;
  aborted: boolean;
}

/** The last image is made behind the end of the member, when nothing else passes the guard any more. */
const unguarded: Guard = {
  enter: (work) => work(),
  fail(error) {
    throw error;
  },
  run: (task, completed) => runTask(task, (_, value) => completed(value as never)),
};

/** Makes the snapshots of one member, one at a time. */
export class SnapshotMaker {
  readonly #ports: SnapshotMakerPorts;
  readonly #policy: ResolvedPolicy;
  readonly #chunkBytes: number;
  #entriesSince = 0;
  #bytesSince = 0;
  #demanded = false;
  #making: Making | null = null;
  /** PERF: one room for all chunks: as much garbage as images are large, outside the heap, sets off whole collections in mid-work. */
  #room: Uint8Array | null = null;

  constructor(ports: SnapshotMakerPorts, policy: ResolvedPolicy, chunkBytes: number) {
    this.#ports = ports;
    this.#policy = policy;
    this.#chunkBytes = chunkBytes;
  }

  /** Whether one is being made. */
  get busy(): boolean {
    return this.#making !== null;
  }

  /** An entry was applied. */
  count(bytes: number): void {
    this.#entriesSince++;
    this.#bytesSince += bytes;
  }

  /** The newest snapshot is of no use to somebody: a new one is due whatever the policy says. */
  demand(): void {
    this.#demanded = true;
  }

  /** Whether the policy asks for a snapshot now. */
  get isDue(): boolean {
    if (this.#making !== null || this.#demanded) {
      return this.#making === null;
    }
    if (this.#entriesSince === 0) {
      return false;
    }
    if (this.#ports.buggify?.("snapshot-now")) {
      return true;
    }
    const { entryCountMax, logBytesMin, liveBytes } = this.#policy;
    return (
      this.#entriesSince >= entryCountMax ||
      (this.#bytesSince >= logBytesMin && this.#bytesSince >= liveBytes())
    );
  }

  /** Whether the policy asks for a snapshot of a member that stops. */
  get isDueAtStop(): boolean {
    return this.#bytesSince >= this.#policy.stopLogBytesMin;
  }

  /** Whether a stop waits for the one that is being made: without it the next start would apply again what it holds. */
  get isNeededAtStop(): boolean {
    return this.#making !== null && Number.isFinite(this.#policy.stopLogBytesMin);
  }

  /** Pins the state at `index` and begins to write it. */
  begin(index: LogIndex, term: Term, confState: ConfState, notes: MemberNotes): void {
    const { guard, stateMachine } = this.#ports;
    const making = this.#begin({ index, term, confState }, notes, stateMachine.snapshot());
    guard.run(this.#make(making, guard), () => {
      this.#making = null;
    });
  }

  /** The snapshot of a member that has stopped; nothing is applied any more. */
  *makeLast(metadata: SnapshotMetadata, notes: MemberNotes): Task<void> {
    assert(this.isDueAtStop, "snapshot: nobody asked for a last one");
    const { stateMachine } = this.#ports;
    const image = stateMachine.lastSnapshot?.() ?? stateMachine.snapshot();
    try {
      yield* this.#make(this.#begin(metadata, notes, image), unguarded);
    } finally {
      this.#making = null;
    }
  }

  #begin(metadata: SnapshotMetadata, notes: MemberNotes, image: StateMachineImage): Making {
    assert(this.#making === null, "snapshot: one is being made");
    const making: Making = {
      metadata,
      section: encodeMemberSection(notes),
      image,
      sink: this.#ports.storage.createSnapshot(metadata),
      aborted: false,
    };
    this.#making = making;
    this.#demanded = false;
    this.#entriesSince = 0;
    this.#bytesSince = 0;
    return making;
  }

  /** A snapshot of the leader takes the place of the state: the one being made is of no use any more. */
  abort(): void {
    this.#entriesSince = 0;
    this.#bytesSince = 0;
    if (this.#making !== null) {
      this.#making.aborted = true;
    }
  }

  *#make(making: Making, guard: Guard): Task<void> {
    const { image, metadata, sink } = making;
    let bytes: number | null = null;
    try {
      bytes = yield* this.#write(making, guard);
      if (bytes !== null) {
        yield* guarded<void>(guard, (completed) => sink.finish(completed));
      }
    } catch (error) {
      sink.abort(); // A disk that is full has no room for half an image.
      throw error;
    } finally {
      image.close();
    }
    if (bytes === null) {
      sink.abort();
      return;
    }
    this.#ports.counters.snapshotsMade++;
    this.#ports.emit({ type: "snapshot-made", snapshot: metadata, bytes });
    if (!making.aborted) {
      yield* this.#compact(metadata.index, guard);
    }
  }

  /** Bytes written, null when aborted. */
  *#write(making: Making, guard: Guard): Task<number | null> {
    const { scheduler } = this.#ports;
    const check = new ImageCheck();
    this.#room ??= new Uint8Array(2 * this.#chunkBytes);
    const room = this.#room;
    check.take(making.section);
    yield* guarded<void>(guard, (completed) => making.sink.write(making.section, completed));
    for (;;) {
      yield* pause(guard, scheduler);
      if (making.aborted) {
        return null;
      }
      const chunk = making.image.read(this.#chunkBytes, room);
      if (chunk === null) {
        const seal = check.seal();
        yield* guarded<void>(guard, (completed) => making.sink.write(seal, completed));
        return check.bytes + seal.length;
      }
      check.take(chunk);
      yield* guarded<void>(guard, (completed) => making.sink.write(chunk, completed));
    }
  }

  *#compact(snapshotIndex: LogIndex, guard: Guard): Task<void> {
    const { storage } = this.#ports;
    const { trailingEntryCount } = this.#policy;
    if (snapshotIndex <= trailingEntryCount) {
      return;
    }
    const index = offsetIndex(snapshotIndex, -trailingEntryCount);
    if (index < storage.firstIndex) {
      return;
    }
    yield* guarded<void>(guard, (completed) => storage.compact(index, completed));
    this.#ports.emit({ type: "compaction", index });
  }
}
