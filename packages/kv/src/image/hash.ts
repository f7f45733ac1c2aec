/**
 * The checksum of a store's history that members compare: CRC-32C over the history's bytes from the compact revision to the
 * hashed one. Members with equal histories get equal hashes at equal revisions, however each has swept.
 */
import { assert, ByteWriter, crc32c } from "@quorate/base";
import type { Revision } from "../revision.ts";
import type { HistoryReader } from "./history.ts";

/** What a hash was made of. */
export interface HashKvResult {
  readonly type: "hash-kv";
  /** The store's revision when hashing began. */
  readonly revision: Revision;
  /** CRC-32C, unsigned. */
  readonly hash: number;
  /** Where the history begins; −1 when never compacted. */
  readonly compactRevision: Revision;
  readonly hashRevision: Revision;
}

const sliceBytes = 1 << 16;

/** Hashes in slices, while the store is written. */
export class KvHash {
  readonly #history: HistoryReader;
  readonly #facts: Omit<HashKvResult, "hash">;
  readonly #release: () => void;
  readonly #writer: ByteWriter = new ByteWriter(1 << 12);
  #crc = 0;
  #closed = false;

  constructor(history: HistoryReader, facts: Omit<HashKvResult, "hash">, release: () => void) {
    this.#history = history;
    this.#facts = facts;
    this.#release = release;
  }

  /** Looks at about `recordsMax` records; the result when all are read, else null. */
  step(recordsMax: number): HashKvResult | null {
    assert(!this.#closed, "hash: step after its end");
    this.#history.read(this.#writer, sliceBytes, recordsMax);
    this.#crc = crc32c(this.#writer.view(), this.#crc);
    this.#writer.reset();
    if (this.#history.part !== "end") {
      return null;
    }
    this.close();
    return { ...this.#facts, hash: this.#crc };
  }

  /** Lets go of the pin; also before the end, and more than once. */
  close(): void {
    if (!this.#closed) {
      this.#closed = true;
      this.#release();
    }
  }
}
