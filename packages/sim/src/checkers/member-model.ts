/**
 * What one member has handed to its storage, and what its storage has called durable. Both outlive the member's crashes:
 * they are what recovery is held against.
 */
import { assert, must, RingBuffer } from "@quorate/base";
import type {
  Entry,
  HardState,
  LogIndex,
  LogView,
  NodeId,
  SnapshotMetadata,
  StorageBatch,
  Term,
  VoteFloor,
} from "@quorate/raft";
import { promise } from "../violation.ts";
import { type Chain, type EntryRegistry, ShadowLog } from "./shadow-log.ts";

interface PendingBatch {
  readonly hardState: HardState | null;
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
  /** What was durable before damage took some of it: the member stays bound by it until its log is repaired. Null mostly. */
  promised: Promised | null = null;
  readonly #pending = new RingBuffer<PendingBatch>();
  #changeIndexes: number[] = [];
  #isBelieved = false;
  /** What its former disks held. */
  #lost: readonly ShadowLog[] = [];
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

  #checkRecovered(found: ShadowLog, hardState: HardState, floor: VoteFloor | null): void {
    this.#checkHardState(hardState);
    if (floor === null) {
      this.#checkLog(found);
      this.promised = null;
    } else {
      this.#checkBeginning(found);
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

  /** The storage calls its oldest batch durable. */
  written(): void {
    const pending = must(this.#pending.shift(), "member model: nothing was written");
    apply(this.durable, pending);
    this.durableHardState = pending.hardState ?? this.durableHardState;
  }

  /**
   * After a crash: what recovery found must be what was durable, or that with some of the batches under way, in order. The
   * model goes on from there.
   */
  recovered(
    view: LogView,
    hardState: HardState,
    committedChain: CommittedChain,
    floor: VoteFloor | null = null,
  ): void {
    const found = readLog(this.id, view, this.#registry, committedChain);
    if (this.#isBelieved) {
      this.#isBelieved = false;
    } else {
      this.#checkRecovered(found, hardState, floor);
    }
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
    this.#pending.clear();
  }

  /** Whether the disk holds this prefix, or held it when it was damaged, wiped or set back: acknowledgements of then were true. */
  answersFor(index: number, chain: Chain): boolean {
    const isIn = (log: ShadowLog): boolean => log.last >= index && log.holds(index, chain);
    return isIn(this.durable) || (this.promised !== null && isIn(this.promised.log)) || this.#lost.some(isIn);
  }

  /** What is found is what was durable, or that with some of the batches under way, without an end; or it is what stood there before a
   * leader replaced it: damage takes the latest first, and a log that was cut back is below what took its place. */
  #checkBeginning(found: ShadowLog): void {
    const expected = this.durable.copy();
    if (isBeginning(found, expected) || isBelow(found, expected)) {
      return;
    }
    for (const pending of this.#pending) {
      apply(expected, pending);
      if (isBeginning(found, expected) || isBelow(found, expected)) {
        return;
      }
    }
    promise(
      false,
      "recovery",
      () =>
        `node ${this.id} repairs a log ${found.base}..${found.last} (last term ${found.lastTerm}), which is not how the durable ${this.durable.base}..${this.durable.last} begins`,
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
    const { hardState, snapshot, entries } = batch;
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
    return { hardState, snapshot, snapshotChain, firstIndex: first?.index ?? 0, terms, chains };
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
