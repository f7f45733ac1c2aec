/** Lists that only grow: flat, because there are many of their items. */
import { assert } from "@quorate/base";
import {
  bytesOf,
  type CheckpointSink,
  type CheckpointSource,
  loadNumber,
  saveNumbers,
} from "./checkpoint.ts";

/** Whole numbers of 32 bits with sign. */
export class NumberList {
  #numbers = new Int32Array(1 << 10);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#numbers.byteLength;
  }

  push(value: number): void {
    if (this.#count === this.#numbers.length) {
      const grown = new Int32Array(Math.floor(this.#count * 1.5));
      grown.set(this.#numbers);
      this.#numbers = grown;
    }
    this.#numbers[this.#count] = value;
    assert(this.#numbers[this.#count] === value, "list: a number that does not fit");
    this.#count++;
  }

  /** PERF: unchecked, because each step of each world reads some fifty numbers. */
  at(index: number): number {
    return this.#numbers[index] as number;
  }

  set(index: number, value: number): void {
    assert(index < this.#count, "list: out of range");
    this.#numbers[index] = value;
  }

  save(sink: CheckpointSink): void {
    saveNumbers(sink, [this.#count]);
    sink.write(bytesOf(this.#numbers.subarray(0, this.#count)));
  }

  /** Into an empty list. */
  load(source: CheckpointSource): void {
    assert(this.#count === 0, "list: loaded over what it has");
    this.#count = loadNumber(source);
    this.#numbers = new Int32Array(Math.max(this.#count, this.#numbers.length));
    source.read(bytesOf(this.#numbers.subarray(0, this.#count)));
  }
}

const blockBytes = 1 << 20;

/** Bytes, in blocks, so that growing copies nothing: there is one for each of a thousand million worlds. */
export class ByteList {
  readonly #blocks: Uint8Array[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  push(value: number): void {
    assert(value >= 0 && value < 256, "list: not a byte");
    if (this.#count % blockBytes === 0) {
      this.#blocks.push(new Uint8Array(blockBytes));
    }
    const block = this.#blocks[this.#blocks.length - 1] as Uint8Array;
    block[this.#count % blockBytes] = value;
    this.#count++;
  }

  save(sink: CheckpointSink): void {
    saveNumbers(sink, [this.#count]);
    for (const block of this.#blocks) {
      sink.write(block);
    }
  }

  /** Into an empty list. */
  load(source: CheckpointSource): void {
    assert(this.#count === 0, "list: loaded over what it has");
    this.#count = loadNumber(source);
    for (let at = 0; at < this.#count; at += blockBytes) {
      const block = new Uint8Array(blockBytes);
      source.read(block);
      this.#blocks.push(block);
    }
  }

  at(index: number): number {
    assert(index >= 0 && index < this.#count, "list: out of range");
    return (this.#blocks[Math.floor(index / blockBytes)] as Uint8Array)[index % blockBytes] as number;
  }
}
