/** A member's storage with the oracle looking over its shoulder; every call is passed on unchanged. */
import { assert } from "@quorate/base";
import type {
  Completed,
  CompletedWith,
  Entry,
  LogId,
  LogIndex,
  NodeId,
  SnapshotMetadata,
  SnapshotSink,
  SnapshotSource,
  Storage,
  StorageBatch,
  Term,
  VoteFloor,
} from "@quorate/raft";
import type { LogPlace } from "./checkers/log-places.ts";
import type { Oracle } from "./checkers/oracle.ts";
import type { Incarnation } from "./incarnation.ts";
import type { Watch } from "./watch.ts";

/** See the head of this file. */
export class ObservedStorage implements Storage {
  readonly #node: NodeId;
  readonly #storage: Storage;
  readonly #oracle: Oracle;
  readonly #watch: Watch;
  readonly #process: Incarnation;
  readonly #logEnd: () => LogPlace | null;

  /** @param logEnd Where the log ends on the disk, as far as it is synced. */
  constructor(
    node: NodeId,
    storage: Storage,
    oracle: Oracle,
    watch: Watch,
    process: Incarnation,
    logEnd: () => LogPlace | null,
  ) {
    this.#process = process;
    this.#logEnd = logEnd;
    this.#node = node;
    this.#storage = storage;
    this.#oracle = oracle;
    this.#watch = watch;
  }

  get initial(): Storage["initial"] {
    return this.#storage.initial;
  }

  get firstIndex(): LogIndex {
    return this.#storage.firstIndex;
  }

  get lastIndex(): LogIndex {
    return this.#storage.lastIndex;
  }

  term(index: LogIndex): Term | "compacted" | "unavailable" {
    return this.#storage.term(index);
  }

  entries(low: LogIndex, high: LogIndex, bytesMax: number): readonly Entry[] | "compacted" | "pending" {
    const found = this.#storage.entries(low, high, bytesMax);
    if (typeof found === "object") {
      this.#watch.check(() => this.#oracle.reading(this.#node, found));
    }
    return found;
  }

  snapshot(): SnapshotMetadata | "pending" | null {
    return this.#storage.snapshot();
  }

  write(batch: StorageBatch, completed: Completed): void {
    if (!this.#process.isAlive) {
      return;
    }
    this.#watch.check(() => this.#oracle.writing(this.#node, batch));
    this.#storage.write(batch, (error) => {
      if (error === null) {
        this.#watch.check(() => this.#oracle.written(this.#node, this.#logEnd()));
      }
      completed(error);
    });
  }

  load(low: LogIndex, high: LogIndex, bytesMax: number, completed: Completed): void {
    this.#storage.load(low, high, bytesMax, completed);
  }

  compact(index: LogIndex, completed: Completed): void {
    this.#watch.check(() => this.#oracle.compacted(this.#node, index, false));
    this.#storage.compact(index, (error) => {
      if (error === null) {
        this.#watch.check(() => this.#oracle.compacted(this.#node, index, true));
      }
      completed(error);
    });
  }

  get voteFloor(): VoteFloor | null {
    return this.#storage.voteFloor ?? null;
  }

  setVoteFloor(floor: LogId | null, completed: Completed): void {
    const { setVoteFloor } = this.#storage;
    assert(setVoteFloor !== undefined, "observed storage: a floor that cannot be noted");
    setVoteFloor.call(this.#storage, floor, (error) => {
      if (error === null && floor !== null) {
        this.#watch.check(() => this.#oracle.floorNoted(this.#node, floor));
      }
      completed(error);
    });
  }

  createSnapshot(metadata: SnapshotMetadata): SnapshotSink {
    return this.#storage.createSnapshot(metadata);
  }

  receiveSnapshot(metadata: SnapshotMetadata): SnapshotSink {
    return this.#storage.receiveSnapshot(metadata);
  }

  openSnapshot(completed: CompletedWith<SnapshotSource>): void {
    this.#storage.openSnapshot(completed);
  }

  close(completed: Completed): void {
    this.#storage.close(completed);
  }
}
