/**
 * What a member's log must hold, kept outside the member as one hash per prefix: two logs are equal up to an index exactly
 * when their chains are equal there, so that comparing whole logs costs one comparison.
 */
import { assert, crc32c } from "@quorate/base";
import type { Entry, EntryType, LogIndex, NodeId, SnapshotMetadata, Term } from "@quorate/raft";
import { promise, Violation } from "../violation.ts";

/** A hash of everything up to an entry. Chains of different prefixes agree by chance once in 2^32. */
export type Chain = number;

const chainZero: Chain = 0x9e3779b9;

const typeSalt: Readonly<Record<EntryType, number>> = {
  normal: 1,
  "conf-change": 2,
  "conf-change-v2": 3,
};

/** The hash of one entry's own content. */
function entryHash(entry: Entry): number {
  return (crc32c(entry.data) ^ Math.imul(entry.data.length + 1, 0x85ebca6b)) + (typeSalt[entry.type] ?? 0);
}

function nextChain(chain: Chain, term: Term, index: LogIndex, hash: number): Chain {
  let mixed = Math.imul(chain ^ hash, 0x5bd1e995);
  mixed = Math.imul((mixed ^ (mixed >>> 15)) + term, 0x85ebca6b);
  mixed = Math.imul((mixed ^ (mixed >>> 13)) + index, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

interface Registered {
  readonly chain: Chain;
  readonly hash: number;
  readonly isChange: boolean;
}

/**
 * FIG 3 Log Matching: if two logs contain an entry with the same index and term, the logs are identical up to it. Every
 * entry that any member ever appends is noted here under (term, index), with the hash of its whole prefix.
 */
export class EntryRegistry {
  readonly #entries = new Map<number, Registered>();
  /** PERF: a storage hands most entries out several times; each object is looked at once. */
  readonly #checked = new WeakSet<Entry>();

  /** Notes an entry, or compares it with what was noted by whoever appended it first. */
  register(node: NodeId, previous: Chain, entry: Entry): Chain {
    const hash = entryHash(entry);
    const chain = nextChain(previous, entry.term, entry.index, hash);
    const key = registryKey(entry.term, entry.index);
    const known = this.#entries.get(key);
    if (known === undefined) {
      this.#entries.set(key, { chain, hash, isChange: entry.type !== "normal" });
      return chain;
    }
    promise(
      known.chain === chain,
      "log-matching",
      () =>
        `node ${node} appends ${entry.index} of term ${entry.term} after another prefix than the first who held it, or with other bytes`,
    );
    return chain;
  }

  /** A storage hands an entry out again: it has the bytes that were written, by whomever. */
  checkRead(node: NodeId, entry: Entry): void {
    if (this.#checked.has(entry)) {
      return;
    }
    const known = this.#entries.get(registryKey(entry.term, entry.index));
    promise(
      known !== undefined && known.hash === entryHash(entry),
      "recovery",
      () =>
        `node ${node} reads entry ${entry.index} of term ${entry.term} with other bytes than were written`,
    );
    this.#checked.add(entry);
  }

  /** Whether an entry that some member appended is a change of the configuration. */
  isChange(term: Term, index: LogIndex): boolean {
    return this.#entries.get(registryKey(term, index))?.isChange ?? false;
  }

  /** The chain at an entry that some member appended before; follows from `previous` when that is given. */
  lookup(node: NodeId, term: Term, index: LogIndex, previous: Chain | null): Chain {
    const known = this.#entries.get(registryKey(term, index));
    if (known === undefined) {
      throw new Violation(
        "recovery",
        `node ${node} recovered entry ${index} of term ${term}, which nobody wrote`,
      );
    }
    promise(
      previous === null || nextChain(previous, term, index, known.hash) === known.chain,
      "log-matching",
      () => `node ${node} recovered entry ${index} of term ${term} after another prefix`,
    );
    return known.chain;
  }
}

function registryKey(term: Term, index: LogIndex): number {
  assert(index < 2 ** 26 && term < 2 ** 26, "registry: run too long");
  return term * 2 ** 26 + index;
}

/** The log of one member as terms and chains, from the entry after `base` on. */
export class ShadowLog {
  #base: number;
  #baseTerm: number;
  #baseChain: Chain;
  readonly #terms: Term[] = [];
  readonly #chains: Chain[] = [];

  constructor(base: LogIndex, baseTerm: Term, baseChain: Chain) {
    assert(base > 0 || baseTerm === 0, "shadow: term before the first entry");
    this.#base = base;
    this.#baseTerm = baseTerm;
    this.#baseChain = baseChain;
  }

  static empty(): ShadowLog {
    return new ShadowLog(0 as LogIndex, 0 as Term, chainZero);
  }

  get base(): number {
    return this.#base;
  }

  get last(): number {
    return this.#base + this.#chains.length;
  }

  get lastTerm(): number {
    return this.#terms.at(-1) ?? this.#baseTerm;
  }

  /** The hash of everything up to `index`; null where that is below the base or behind the end. */
  chain(index: number): Chain | null {
    if (index === this.#base) {
      return this.#baseChain;
    }
    return this.#chains[index - this.#base - 1] ?? null;
  }

  /** The term at `index`; null where that is below the base or behind the end. */
  term(index: number): number | null {
    if (index === this.#base) {
      return this.#baseTerm;
    }
    return this.#terms[index - this.#base - 1] ?? null;
  }

  /** Drops everything from `index` on. */
  truncateFrom(index: number): void {
    assert(index > this.#base, "shadow: truncation below the base");
    const kept = index - this.#base - 1;
    if (kept < this.#chains.length) {
      this.#chains.length = kept;
      this.#terms.length = kept;
    }
  }

  push(term: Term, chain: Chain): void {
    this.#terms.push(term);
    this.#chains.push(chain);
  }

  /** A snapshot takes the place of the whole log. RAFT §5.1. */
  reset(snapshot: SnapshotMetadata, chain: Chain): void {
    this.#base = snapshot.index;
    this.#baseTerm = snapshot.term;
    this.#baseChain = chain;
    this.#terms.length = 0;
    this.#chains.length = 0;
  }

  /** An independent copy. */
  copy(): ShadowLog {
    const copied = new ShadowLog(this.#base as LogIndex, this.#baseTerm as Term, this.#baseChain);
    copied.#terms.push(...this.#terms);
    copied.#chains.push(...this.#chains);
    return copied;
  }

  /** Whether this log holds everything that `other` holds up to `index`, both ends within both logs or snapshots. */
  holds(index: number, chain: Chain): boolean {
    // A snapshot stands only for committed entries, whose agreement is checked where they commit.
    return index < this.#base || this.chain(index) === chain;
  }
}
