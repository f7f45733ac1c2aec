/**
 * What one member has handed to its storage, and what its storage has called durable. Both outlive the member's crashes:
 * they are what recovery is held against.
 */
import { assert, must, RingBuffer } from "@quorate/base";
import type {
  Entry,
  HardState,
  LogId,
  LogIndex,
  LogView,
  NodeId,
  SnapshotMetadata,
  StorageBatch,
  Term,
  VoteFloor,
} from "@quorate/raft";
import { promise } from "../violation.ts";
import { type DiskDamage, type LogPlace, LogPlaces, noDamage } from "./log-places.ts";
import { type Chain, type EntryRegistry, ShadowLog } from "./shadow-log.ts";

interface PendingBatch {
  readonly hardState: HardState | null;
  /** The storage was told that it must be durable, with all that was written before. */
  readonly mustSync: boolean;
  readonly snapshot: SnapshotMetadata | null;
  readonly snapshotChain: Chain;
  /** Index of the first entry; 0 when there is none. */
  readonly firstIndex: number;
  readonly terms: readonly Term[];
  readonly chains: readonly Chain[];
}

/** What a member is bound by beyond what its disk shows. */
export interface Promised {
  readonly log: ShadowLog;
  /** False where the disk does not tell how far the log reached: the leader's answer then does. */
  readonly isKnown: boolean;
}

const hardStateZero: HardState = { term: 0 as Term, vote: 0 as NodeId, commit: 0 as LogIndex };

/** What a disk says besides its log, and what was done to it. */
export interface DiskState {
  readonly floor: VoteFloor | null;
  /** What was done to the disk, by our hand. */
  readonly damage: DiskDamage;
}

/** Of a disk that nothing was done to, ever. */
export const wholeDisk: DiskState = { floor: null, damage: noDamage };

/** Answers the chain of the committed prefix that a snapshot at `index` stands for. */
type CommittedChain = (node: NodeId, snapshot: SnapshotMetadata) => Chain;

/** One member, as its storage must remember it. */
export class MemberModel {
  readonly id: NodeId;
  /** With everything handed to the storage. */
  log: ShadowLog = ShadowLog.empty();
  hardState: HardState = hardStateZero;
  /** With everything the storage has called durable. */
  durable: ShadowLog = ShadowLog.empty();
  durableHardState: HardState = hardStateZero;
  /** The highest commit index that no crash takes away: one that nothing made durable may be forgotten. RAFT §3.8. */
  durableCommit = 0;
  /** What was durable before damage took some of it: the member stays bound by it until its log is repaired. Null mostly. */
  promised: Promised | null = null;
  /** What its disk says that the log must reach again. */
  floor: VoteFloor | null = null;
  readonly #pending = new RingBuffer<PendingBatch>();
  #changeIndexes: number[] = [];
  #isBelieved = false;
  /** What its former disks held. */
  #lost: readonly ShadowLog[] = [];
  readonly #places = new LogPlaces();
  readonly #registry: EntryRegistry;

  constructor(id: NodeId, registry: EntryRegistry) {
    this.id = id;
    this.#registry = registry;
  }

  /** The member after its disk was wiped or set back: what it is found to hold first is believed, what it once held was counted on. */
  forgotten(): MemberModel {
    const model = new MemberModel(this.id, this.#registry);
    model.#isBelieved = true;
    model.#lost = [...this.#lost, this.durable, ...(this.promised === null ? [] : [this.promised.log])];
    return model;
  }

  /** The storage is given a batch. */
  writing(batch: StorageBatch, committedChain: CommittedChain): void {
    const pending = this.#resolve(batch, committedChain);
    this.#pending.push(pending);
    apply(this.log, pending);
    this.#noteChanges(batch);
    this.hardState = batch.hardState ?? this.hardState;
  }

  #checkRecovered(found: ShadowLog, hardState: HardState, { damage, floor }: DiskState): void {
    this.#checkHardState(hardState);
    if (floor === null) {
      this.#checkLog(found);
      this.promised = null;
    } else {
      this.#checkBeginning(found, damage);
      this.#checkFloor(floor, damage);
      this.#promise(found, floor);
    }
  }

  /** Where the log holds changes of the configuration, ascending. */
  get changeIndexes(): readonly number[] {
    return this.#changeIndexes;
  }

  #noteChanges({ entries }: StorageBatch): void {
    const first = entries[0]?.index;
    if (first !== undefined && (this.#changeIndexes.at(-1) ?? 0) >= first) {
      this.#changeIndexes = this.#changeIndexes.filter((index) => index < first);
    }
    for (const { index, type } of entries) {
      if (type !== "normal") {
        this.#changeIndexes.push(index);
      }
    }
  }

