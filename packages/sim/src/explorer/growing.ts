/** Lists that only grow: flat, because there are many of their items. */
import { assert } from "@quorate/base";

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

  at(index: number): number {
    assert(index >= 0 && index < this.#count, "list: out of range");
    return (this.#blocks[Math.floor(index / blockBytes)] as Uint8Array)[index % blockBytes] as number;
  }
}
