/**
 * How each world was found, in two bytes: worlds are found in the order in which their parents are expanded, so that it is enough to
 * count the children of each, and to note which of its parent's successors a world is.
 */
import { assert, must } from "@quorate/base";
import {
  type CheckpointSink,
  type CheckpointSource,
  loadNumber,
  loadNumbers,
  saveNumbers,
} from "./checkpoint.ts";
import { ByteList } from "./growing.ts";

/** Parents between two sums of children. */
const sumEvery = 1 << 12;

/** Worlds count from 0, the start, in the order in which they were found. */
export class Trail {
  /** By world: the place among the successors of its parent. The start has none. */
  #places = new ByteList();
  /** By expanded world: how many of its successors were new. */
  readonly #childCounts = new ByteList();
  /** Children of the first 0, 4,096, 8,192, … expanded worlds. */
  #sums: number[] = [0];
  #childCount = 0;
  #newest = 0;

  constructor() {
    this.#places.push(0);
  }

  /** The world that is being expanded has led to a new one. */
  found(place: number): void {
    this.#places.push(place);
    this.#newest++;
  }

  /** The world was expanded; the next one's turn. */
  expanded(): void {
    this.#childCounts.push(this.#newest);
    this.#childCount += this.#newest;
    this.#newest = 0;
    if (this.#childCounts.count % sumEvery === 0) {
      this.#sums.push(this.#childCount);
    }
  }

  /** Between two worlds. */
  save(sink: CheckpointSink): void {
    assert(this.#newest === 0, "explorer: saved while a world is expanded");
    this.#places.save(sink);
    this.#childCounts.save(sink);
    saveNumbers(sink, [this.#childCount, this.#sums.length]);
    saveNumbers(sink, this.#sums);
  }

  /** Into one in which nothing was found. */
  load(source: CheckpointSource): void {
    assert(
      this.#places.count === 1 && this.#childCounts.count === 0,
      "explorer: a trail loaded over another",
    );
    this.#places = new ByteList();
    this.#places.load(source);
    this.#childCounts.load(source);
    this.#childCount = loadNumber(source);
    this.#sums = [...loadNumbers(source, loadNumber(source))];
  }

  /** Which successor to take from the start on, to come to the world that was expanded as number `world`. */
  wayTo(world: number): number[] {
    const way: number[] = [];
    for (let at = world; at > 0; at = this.#parentOf(at)) {
      way.push(this.#places.at(at));
    }
    return way.reverse();
  }

  #parentOf(world: number): number {
    assert(world > 0, "explorer: the start has no parent");
    let block = 0;
    for (let high = this.#sums.length; high - block > 1; ) {
      const middle = (block + high) >> 1;
      if (must(this.#sums[middle], "explorer: a sum is missing") < world) {
        block = middle;
      } else {
        high = middle;
      }
    }
    // The world is the first, second, … child of all: the first sum that reaches it is its parent's.
    let sum = must(this.#sums[block], "explorer: a sum is missing");
    let parent = block * sumEvery - 1;
    while (sum < world) {
      parent++;
      // The children of the world that is being expanded are not summed up yet.
      sum += parent < this.#childCounts.count ? this.#childCounts.at(parent) : this.#newest;
    }
    assert(parent >= 0 && parent < world, "explorer: a parent is found before its child");
    return parent;
  }
}
