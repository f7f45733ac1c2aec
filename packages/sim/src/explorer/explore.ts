/**
 * Every world that can be reached within a plan, by breadth: the real core under all orders of deliveries, time-outs, disk
 * completions, crashes and changes. What Figure 3 of the Raft paper promises is checked in each.
 */
import { assert, emptyBytes, must, unreachable } from "@quorate/base";
import { type ConfState, type NodeId, toNodeId } from "@quorate/raft";
import { promise, Violation } from "../violation.ts";
import { type Action, type ActionKind, describeAction, packAction, unpackAction } from "./actions.ts";
import { Ghosts } from "./ghost.ts";
import type { LocalInput } from "./local-node.ts";
import { type LocalFacts, LocalStates } from "./local-states.ts";
import { exchanges } from "./names.ts";
import { NumberList, RowQueue } from "./numbers.ts";
import { checkExplorerPlan, defaultExplorerPlan, type ExplorerPlan } from "./plan.ts";
import { VisitedWorlds } from "./visited-worlds.ts";
import { type Budget, WorldLayout } from "./world-layout.ts";

/** How far an exploration has come. */
export interface ExplorerProgress {
  /** Worlds met, of worlds that differ only in the names of members one. */
  readonly worldCount: number;
  /** Worlds whose every next step has been taken. */
  readonly expandedCount: number;
  readonly stepCount: number;
  /** Steps from the start to the worlds that are expanded now. */
  readonly depth: number;
  readonly localStateCount: number;
  readonly messageCount: number;
  /** The longest committed log in any world. */
  readonly committedMax: number;
}

/** What an exploration found. */
export interface ExplorerReport extends ExplorerProgress {
  /** Whether all reachable worlds were expanded: no violation, no limit. */
  readonly complete: boolean;
  readonly violation: Violation | null;
  /** The shortest way to the violation, one line a step; empty without one. */
  readonly way: readonly string[];
}

/** How an exploration is watched and limited. */
export interface ExploreOptions {
  /** What differs from {@link defaultExplorerPlan}. */
  readonly plan?: Partial<ExplorerPlan>;
  /** Stops after so many worlds; the report then says that it is not complete. */
  readonly worldCountMax?: number;
  readonly onProgress?: (progress: ExplorerProgress) => void;
  /** Worlds between two calls of `onProgress`. The default is 100,000. */
  readonly progressInterval?: number;
}

/**
 * Explores.
 *
 * @example
 * ```ts
 * import { explore } from "@quorate/sim";
 * const report = explore({ plan: { termMax: 1, proposalCountMax: 1, crashCountMax: 0, confChangeCountMax: 0 } });
 * if (!report.complete) throw report.violation ?? new Error("not all worlds were visited");
 * ```
 */
export function explore(options: ExploreOptions = {}): ExplorerReport {
  const plan = { ...defaultExplorerPlan, ...options.plan };
  checkExplorerPlan(plan);
  return new Exploration(plan, options).run();
}

class Exploration {
  readonly #plan: ExplorerPlan;
  readonly #options: ExploreOptions;
  readonly #layout: WorldLayout;
  readonly #exchanges: ReturnType<typeof exchanges>;
  readonly #locals: LocalStates;
  readonly #ghosts: Ghosts;
  readonly #visited = new VisitedWorlds();
  readonly #queue: RowQueue;
  /** By the order of discovery: from which world, and by which action. */
  readonly #parents = new NumberList();
  readonly #actions = new NumberList();
  readonly #matching = new Set<number>();
  readonly #row: Int32Array;
  readonly #next: Int32Array;
  readonly #ids: readonly NodeId[];
  #expandedCount = 0;
  #stepCount = 0;
  #depth = 0;
  #depthEnd = 1;

  constructor(plan: ExplorerPlan, options: ExploreOptions) {
    this.#plan = plan;
    this.#options = options;
    this.#layout = new WorldLayout(plan);
    this.#exchanges = exchanges(plan.nodeCount);
    this.#ids = Array.from({ length: plan.nodeCount }, (_, i) => toNodeId(i + 1));
    const confState: ConfState = {
      voters: this.#ids.slice(0, plan.voterCount),
      learners: [],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
    this.#locals = new LocalStates(
      { confState, preVote: plan.preVote, diskForgets: plan.diskForgets },
      this.#exchanges,
    );
    this.#ghosts = new Ghosts(this.#exchanges);
    this.#queue = new RowQueue(this.#layout.width);
    this.#row = new Int32Array(this.#layout.width);
    this.#next = new Int32Array(this.#layout.width);
  }

