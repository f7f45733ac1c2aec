/**
 * Bytes that a server keeps for all of its clients together: answers that they do not read, requests that they do not finish. Each
 * connection has a bound of its own; many connections at once would still be too many bytes. Where room is needed, the connection
 * that has kept the server waiting longest loses its place: whoever reads what it asked for never waits long.
 */
import { assert } from "@quorate/base";

/** Somebody on whose account bytes are kept. */
export interface BytesHolder {
  /** Gives up everything that is kept on its account, before this returns. */
  evict(): void;
}

/** The sum over all holders, and its bound. */
export class SharedBytes {
  readonly #bytesMax: number;
  #bytes = 0;
  /** Whoever holds anything, in the order in which they began to. */
  readonly #holders = new Set<BytesHolder>();

  constructor(bytesMax: number) {
    assert(bytesMax > 0, "shared bytes: no room");
    this.#bytesMax = bytesMax;
  }

  /** Bytes kept for all holders. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Notes that so many bytes more, or less, are kept for `holder`, which holds `held` now. */
  count(holder: BytesHolder, change: number, held: number): void {
    this.#bytes += change;
    assert(held >= 0 && this.#bytes >= held, "shared bytes: fewer than one holder's");
    if (held === 0) {
      this.#holders.delete(holder);
    } else {
      this.#holders.add(holder);
    }
  }

  /** Makes room for `bytes` more. False when `holder` itself would be the next to lose its place. */
  makeRoom(holder: BytesHolder, bytes: number): boolean {
    while (this.#bytes + bytes > this.#bytesMax) {
      const [longest] = this.#holders;
      if (longest === undefined) {
        // One piece is always taken, however long.
        return true;
      }
      if (longest === holder) {
        return false;
      }
      longest.evict();
      assert(!this.#holders.has(longest), "shared bytes: evicted, and still a holder");
    }
    return true;
  }
}

/** What is kept for one holder that has nothing else to keep in mind. */
export class BytesAccount implements BytesHolder {
  readonly #shared: SharedBytes;
  readonly #onEvict: () => void;
  #held = 0;

  constructor(shared: SharedBytes, onEvict: () => void) {
    this.#shared = shared;
    this.#onEvict = onEvict;
  }

  /** Notes so many bytes more; false when there is no room for them. */
  add(bytes: number): boolean {
    assert(bytes > 0, "bytes account: nothing to add");
    this.#held += bytes;
    this.#shared.count(this, bytes, this.#held);
    return this.#shared.makeRoom(this, 0);
  }

  /** Nothing is kept any more. */
  clear(): void {
    if (this.#held > 0) {
      const bytes = this.#held;
      this.#held = 0;
      this.#shared.count(this, -bytes, 0);
    }
  }

  evict(): void {
    this.#onEvict();
    this.clear();
  }
}
