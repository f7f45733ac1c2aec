/**
 * The store in an image as it lies in memory: for a machine that is about to end, and is to be there again soon. It is larger than its
 * history, and other members have other bytes for the same state; but restoring it is copying, where a history costs a search for
 * each key. A stored format: a change of any `save` or of what the arrays mean is a new version of the sections.
 */
import {
  assert,
  type ByteReader,
  ByteWriter,
  concatBytes,
  DecodeError,
  ByteReader as Reader,
} from "@quorate/base";
import { UnsupportedFormat } from "../errors.ts";
import type { StoreMemory } from "../memory/store-memory.ts";

/** Numbers lie in the arrays as the machine has them; written by one with the other order of bytes, this reads otherwise. */
const orderMark: Uint8Array = new Uint8Array(new Uint32Array([0x01020304]).buffer);

/** Hands out bytes of several parts, one behind the other. */
class Parts {
  readonly #parts: readonly Uint8Array[];
  #part = 0;
  #offset = 0;

  constructor(parts: readonly Uint8Array[]) {
    this.#parts = parts;
    this.#skip();
  }

  get done(): boolean {
    return this.#part === this.#parts.length;
  }

  /** The next bytes that lie together, at most `bytesMax`: to be read, or to be filled. */
  next(bytesMax: number): Uint8Array {
    assert(bytesMax > 0 && !this.done, "memory image: nothing left");
    const piece = (this.#parts[this.#part] as Uint8Array).subarray(this.#offset, this.#offset + bytesMax);
    this.#offset += piece.length;
    this.#skip();
    return piece;
  }

  #skip(): void {
    while (this.#offset === this.#parts[this.#part]?.length) {
      this.#part++;
      this.#offset = 0;
    }
  }
}

/** Reads the memory of a store that does not change any more. */
export class MemoryReader {
  readonly #numbers: Parts;
  readonly #arrays: Parts;

  constructor(store: StoreMemory) {
    const numbers: number[] = [];
    store.save(numbers);
    const arrays = store.memory();
    const writer = new ByteWriter(1 << 12);
    writer.bytes(orderMark);
    writer.u64(arrays.reduce((sum, array) => sum + array.length, 0));
    for (const number of numbers) {
      writer.varint(number);
    }
    this.#numbers = new Parts([writer.finish()]);
    this.#arrays = new Parts(arrays);
  }

  /** The section that the next {@link read} belongs to. */
  get part(): "memory" | "arrays" | "end" {
    return this.#numbers.done ? (this.#arrays.done ? "end" : "arrays") : "memory";
  }

  /** Appends the next bytes of the present part, about `bytesMax`. */
  read(writer: ByteWriter, bytesMax: number): void {
    const source = this.#numbers.done ? this.#arrays : this.#numbers;
    assert(!source.done && bytesMax > 0, "memory image: read behind its end");
    for (let left = bytesMax; left > 0 && !source.done; ) {
      const piece = source.next(left);
      writer.bytes(piece);
      left -= piece.length;
    }
  }
}

/** Fills an empty store with the memory of another. */
export class MemoryRestore {
  readonly #store: StoreMemory;
  readonly #numbers: Uint8Array[] = [];
  #arrays: Parts | null = null;

  constructor(store: StoreMemory) {
    this.#store = store;
  }

  /** Whether everything that was announced has come. */
  get done(): boolean {
    return this.#arrays?.done === true;
  }

  /** Takes a block of numbers. */
  takeNumbers(payload: ByteReader): void {
    assert(this.#arrays === null, "memory image: numbers behind arrays");
    this.#numbers.push(payload.bytes(payload.remaining).slice());
  }

  /** Takes a block of arrays. @throws DecodeError, UnsupportedFormat. */
  takeArrays(payload: ByteReader): void {
    this.#arrays ??= this.#load();
    while (payload.remaining > 0) {
      if (this.#arrays.done) {
        throw new DecodeError("image: more memory than was announced", payload.offset);
      }
      const piece = this.#arrays.next(payload.remaining);
      piece.set(payload.bytes(piece.length));
    }
  }

  #load(): Parts {
    const numbers = new Reader(concatBytes(this.#numbers));
    if (numbers.bytes(orderMark.length).some((byte, i) => byte !== orderMark[i])) {
      throw new UnsupportedFormat("image: memory of a machine with another order of bytes");
    }
    const arrayBytes = numbers.u64();
    this.#store.load(() => numbers.varint());
    numbers.end();
    const arrays = this.#store.memory();
    if (arrays.reduce((sum, array) => sum + array.length, 0) !== arrayBytes) {
      throw new DecodeError("image: memory of another size", numbers.offset);
    }
    return new Parts(arrays);
  }
}
