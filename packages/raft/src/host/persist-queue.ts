/**
 * Batches on their way to the disk, acknowledged in the order in which they were made. RAFT §3.8: what depends on a batch
 * leaves only after it and all before it are durable.
 */
import { assert, RingBuffer } from "@quorate/base";
import type { Ready } from "../types/ready.ts";
import type { Storage } from "./ports.ts";

interface Persisting {
  readonly ready: Ready;
  readonly since: number;
  done: boolean;
}

/** What is written and not known to be durable yet. */
export class PersistQueue {
  readonly #storage: Storage;
  /** Called for each batch, in order, once it is durable. */
  readonly #durable: (ready: Ready) => void;
  /** Called with what is to be done when the storage has done with a batch. */
  readonly #written: (complete: () => void) => void;
  readonly #queue: RingBuffer<Persisting> = new RingBuffer();

  #now = 0;

  constructor(storage: Storage, written: (complete: () => void) => void, durable: (ready: Ready) => void) {
    this.#storage = storage;
    this.#written = written;
    this.#durable = durable;
  }

  /** Batches that are not durable yet. */
  get length(): number {
    return this.#queue.length;
  }

  tick(): void {
    this.#now++;
  }

  /** Ticks for which the oldest batch has been under way; 0 when none is. */
  get oldestTicks(): number {
    const oldest = this.#queue.peek();
    return oldest === undefined ? 0 : this.#now - oldest.since;
  }

  /** Writes one batch, durably where `mustSync` or the core wants it; returns whether it went to the storage. */
  write(ready: Ready, mustSync: boolean): boolean {
    const item: Persisting = { ready, since: this.#now, done: false };
    this.#queue.push(item);
    const { entries, hardState, snapshot } = ready;
    if (entries.length === 0 && hardState === null && snapshot === null) {
      this.#completed(item, null);
      return false;
    }
    const synced = mustSync || ready.mustSync || snapshot !== null;
    this.#storage.write({ hardState, entries, snapshot, mustSync: synced }, (error) => {
      this.#written(() => this.#completed(item, error));
    });
    return true;
  }

  #completed(item: Persisting, error: Error | null): void {
    if (error !== null) {
      throw error; // A failed write is final: the disk's content is unknown.
    }
    assert(!item.done, "persist: a batch completed twice");
    item.done = true;
    for (let first = this.#queue.peek(); first?.done === true; first = this.#queue.peek()) {
      this.#queue.shift();
      this.#durable(first.ready);
    }
  }
}
