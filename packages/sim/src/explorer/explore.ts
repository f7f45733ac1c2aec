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
  /** Worlds met: of those that differ only in the names of members one, and none in which some step has no alternative. */
  readonly worldCount: number;
  /** Worlds whose every next step has been taken. */
  readonly expandedCount: number;
  readonly stepCount: number;
  /** Worlds that were met and wait for their next steps to be taken. */
  readonly frontierCount: number;
  /** Steps from the start to the worlds that are expanded now; those that have no alternative do not count. */
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

/** So many different logs at most, so that a pair of them is a small number. */
const logCountMax = 2 ** 15;

/** Inputs of one member as numbers; where several follow, the first of them. */
const inputNumbers = {
  disk: 0,
  heartbeat: 1,
  campaign: 2,
  removal: 8,
  replacement: 64,
  proposal: 128,
  message: 256,
} as const;

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
    this.#begin();
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

  /** Puts the start into `#next`. */
  #begin(): void {
    this.#next.fill(0);
    for (const [node, id] of this.#ids.entries()) {
      this.#next[node] = this.#locals.fresh(id);
    }
  }

  #expandNext(): void {
    if (this.#expandedCount === this.#depthEnd) {
      this.#depth++;
      this.#depthEnd = this.#visited.count;
    }
    this.#queue.shift(this.#row);
    const waiting = this.#waiting(this.#row);
    if (waiting >= 0) {
      this.#expandNode(waiting);
    } else {
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
   * A member that can only wait for its disk, or crash: a step of the others neither changes that nor is changed by it, so that the
   * orders of the two lead to the same worlds, and it is enough to take this member's steps first. -1 when there is none.
   */
  #waiting(row: Int32Array): number {
    for (let node = 0; node < this.#plan.nodeCount; node++) {
      const { pendingCount } = this.#locals.facts(row[node] as number);
      if (pendingCount >= this.#plan.pendingBatchesMax && this.#hasRoomAfterDisk(row, node)) {
        return node;
      }
    }
    return -1;
  }

  /**
   * Takes every step in `#next` that has no alternative and whose order among the others does not matter, so that the worlds in between are
   * not kept: messages that do nothing are dropped, and a disk finishes its batch when nobody can crash any more.
   */
  #settle(taken: (action: Action) => void): void {
    for (let action = this.#forced(); action !== null; action = this.#forced()) {
      taken(action);
      this.#happen(action);
    }
  }

  #forced(): Action | null {
    const row = this.#next;
    for (let node = 0; node < this.#plan.nodeCount; node++) {
      const other = this.#idleSender(row, node);
      if (other >= 0) {
        return { kind: "deliver", node, other, spare: 0 };
      }
    }
    const mayCrash = (row[this.#layout.budgetAt("crashes")] as number) < this.#plan.crashCountMax;
    const node = mayCrash ? -1 : this.#waiting(row);
    return node < 0 ? null : { kind: "disk", node, other: 0, spare: 0 };
  }

  /** From whom the next message does nothing here, neither now nor later; -1 when from nobody. */
  #idleSender(row: Int32Array, node: number): number {
    const state = row[node] as number;
    const facts = this.#locals.facts(state);
    // A term that is not durable yet may be forgotten, and the message count again; a trial of an election is answered in any term.
    if (facts.pendingCount > 0 || this.#plan.preVote) {
      return -1;
    }
    for (let from = 0; from < this.#plan.nodeCount; from++) {
      const message = row[this.#layout.linkAt(from, node)] as number;
      if (message !== 0 && this.#isIdle(state, facts, message)) {
        return from;
      }
    }
    return -1;
  }

  /**
   * Of an earlier term; or an answer to what the member no longer is in its term, and so never is again; or what its follower, whose
   * answers come in order, has acknowledged before.
   */
  #isIdle(state: number, facts: LocalFacts, number: number): boolean {
    const message = this.#locals.messages.get(number);
    if (message.term !== facts.term) {
      return message.term < facts.term;
    }
    const isAnswer =
      (message.type === "vote-response" && facts.role !== "candidate") ||
      (message.type === "append-response" && !(facts.role === "leader" && message.rejected));
    if (!isAnswer) {
      return false;
    }
    const step = this.#locals.step(state, inputNumbers.message + number, () => ({
      kind: "deliver",
      message,
    }));
    return step.state === state && step.sent.length === 0;
  }

  /** Whether nothing is lost on a full link when the member's disk finishes a batch; else the order of steps counts. */
  #hasRoomAfterDisk(row: Int32Array, node: number): boolean {
    const { sent } = this.#locals.step(row[node] as number, inputNumbers.disk, () => ({ kind: "disk" }));
    for (let to = 0; to < this.#plan.nodeCount; to++) {
      const count = sent.filter((one) => one.to === to + 1).length;
      if (count > this.#layout.room(row, node, to)) {
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
      this.#settle(() => {});
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
    const { number, input } = this.#inputOf(action);
    const step = this.#locals.step(before, number, input);
    for (const { to, message } of step.sent) {
      if (to <= this.#plan.nodeCount) {
        this.#layout.send(row, node, to - 1, message);
      }
    }
    this.#enter(node, step.state);
  }

  /** The input of an action and its number among the inputs of one member. Takes what it needs out of `#next`. */
  #inputOf(action: Action): { readonly number: number; readonly input: () => LocalInput } {
    const { kind, node, other, spare } = action;
    switch (kind) {
      case "deliver": {
        const message = this.#layout.receive(this.#next, other, node);
        assert(message !== 0, "explorer: nothing to deliver");
        return {
          number: inputNumbers.message + message,
          input: () => ({ kind: "deliver", message: this.#locals.messages.get(message) }),
        };
      }
      case "propose": {
        const value = this.#spend("proposals");
        return { number: inputNumbers.proposal + value, input: () => ({ kind: "propose", value }) };
      }
      case "remove":
        this.#spend("changes");
        return {
          number: inputNumbers.removal + other,
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
          number: inputNumbers.replacement + other * 8 + spare,
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
        return { number: inputNumbers.heartbeat, input: () => ({ kind }) };
      case "campaign":
        // What is not limited is not counted: worlds would differ in nothing else.
        if (this.#plan.campaignCountMax !== null) {
          this.#spend("campaigns");
        }
        return { number: inputNumbers.campaign, input: () => ({ kind }) };
      case "disk":
        return { number: inputNumbers.disk, input: () => ({ kind }) };
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

  /** FIG 3 Log Matching: entries of one term at one index, then everything before them is equal. Checked once for each pair of logs. */
  #checkMatching(left: number, right: number): void {
    const { log: a, logNumber: aNumber } = this.#locals.facts(left);
    const { log: b, logNumber: bNumber } = this.#locals.facts(right);
    assert(aNumber < logCountMax && bNumber < logCountMax, "explorer: too many logs");
    const key = aNumber < bNumber ? aNumber * logCountMax + bNumber : bNumber * logCountMax + aNumber;
    if (this.#matching.has(key)) {
      return;
    }
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

  /** What led to the last discovery, from the start, with the steps that had no alternative. */
  #way(): string[] {
    const actions: Action[] = [];
    for (let world = this.#visited.count; world > 0; world = this.#parents.at(world)) {
      actions.push(unpackAction(this.#actions.at(world)));
    }
    const way: string[] = [];
    const take = (action: Action): void => {
      way.push(describeAction(action));
    };
    this.#begin();
    try {
      for (const action of actions.reverse()) {
        take(action);
        this.#happen(action);
        this.#settle(take);
      }
    } catch (error) {
      // The last step is the one that breaks the promise, as it did before.
      assert(error instanceof Error, "explorer: not an error");
    }
    return way;
  }

  #progress(): ExplorerProgress {
    return {
      worldCount: this.#visited.count,
      expandedCount: this.#expandedCount,
      frontierCount: this.#queue.count,
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