  /** The storage calls its oldest batch durable; its log ends at `place`, where that is known. */
  written(place: LogPlace | null = null): void {
    const pending = must(this.#pending.shift(), "member model: nothing was written");
    apply(this.durable, pending);
    this.durableHardState = pending.hardState ?? this.durableHardState;
    this.durableCommit = pending.mustSync ? this.durableHardState.commit : this.durableCommit;
    if (pending.snapshot !== null) {
      this.#places.cut(pending.snapshot.index, true);
    }
    if (place !== null) {
      this.#places.ended(place, this.durable);
    }
  }

  /** The storage is asked to drop everything up to `index`, or says that it has. */
  compacted(index: number, isDone: boolean): void {
    this.#places.cut(index, isDone);
  }

  /**
   * After a crash: what recovery found must be what was durable, or that with some of the batches under way, in order; of a damaged disk
   * what the damage left. The model goes on from there.
   */
  recovered(view: LogView, hardState: HardState, disk: DiskState, committedChain: CommittedChain): void {
    const found = readLog(this.id, view, this.#registry, committedChain);
    if (this.#isBelieved) {
      this.#isBelieved = false;
    } else {
      this.#checkRecovered(found, hardState, disk);
    }
    this.floor = disk.floor;
    this.#places.found(found, disk.damage);
    this.log = found;
    this.#changeIndexes = [];
    for (let index = found.base + 1; index <= found.last; index++) {
      if (this.#registry.isChange(found.term(index) as Term, index as LogIndex)) {
        this.#changeIndexes.push(index);
      }
    }
    this.durable = found.copy();
    this.hardState = hardState;
    this.durableHardState = hardState;
    this.durableCommit = hardState.commit;
    this.#pending.clear();
  }

  /**
   * Whether the disk holds this prefix. Or held it, when it was damaged, wiped or set back: who counts on that must have been told so,
   * which `wasTold` answers. Nobody is to count on a disk that is gone and never spoke.
   */
  answersFor(index: number, chain: Chain, wasTold: () => boolean): boolean {
    const isIn = (log: ShadowLog): boolean => log.last >= index && log.holds(index, chain);
    const wasIn = (): boolean =>
      (this.promised !== null && isIn(this.promised.log)) || this.#lost.some((log) => isIn(log));
    return isIn(this.durable) || (wasIn() && wasTold());
  }

  /** ADR 15: damage takes what is damaged and what lies behind it, and nothing before; a floor without damage takes nothing. */
  #checkBeginning(found: ShadowLog, damage: DiskDamage): void {
    const expected = this.durable.copy();
    let begins = isBeginning(found, expected);
    if (sameLog(found, expected)) {
      return;
    }
    for (const pending of this.#pending) {
      apply(expected, pending);
      if (sameLog(found, expected)) {
        return;
      }
      begins ||= isBeginning(found, expected);
    }
    const reproach = this.#places.reproach(found, damage, begins);
    promise(
      reproach === null,
      "recovery",
      () =>
        `node ${this.id} repairs a log ${found.base}..${found.last} (last term ${found.lastTerm}); durable was ${this.durable.base}..${this.durable.last}, and ${reproach}`,
    );
  }

  /** ADR 15: the floor is what the disk tells, unknown only where the newest segment cannot tell, and never more than ever was there. */
  #checkFloor(floor: VoteFloor, { hidesEnd }: DiskDamage): void {
    if (floor === "unknown") {
      promise(
        hidesEnd || this.floor === "unknown",
        "vote-floor",
        () => `node ${this.id} does not know its floor, although its newest segment was whole`,
      );
      return;
    }
    const reached = this.durable.copy();
    const isReached = (): boolean => !isBelow(reached, { last: floor.index, lastTerm: floor.term });
    let wasReached =
      isReached() || (this.floor !== null && this.floor !== "unknown" && isSameId(this.floor, floor));
    for (const pending of this.#pending) {
      apply(reached, pending);
      wasReached ||= isReached();
    }
    promise(
      wasReached,
      "vote-floor",
      () => `node ${this.id} keeps a floor of ${JSON.stringify(floor)}, which its log never reached`,
    );
  }

