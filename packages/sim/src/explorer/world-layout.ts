/** A world as one row of numbers: the messages on its links, the states of its members, what is used up, the ghost. */
import { assert } from "@quorate/base";
import { type Budget, budgetMax } from "./budgets.ts";
import type { ExplorerPlan } from "./plan.ts";

/** Where everything stands in a row. Members count from 0 here. */
export class WorldLayout {
  readonly nodeCount: number;
  readonly linkCapacity: number;
  readonly width: number;
  /** Messages stand before it. */
  readonly linksEnd: number;
  readonly usedAt: number;
  readonly ghostAt: number;
  /** The first place of each link, by `from * nodeCount + to`. */
  readonly #links: readonly number[];

  constructor(plan: ExplorerPlan) {
    const { nodeCount, linkCapacity } = plan;
    this.nodeCount = nodeCount;
    this.linkCapacity = linkCapacity;
    const links: number[] = [];
    let end = 0;
    for (let from = 0; from < nodeCount; from++) {
      for (let to = 0; to < nodeCount; to++) {
        links.push(end);
        // Nobody writes to itself.
        end += from === to ? 0 : linkCapacity;
      }
    }
    this.#links = links;
    this.linksEnd = end;
    this.usedAt = end + nodeCount;
    this.ghostAt = this.usedAt + 1;
    this.width = this.ghostAt + 1;
  }

  stateAt(node: number): number {
    return this.linksEnd + node;
  }

  /** The first place of the link; `linkCapacity` places, filled from the front. */
  linkAt(from: number, to: number): number {
    return this.#links[from * this.nodeCount + to] as number;
  }

  used(row: Int32Array, budget: Budget): number {
    return ((row[this.usedAt] as number) >> budget) & budgetMax;
  }

  spend(row: Int32Array, budget: Budget): void {
    assert(this.used(row, budget) < budgetMax, "explorer: used up more often than can be counted");
    row[this.usedAt] = (row[this.usedAt] as number) + (1 << budget);
  }

  /** Puts a message at the end of a link; one that finds it full is lost, where a plan has that at all. */
  send(row: Int32Array, from: number, to: number, message: number): void {
    assert(from !== to, "explorer: a message to oneself");
    const start = this.linkAt(from, to);
    for (let at = start; at < start + this.linkCapacity; at++) {
      if (row[at] === 0) {
        row[at] = message;
        return;
      }
    }
  }

  /** Empty places of a link. */
  room(row: Int32Array, from: number, to: number): number {
    const start = this.linkAt(from, to);
    let room = 0;
    for (let at = start; at < start + this.linkCapacity; at++) {
      room += row[at] === 0 ? 1 : 0;
    }
    return room;
  }

  /** The oldest message of a link; 0 when it is empty. */
  head(row: Int32Array, from: number, to: number): number {
    return from === to ? 0 : (row[this.linkAt(from, to)] as number);
  }

  /** Takes a message off a link; those behind it move up. */
  take(row: Int32Array, from: number, to: number, place: number): number {
    const start = this.linkAt(from, to);
    const last = start + this.linkCapacity - 1;
    const message = row[start + place] as number;
    assert(from !== to && message !== 0, "explorer: nothing to take");
    for (let at = start + place; at < last; at++) {
      row[at] = row[at + 1] as number;
    }
    row[last] = 0;
    return message;
  }
}