  run(): ExplorerReport {
    for (const [node, id] of this.#ids.entries()) {
      this.#next[node] = this.#locals.fresh(id);
    }
    this.#discover(-1, 0);
    try {
      while (this.#queue.count > 0) {
        if (this.#visited.count >= (this.#options.worldCountMax ?? Number.POSITIVE_INFINITY)) {
          return this.#report(false, null, []);
        }
        this.#expandNext();
      }
    } catch (error) {
      const violation =
        error instanceof Violation ? error : new Violation("invariant", String(error), { cause: error });
      return this.#report(false, violation, this.#way());
    }
    return this.#report(true, null, []);
  }

  #expandNext(): void {
    if (this.#expandedCount === this.#depthEnd) {
      this.#depth++;
      this.#depthEnd = this.#visited.count;
    }
    this.#queue.shift(this.#row);
    if (!this.#expandOne()) {
      for (let node = 0; node < this.#plan.nodeCount; node++) {
        this.#expandNode(node);
      }
    }
    this.#expandedCount++;
    if (this.#expandedCount % (this.#options.progressInterval ?? 100_000) === 0) {
      this.#options.onProgress?.(this.#progress());
    }
  }

  /**
   * Where one member can only wait for its disk, and a step of the others neither changes that nor is changed by it, the orders of the
   * two lead to the same worlds: it is enough to take the member's step first. A message that is too old to do anything is dropped
   * first for the same reason. Whether there was such a step.
   */
  #expandOne(): boolean {
    for (let node = 0; node < this.#plan.nodeCount; node++) {
      const facts = this.#factsOf(node);
      if (facts.pendingCount >= this.#plan.pendingBatchesMax && this.#hasRoomAfterDisk(node)) {
        this.#expandNode(node);
        return true;
      }
      // A term that is not durable yet may be forgotten, and the message count again.
      const stale = facts.pendingCount === 0 ? this.#staleSender(node, facts.term) : -1;
      if (stale >= 0) {
        this.#try("deliver", node, stale);
        return true;
      }
    }
    return false;
  }

  /** From whom the next message is of an earlier term, to which nobody here answers; -1 when from nobody. */
  #staleSender(node: number, term: number): number {
    for (let from = 0; from < this.#plan.nodeCount && !this.#plan.preVote; from++) {
      const message = this.#row[this.#layout.linkAt(from, node)] as number;
      if (message !== 0 && this.#locals.messages.get(message).term < term) {
        return from;
      }
    }
    return -1;
  }

  /** Whether nothing is lost on a full link when the member's disk finishes a batch; else the order of steps counts. */
  #hasRoomAfterDisk(node: number): boolean {
    const { sent } = this.#locals.step(this.#row[node] as number, "d", () => ({ kind: "disk" }));
    for (let to = 0; to < this.#plan.nodeCount; to++) {
      const count = sent.filter((one) => one.to === to + 1).length;
      if (count > this.#layout.room(this.#row, node, to)) {
        return false;
      }
    }
    return true;
  }

  /** Everything that can happen to one member next. */
  #expandNode(node: number): void {
    const facts = this.#factsOf(node);
    if (facts.pendingCount > 0) {
      this.#try("disk", node);
    }
    if (this.#left("crashes", this.#plan.crashCountMax)) {
      this.#try("crash", node);
    }
    if (facts.pendingCount >= this.#plan.pendingBatchesMax) {
      return;
    }
    for (let from = 0; from < this.#plan.nodeCount; from++) {
      if (this.#row[this.#layout.linkAt(from, node)] !== 0) {
        this.#try("deliver", node, from);
      }
    }
    if (facts.role === "leader") {
      this.#expandLeader(node, facts);
    } else if (
      facts.term < this.#plan.termMax &&
      this.#left("campaigns", this.#plan.campaignCountMax ?? Number.POSITIVE_INFINITY)
    ) {
      this.#try("campaign", node);
    }
  }

  #expandLeader(node: number, facts: LocalFacts): void {
    if (this.#left("heartbeats", this.#plan.heartbeatCountMax)) {
      this.#try("heartbeat", node);
    }
    if (this.#left("proposals", this.#plan.proposalCountMax)) {
      this.#try("propose", node);
    }
    if (!this.#left("changes", this.#plan.confChangeCountMax)) {
      return;
    }
    for (const voter of facts.confState.voters) {
      if (facts.confState.voters.length > 1) {
        this.#try("remove", node, voter - 1);
      }
      for (const spare of this.#ids.filter((id) => !facts.confState.voters.includes(id))) {
        this.#try("replace", node, voter - 1, spare - 1);
      }
    }
  }

  #left(budget: Budget, max: number): boolean {
    return (this.#row[this.#layout.budgetAt(budget)] as number) < max;
  }

  #try(kind: ActionKind, node: number, other = 0, spare = 0): void {
    this.#stepCount++;
    const packed = packAction(kind, node, other, spare);
    this.#next.set(this.#row);
    try {
      this.#happen(unpackAction(packed));
    } catch (error) {
      // The way to the violation ends with the step that showed it.
      this.#parents.push(this.#expandedCount);
      this.#actions.push(packed);
      throw error;
    }
    this.#discover(this.#expandedCount, packed);
  }

  /** Changes `#next`. */
  #happen(action: Action): void {
    const { kind, node } = action;
    const row = this.#next;
    const before = row[node] as number;
    if (kind === "crash") {
      this.#spend("crashes");
      this.#enter(node, this.#locals.crashed(before));
      return;
    }
    const { name, input } = this.#inputOf(action);
    const step = this.#locals.step(before, name, input);
    for (const { to, message } of step.sent) {
      if (to <= this.#plan.nodeCount) {
        this.#layout.send(row, node, to - 1, message);
      }
    }
    this.#enter(node, step.state);
  }

  /** The input of an action and its name among the inputs of one member. Takes what it needs out of `#next`. */
  #inputOf(action: Action): { readonly name: string; readonly input: () => LocalInput } {
    const { kind, node, other, spare } = action;
    switch (kind) {
      case "deliver": {
        const message = this.#layout.receive(this.#next, other, node);
        assert(message !== 0, "explorer: nothing to deliver");
        return {
          name: `m${message}`,
          input: () => ({ kind: "deliver", message: this.#locals.messages.get(message) }),
        };
      }
      case "propose": {
        const value = this.#spend("proposals");
        return { name: `p${value}`, input: () => ({ kind: "propose", value }) };
      }
      case "remove":
        this.#spend("changes");
        return {
          name: `r${other}`,
          input: () => ({
            kind: "change",
            change: {
              transition: "auto",
              changes: [{ op: "remove", id: toNodeId(other + 1) }],
              context: emptyBytes,
            },
          }),
        };
      case "replace":
        this.#spend("changes");
        return {
          name: `x${other}.${spare}`,
          input: () => ({
            kind: "change",
            change: {
              transition: "auto",
              changes: [
                { op: "remove", id: toNodeId(other + 1) },
                { op: "add-voter", id: toNodeId(spare + 1) },
              ],
              context: emptyBytes,
            },
          }),
        };
      case "heartbeat":
        this.#spend("heartbeats");
        return { name: "h", input: () => ({ kind }) };
      case "campaign":
        // What is not limited is not counted: worlds would differ in nothing else.
        if (this.#plan.campaignCountMax !== null) {
          this.#spend("campaigns");
        }
        return { name: "c", input: () => ({ kind }) };
      case "disk":
        return { name: "d", input: () => ({ kind }) };
      default:
        assert(kind !== "crash", "explorer: a crash is no input");
        return unreachable(kind);
    }
  }

  /** Uses one up; how many are used now. */
  #spend(budget: Budget): number {
    const at = this.#layout.budgetAt(budget);
    const used = (this.#next[at] as number) + 1;
    this.#next[at] = used;
    return used;
  }

  /** The member comes into a state: what is promised about it, alone and beside the others, must hold. */
  #enter(node: number, state: number): void {
    const row = this.#next;
    row[node] = state;
    const id = must(this.#ids[node], "explorer: no such member");
    const { ghostAt } = this.#layout;
    row[ghostAt] = this.#ghosts.after(row[ghostAt] as number, id, state, this.#locals.facts(state));
    for (let other = 0; other < this.#plan.nodeCount; other++) {
      if (other !== node) {
        this.#checkMatching(state, row[other] as number);
      }
    }
  }

  /** FIG 3 Log Matching: entries of one term at one index, then everything before them is equal. Checked once for each pair. */
  #checkMatching(left: number, right: number): void {
    const key = left < right ? left * 2 ** 26 + right : right * 2 ** 26 + left;
    if (this.#matching.has(key)) {
      return;
    }
    const a = this.#locals.facts(left).log;
    const b = this.#locals.facts(right).log;
    let equal = true;
    for (let i = 0; i < Math.min(a.length, b.length); i++) {
      const here = a[i] === b[i];
      promise(
        here ? equal : termOf(a[i]) !== termOf(b[i]),
        "log-matching",
        () => `logs ${a.join(" ")} and ${b.join(" ")} differ, but hold one term at index ${i + 1}`,
      );
      equal = here;
    }
    this.#matching.add(key);
  }

  /** Notes the world in `#next` unless it, or one that differs in names only, is known. */
  #discover(parent: number, action: number): void {
    if (this.#isNew()) {
      this.#queue.push(this.#next);
      this.#parents.push(parent);
      this.#actions.push(action);
    }
  }

  /** The least of the hashes under all exchanges of names stands for the world. */
  #isNew(): boolean {
    let bestLow = 0xffffffff;
    let bestHigh = 0xffffffff;
    for (let exchange = 0; exchange < this.#exchanges.length; exchange++) {
      if (!this.#isOrdered(exchange)) {
        continue;
      }
      const { low, high } = this.#hashUnder(exchange);
      if (high < bestHigh || (high === bestHigh && low < bestLow)) {
        bestLow = low;
        bestHigh = high;
      }
    }
    return this.#visited.add(bestLow, bestHigh);
  }

  /** Whether the exchange puts members in the order of their signatures. PERF: most often one of six does. */
  #isOrdered(exchange: number): boolean {
    const places = this.#exchanges[exchange] as readonly number[];
    for (let a = 0; a < places.length; a++) {
      for (let b = 0; b < places.length; b++) {
        const isBefore = (places[a] as number) < (places[b] as number);
        if (isBefore && this.#signatureOf(a) > this.#signatureOf(b)) {
          return false;
        }
      }
    }
    return true;
  }

  #signatureOf(node: number): number {
    return this.#locals.signature(this.#next[node] as number);
  }

  #hashUnder(exchange: number): { readonly low: number; readonly high: number } {
    const { nodeCount, linkCapacity, ghostAt } = this.#layout;
    const row = this.#next;
    const places = this.#exchanges[exchange] as readonly number[];
    let low = 0;
    let high = 0;
    // Sums of mixed (place, content) pairs: the places need not be visited in the order of their new names.
    const add = (place: number, content: number): void => {
      low = (low + mix(Math.imul(place + 1, 0x9e3779b1) ^ content)) >>> 0;
      high = (high + mix(Math.imul(place + 77, 0x85ebca77) + Math.imul(content, 0xc2b2ae3d))) >>> 0;
    };
    for (let node = 0; node < nodeCount; node++) {
      const place = places[node] as number;
      add(place, this.#locals.textUnder(row[node] as number, exchange));
      for (let to = 0; to < nodeCount; to++) {
        const from = this.#layout.linkAt(node, to);
        const renamed = this.#layout.linkAt(place, places[to] as number);
        for (let i = 0; i < linkCapacity; i++) {
          const message = row[from + i] as number;
          if (message !== 0) {
            add(renamed + i, this.#locals.messages.textUnder(message, exchange));
          }
        }
      }
    }
    for (let at = this.#layout.budgetAt("proposals"); at < ghostAt; at++) {
      add(at, row[at] as number);
    }
    add(ghostAt, this.#ghosts.textUnder(row[ghostAt] as number, exchange));
    return { low, high };
  }

  #factsOf(node: number): LocalFacts {
    return this.#locals.facts(this.#row[node] as number);
  }

  /** The actions that led to the last discovery, from the start. */
  #way(): string[] {
    const way: string[] = [];
    let world = this.#visited.count;
    while (world > 0) {
      way.push(describeAction(unpackAction(this.#actions.at(world))));
      world = this.#parents.at(world);
    }
    return way.reverse();
  }

  #progress(): ExplorerProgress {
    return {
      worldCount: this.#visited.count,
      expandedCount: this.#expandedCount,
      stepCount: this.#stepCount,
      depth: this.#depth,
      localStateCount: this.#locals.count,
      messageCount: this.#locals.messages.count,
      committedMax: this.#ghosts.committedMax,
    };
  }

  #report(complete: boolean, violation: Violation | null, way: readonly string[]): ExplorerReport {
    return { ...this.#progress(), complete, violation, way };
  }
}

function termOf(entry: string | undefined): string {
  return must(entry, "explorer: no entry").split(":", 1)[0] as string;
}

function mix(value: number): number {
  let z = value | 0;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}
