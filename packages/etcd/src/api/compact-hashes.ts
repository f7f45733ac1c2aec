/**
 * The hashes of histories as compactions found them. ETCD: who asks for the hash at a revision that the history was compacted to gets
 * that of what was there before, so that it is the same before and after; the last ten are kept, in memory.
 */
import { assert } from "@quorate/base";
import { type HashKvResult, KvHash } from "@quorate/kv";
import type { DeferPort, StorePort } from "../ports.ts";

const keptCount = 10;
/** Records hashed in one go. PERF: some thousands take a millisecond. */
const recordsPerSlice = 4096;

/** One hash, there or under way. */
class CompactHash {
  readonly revision: number;
  readonly #hash: KvHash;
  #result: HashKvResult | null = null;
  #waiting: ((result: HashKvResult | null) => void)[] = [];
  #closed = false;

  constructor(revision: number, hash: KvHash, defer: DeferPort) {
    this.revision = revision;
    this.#hash = hash;
    const slice = (): void => {
      if (!this.#closed && !this.#step()) {
        defer.defer(slice);
      }
    };
    defer.defer(slice);
  }

  whenKnown(done: (result: HashKvResult | null) => void): void {
    if (this.#result === null) {
      this.#waiting.push(done);
    } else {
      done(this.#result);
    }
  }

  /** Forgets it; who waits is told so. */
  close(): void {
    this.#closed = true;
    this.#hash.close();
    for (const done of this.#waiting.splice(0)) {
      done(null);
    }
  }

  #step(): boolean {
    const result = this.#hash.step(recordsPerSlice);
    if (result === null) {
      return false;
    }
    assert(result.hashRevision === this.revision, "compact hashes: another revision than the compaction's");
    this.#result = result;
    for (const done of this.#waiting.splice(0)) {
      done(result);
    }
    return true;
  }
}

/** Of one member. */
export class CompactHashes {
  readonly #store: StorePort;
  readonly #defer: DeferPort;
  #kept: CompactHash[] = [];

  constructor(store: StorePort, defer: DeferPort) {
    this.#store = store;
    this.#defer = defer;
  }

  /** The history is about to be compacted to `revision`: the last moment to begin. */
  begin(revision: number): void {
    if (revision <= this.#store.compactRevision) {
      return; // The compaction will be refused.
    }
    const hash = this.#store.beginHash(revision);
    if (!(hash instanceof KvHash)) {
      return; // A revision to come: refused as well.
    }
    this.#kept.push(new CompactHash(revision, hash, this.#defer));
    if (this.#kept.length > keptCount) {
      this.#kept.shift()?.close();
    }
  }

  /**
   * Calls back with the hash of the history that was compacted to `revision`, or with null when that is forgotten before it is known;
   * false where none is kept.
   */
  find(revision: number, done: (result: HashKvResult | null) => void): boolean {
    const found = this.#kept.find((one) => one.revision === revision);
    found?.whenKnown(done);
    return found !== undefined;
  }

  /** Forgets all: the state was replaced, or the member stops. */
  clear(): void {
    for (const one of this.#kept.splice(0)) {
      one.close();
    }
  }
}
