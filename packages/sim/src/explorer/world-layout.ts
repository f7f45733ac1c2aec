/** A world as one row of numbers: the states of its members, the messages on its links, what is used up, the ghost. */
import { assert } from "@quorate/base";
import type { ExplorerPlan } from "./plan.ts";

/** What a world may use only so often. */
const budgets = ["proposals", "crashes", "changes", "heartbeats", "campaigns"] as const;
/** One of them. */
export type Budget = (typeof budgets)[number];

/** Where everything stands in a row. Members count from 0 here. */
export class WorldLayout {
  readonly nodeCount: number;
  readonly linkCapacity: number;
  readonly width: number;
  readonly ghostAt: number;
  readonly #budgetsAt: number;

  constructor(plan: ExplorerPlan) {
    this.nodeCount = plan.nodeCount;
    this.linkCapacity = plan.linkCapacity;
    this.#budgetsAt = plan.nodeCount + plan.nodeCount * plan.nodeCount * plan.linkCapacity;
    this.ghostAt = this.#budgetsAt + budgets.length;
    this.width = this.ghostAt + 1;
  }

  /** The first place of the link; `linkCapacity` places, filled from the front. Links to oneself stay empty. */
  linkAt(from: number, to: number): number {
    assert(from < this.nodeCount && to < this.nodeCount, "explorer: no such link");
    return this.nodeCount + (from * this.nodeCount + to) * this.linkCapacity;
  }

  budgetAt(budget: Budget): number {
    return this.#budgetsAt + budgets.indexOf(budget);
  }

  /** Puts a message at the end of a link; one that finds it full is lost. */
  send(row: Int32Array, from: number, to: number, message: number): void {
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

  /** Takes the oldest message off a link; 0 when it is empty. */
  receive(row: Int32Array, from: number, to: number): number {
    const start = this.linkAt(from, to);
    const end = start + this.linkCapacity;
    const message = row[start] as number;
    row.copyWithin(start, start + 1, end);
    row[end - 1] = 0;
    return message;
  }
}
