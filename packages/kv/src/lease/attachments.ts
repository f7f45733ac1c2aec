/**
 * Which keys die with which lease: for each lease a doubly linked list of key slots, so that attaching and detaching cost
 * O(1) and no key's bytes are kept twice. It follows from the keys' newest versions, and so stands in no image.
 */
import { assert } from "@quorate/base";
import { Uint32Table } from "../memory/tables.ts";

/** Cells of a slot's links, up by 1, so that 0 is none. */
const cell = { previous: 0, next: 1 } as const;
const linkCells = 2;

/** Key slots by lease; see the head of this file. */
export class Attachments {
  /** First slot of each lease that has keys. */
  readonly #first: Map<bigint, number> = new Map();
  readonly #links: Uint32Table = new Uint32Table(linkCells);

  /** Bytes allocated for links: none before the first key is attached. */
  get bytes(): number {
    return this.#links.bytes;
  }

  /** How many leases have keys. */
  get leaseCount(): number {
    return this.#first.size;
  }

  /** See `StoreMemory`. A lease's id is two numbers. */
  save(numbers: number[]): void {
    this.#links.save(numbers);
    numbers.push(this.#first.size);
    for (const [lease, slot] of this.#first) {
      const bits = BigInt.asUintN(64, lease);
      numbers.push(Number(bits & 0xffffffffn), Number(bits >> 32n), slot);
    }
  }

  /** See `StoreMemory`. */
  load(next: () => number): void {
    assert(this.#first.size === 0, "attachments: loaded into used ones");
    this.#links.load(next);
    for (let left = next(); left > 0; left--) {
      const low = BigInt(next());
      const lease = BigInt.asIntN(64, (BigInt(next()) << 32n) | low);
      this.#first.set(lease, next());
    }
  }

  /** See `StoreMemory`. */
  memory(): Uint8Array[] {
    return this.#links.memory();
  }

  /** Attaches a slot that is attached to nothing. */
  attach(lease: bigint, slot: number): void {
    assert(lease !== 0n, "attachments: to no lease");
    const first = this.#first.get(lease);
    this.#links.reserve(slot + 1);
    this.#links.set(slot, cell.previous, 0);
    this.#links.set(slot, cell.next, first === undefined ? 0 : first + 1);
    if (first !== undefined) {
      assert(this.#links.get(first, cell.previous) === 0, "attachments: the first has a predecessor");
      this.#links.set(first, cell.previous, slot + 1);
    }
    this.#first.set(lease, slot);
  }

  /** Detaches a slot that is attached to `lease`. */
  detach(lease: bigint, slot: number): void {
    const previous = this.#links.get(slot, cell.previous);
    const next = this.#links.get(slot, cell.next);
    if (previous !== 0) {
      assert(this.#links.get(previous - 1, cell.next) === slot + 1, "attachments: links disagree");
      this.#links.set(previous - 1, cell.next, next);
    } else {
      assert(this.#first.get(lease) === slot, "attachments: detached from another lease");
      if (next === 0) {
        this.#first.delete(lease);
      } else {
        this.#first.set(lease, next - 1);
      }
    }
    if (next !== 0) {
      this.#links.set(next - 1, cell.previous, previous);
    }
  }

  /** The slots attached to `lease`, in no meaningful order. */
  slots(lease: bigint): number[] {
    const slots: number[] = [];
    const first = this.#first.get(lease);
    for (let link = first === undefined ? 0 : first + 1; link !== 0; ) {
      slots.push(link - 1);
      link = this.#links.get(link - 1, cell.next);
    }
    return slots;
  }
}
