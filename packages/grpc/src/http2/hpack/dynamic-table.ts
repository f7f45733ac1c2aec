/**
 * RFC 7541 §2.3.2: the fields that one direction of a connection has agreed on so far. First in, first out, bounded by bytes.
 */
import { assert, must } from "@quorate/base";
import type { HeaderField } from "./field.ts";
import { staticTable } from "./static-table.ts";

/** §4.1: an entry is never smaller. */
const entryBytesMin = 32;

/** A table; the newest entry has the lowest index. */
export class DynamicTable {
  /** A ring: `#entries[#newest]` is the newest. */
  readonly #entries: (HeaderField | null)[];
  #newest = -1;
  #count = 0;
  #bytes = 0;
  #bytesMax: number;
  readonly #bytesMaxAllowed: number;
  #version = 0;

  /** @param bytesMaxAllowed the largest size that {@link resize} may ever ask for. */
  constructor(bytesMaxAllowed: number) {
    assert(bytesMaxAllowed >= 0 && bytesMaxAllowed <= 2 ** 20, "hpack table: bounded");
    this.#bytesMax = bytesMaxAllowed;
    this.#bytesMaxAllowed = bytesMaxAllowed;
    const capacity = Math.max(1, Math.floor(bytesMaxAllowed / entryBytesMin));
    this.#entries = new Array<HeaderField | null>(capacity).fill(null);
  }

  /** Grows with each change: equal versions of one table mean equal contents. */
  get version(): number {
    return this.#version;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get bytesMax(): number {
    return this.#bytesMax;
  }

  /** The field of an index that counts from 1 through the static table into this one, §2.3.3; null beyond both. */
  field(index: number): HeaderField | null {
    assert(index >= 1, "hpack table: indexes begin at 1");
    if (index <= staticTable.length) {
      return must(staticTable[index - 1], "hpack table: static index in range");
    }
    const age = index - staticTable.length - 1;
    return age < this.#count ? this.#entry(age) : null;
  }

  /** §4.4: evicts from the old end until `field` fits; one that never fits empties the table, which is no error. */
  insert(field: HeaderField): void {
    this.#version++;
    this.#evictDownTo(this.#bytesMax - field.bytes);
    if (field.bytes > this.#bytesMax) {
      assert(this.#count === 0, "hpack table: emptied by a field that is too large");
      return;
    }
    this.#newest = (this.#newest + 1) % this.#entries.length;
    this.#entries[this.#newest] = field;
    this.#count++;
    this.#bytes += field.bytes;
    assert(this.#bytes <= this.#bytesMax, "hpack table: above its bound");
    assert(this.#count <= this.#entries.length, "hpack table: more entries than bytes allow");
  }

  /** §4.3. */
  resize(bytesMax: number): void {
    assert(bytesMax <= this.#bytesMaxAllowed, "hpack table: larger than ever allowed");
    this.#version++;
    this.#bytesMax = bytesMax;
    this.#evictDownTo(bytesMax);
  }

  /** The lowest index of an equal field, or 0. */
  find(name: string, value: string): number {
    for (let age = 0; age < this.#count; age++) {
      const field = this.#entry(age);
      if (field.value === value && field.name === name) {
        return staticTable.length + 1 + age;
      }
    }
    return 0;
  }

  #entry(age: number): HeaderField {
    const capacity = this.#entries.length;
    const field = this.#entries[(this.#newest - age + capacity) % capacity];
    return must(field, "hpack table: an entry within the count");
  }

  #evictDownTo(bytesLeft: number): void {
    const capacity = this.#entries.length;
    while (this.#count > 0 && this.#bytes > bytesLeft) {
      const oldest = (this.#newest - this.#count + 1 + capacity) % capacity;
      this.#bytes -= this.#entry(this.#count - 1).bytes;
      this.#entries[oldest] = null;
      this.#count--;
    }
    assert(this.#count > 0 || this.#bytes === 0, "hpack table: empty and not without bytes");
  }
}
