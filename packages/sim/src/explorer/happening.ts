/** What one action makes of a world, and whether what Figure 3 of the Raft paper promises still holds in it. */
import { assert, unreachable } from "@quorate/base";
import { toNodeId } from "@quorate/raft";
import type { ActionKind } from "./actions.ts";
import { budgets } from "./budgets.ts";
import type { Ghosts } from "./ghost.ts";
import {
  campaignInput,
  diskInput,
  heartbeatInput,
  messageInput,
  proposeInput,
  removalInput,
  replacementInput,
} from "./inputs.ts";
import { LogMatching } from "./log-matching.ts";
import type { WorldView } from "./world-view.ts";

/** See the head of this file. */
export class Happening {
  readonly #view: WorldView;
  readonly #ghosts: Ghosts;
  readonly #matching: LogMatching;

  constructor(view: WorldView, ghosts: Ghosts) {
    this.#view = view;
    this.#ghosts = ghosts;
    this.#matching = new LogMatching(view.locals.facts);
  }

  /** Puts the start into `row`: nothing has happened. */
  begin(row: Int32Array): void {
    row.fill(0);
    for (let node = 0; node < this.#view.plan.nodeCount; node++) {
      row[this.#view.layout.stateAt(node)] = this.#view.locals.fresh(toNodeId(node + 1));
    }
    this.#forgetDisks(row);
  }

  /** Changes `row`. @throws Violation when that breaks a promise. */
  happen(row: Int32Array, kind: ActionKind, node: number, other: number, spare: number): void {
    const before = this.#view.stateOf(row, node);
    if (kind === "crash") {
      this.#view.layout.spend(row, budgets.crashes);
      this.#enter(row, node, this.#view.locals.crashed(before));
      this.#forgetDisks(row);
      return;
    }
    const input =
      kind === "deliver"
        ? messageInput(this.#view.layout.take(row, other, node, 0))
        : inputNumber(kind, other, spare);
    assert(kind !== "drop", "explorer: what is dropped does not happen");
    this.#spendFor(row, kind);
    const locals = this.#view.locals;
    const step = locals.step(before, input);
    const sentCount = locals.sentCount(step);
    for (let i = 0; i < sentCount; i++) {
      const to = locals.receiver(step, i);
      if (to < this.#view.plan.nodeCount) {
        this.#view.layout.send(row, node, to, locals.message(step, i));
      }
    }
    this.#enter(row, node, locals.next(step));
  }

  #spendFor(row: Int32Array, kind: ActionKind): void {
    if (kind === "propose") {
      this.#view.layout.spend(row, budgets.proposals);
    } else if (kind === "remove" || kind === "replace") {
      this.#view.layout.spend(row, budgets.changes);
    } else if (kind === "heartbeat") {
      this.#view.layout.spend(row, budgets.heartbeats);
    } else if (kind === "campaign" && this.#view.plan.campaignCountMax !== null) {
      // What is not limited is not counted: worlds would differ in nothing else.
      this.#view.layout.spend(row, budgets.campaigns);
    }
  }

  /** The member comes into a state: what is promised about it, alone and beside the others, must hold. */
  #enter(row: Int32Array, node: number, state: number): void {
    const { facts } = this.#view.locals;
    const { ghostAt } = this.#view.layout;
    const at = this.#view.layout.stateAt(node);
    const before = row[at] as number;
    row[at] = this.#view.kept(row, state);
    const history = facts.history(state);
    // PERF: what was added before adds nothing.
    if (history !== 0 && history !== facts.history(before)) {
      row[ghostAt] = this.#ghosts.after(row[ghostAt] as number, history, facts.of(state));
    }
    const log = facts.logNumber(state);
    if (log === facts.logNumber(before)) {
      return;
    }
    for (let other = 0; other < this.#view.plan.nodeCount; other++) {
      if (other !== node) {
        this.#matching.check(log, facts.logNumber(this.#view.stateOf(row, other)));
      }
    }
  }

  #forgetDisks(row: Int32Array): void {
    for (let node = 0; node < this.#view.plan.nodeCount; node++) {
      const at = this.#view.layout.stateAt(node);
      row[at] = this.#view.kept(row, row[at] as number);
    }
  }
}

/** The number of an action's input, but for deliveries, whose message stands in the world, and crashes, which are none: 0. */
export function inputNumber(kind: ActionKind, other: number, spare: number): number {
  switch (kind) {
    case "propose":
      return proposeInput;
    case "remove":
      return removalInput(other);
    case "replace":
      return replacementInput(other, spare);
    case "heartbeat":
      return heartbeatInput;
    case "campaign":
      return campaignInput;
    case "disk":
      return diskInput;
    case "deliver":
    case "drop":
    case "crash":
      return 0;
    default:
      return unreachable(kind);
  }
}