  /** ADR 15: where the log ends below what was durable the floor does not, however little is left. A floor outlives its damage until it is removed. */
  #promise(found: ShadowLog, floor: VoteFloor): void {
    const before = this.promised?.log ?? null;
    const { durable } = this;
    const log = before === null || isBelow(before, durable) ? durable.copy() : before;
    promise(
      !isBelow(found, log) ||
        floor === "unknown" ||
        !isBelow({ last: floor.index, lastTerm: floor.term }, log),
      "vote-floor",
      () =>
        `node ${this.id} keeps a floor of ${JSON.stringify(floor)}; durable was ${log.last} of term ${log.lastTerm}`,
    );
    const isKnown = floor !== "unknown" && (this.promised?.isKnown ?? true);
    this.promised = isBelow(found, log) ? { log, isKnown } : null;
  }

  /** Highest commit index that was ever handed to the storage. */
  get commitWritten(): number {
    return this.hardState.commit;
  }

  #resolve(batch: StorageBatch, committedChain: CommittedChain): PendingBatch {
    const { hardState, mustSync, snapshot, entries } = batch;
    const snapshotChain = snapshot === null ? 0 : committedChain(this.id, snapshot);
    const first = entries[0];
    const chains: Chain[] = [];
    if (first !== undefined) {
      const before =
        snapshot !== null && snapshot.index === first.index - 1
          ? snapshotChain
          : this.log.chain(first.index - 1);
      promise(
        before !== null,
        "log-matching",
        () =>
          `node ${this.id} writes entry ${first.index} behind a gap (last ${this.log.last}, base ${this.log.base})`,
      );
      chainEntries(this.id, entries, before, this.#registry, chains);
    }
    const terms = entries.map((entry) => entry.term);
    return { hardState, mustSync, snapshot, snapshotChain, firstIndex: first?.index ?? 0, terms, chains };
  }

  #checkHardState(found: HardState): void {
    const candidates = [this.durableHardState];
    for (const pending of this.#pending) {
      if (pending.hardState !== null) {
        candidates.push(pending.hardState);
      }
    }
    promise(
      candidates.some((state) => state.term === found.term && state.vote === found.vote),
      "recovery",
      () =>
        `node ${this.id} recovered term ${found.term}, vote ${found.vote}; durable were term ${this.durableHardState.term}, vote ${this.durableHardState.vote}`,
    );
    promise(
      candidates.some((state) => state.commit >= found.commit),
      "recovery",
      () => `node ${this.id} recovered commit ${found.commit}, more than it ever wrote`,
    );
  }

  #checkLog(found: ShadowLog): void {
    const expected = this.durable.copy();
    if (sameLog(found, expected)) {
      return;
    }
    for (const pending of this.#pending) {
      apply(expected, pending);
      if (sameLog(found, expected)) {
        return;
      }
    }
    promise(
      false,
      "recovery",
      () =>
        `node ${this.id} recovered a log ${found.base}..${found.last} (last term ${found.lastTerm}); durable was ${this.durable.base}..${this.durable.last} (last term ${this.durable.lastTerm}), with ${this.#pending.length} batches under way`,
    );
  }
}

/** Logs as elections compare them. RAFT §3.6.1. */
export function isBelow(
  left: { readonly last: number; readonly lastTerm: number },
  right: { readonly last: number; readonly lastTerm: number },
): boolean {
  return left.lastTerm < right.lastTerm || (left.lastTerm === right.lastTerm && left.last < right.last);
}

function isBeginning(found: ShadowLog, whole: ShadowLog): boolean {
  if (found.last > whole.last) {
    return false;
  }
  // Below the base of either there are only committed entries, which are compared where they commit.
  return found.last < whole.base || found.chain(found.last) === whole.chain(found.last);
}

function isSameId(left: LogId, right: LogId): boolean {
  return left.index === right.index && left.term === right.term;
}

/** Equal as far as a snapshot lets one see: compaction may have moved the base of either. */
function sameLog(left: ShadowLog, right: ShadowLog): boolean {
  return (
    left.last === right.last &&
    left.lastTerm === right.lastTerm &&
    left.chain(left.last) === right.chain(right.last)
  );
}

function apply(log: ShadowLog, batch: PendingBatch): void {
  if (batch.snapshot !== null) {
    log.reset(batch.snapshot, batch.snapshotChain);
  }
  if (batch.chains.length === 0) {
    return;
  }
  log.truncateFrom(batch.firstIndex);
  assert(log.last === batch.firstIndex - 1, "member model: gap in the log");
  for (const [i, chain] of batch.chains.entries()) {
    log.push(must(batch.terms[i], "member model: term missing"), chain);
  }
}

function chainEntries(
  node: NodeId,
  entries: readonly Entry[],
  before: Chain,
  registry: EntryRegistry,
  chains: Chain[],
): void {
  let previous = before;
  let index: number = entries[0]?.index ?? 0;
  for (const entry of entries) {
    promise(
      entry.index === index,
      "log-matching",
      () => `node ${node} writes ${entry.index} where ${index} is next`,
    );
    previous = registry.register(node, previous, entry);
    chains.push(previous);
    index++;
  }
}

function readLog(
  node: NodeId,
  view: LogView,
  registry: EntryRegistry,
  committedChain: CommittedChain,
): ShadowLog {
  const base = (view.firstIndex - 1) as LogIndex;
  if (base === 0) {
    return readEntries(node, view, registry, ShadowLog.empty());
  }
  const baseTerm = termOf(node, view, base);
  const chain = committedChain(node, {
    index: base,
    term: baseTerm,
    confState: { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
  });
  return readEntries(node, view, registry, new ShadowLog(base, baseTerm, chain));
}

function readEntries(node: NodeId, view: LogView, registry: EntryRegistry, log: ShadowLog): ShadowLog {
  let previous = must(log.chain(log.base), "member model: no base");
  for (let index = view.firstIndex as number; index <= view.lastIndex; index++) {
    const term = termOf(node, view, index as LogIndex);
    previous = registry.lookup(node, term, index as LogIndex, previous);
    log.push(term, previous);
  }
  return log;
}

function termOf(node: NodeId, view: LogView, index: LogIndex): Term {
  const term = view.term(index);
  promise(
    typeof term === "number",
    "recovery",
    () => `node ${node} recovered no term for entry ${index}: ${term}`,
  );
  return term;
}
