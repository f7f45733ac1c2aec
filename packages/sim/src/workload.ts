/**
 * Clients: each puts unique values and reads, through any member, one request (or one burst) at a time, and gives up after
 * its deadline. What it was told goes into the history.
 */
import type { Prng } from "@quorate/base";
import type { KvResult } from "@quorate/kv";
import type { LogIndex, NodeId, SessionProposalOutcome } from "@quorate/raft";
import type { ClientOperation, History } from "./checkers/history.ts";
import { encodePut } from "./observed-machine.ts";
import type { SessionPuts } from "./session-puts.ts";
import type { WorkloadPlan } from "./swarm.ts";
import type { World } from "./world.ts";

/** How a member answers a client. */
export type PutAnswer =
  | { readonly kind: "applied"; readonly index: LogIndex }
  | { readonly kind: "refused" }
  | { readonly kind: "unknown" };

/** How a member answers a linearizable read. */
export type ReadAnswer =
  | { readonly kind: "value"; readonly value: string | null }
  | { readonly kind: "refused" };

/** What a client can ask of a member. A member that is down never answers. */
export interface WorkloadTarget {
  /** Of the newest configuration. */
  readonly members: readonly NodeId[];
  put(node: NodeId, key: string, value: string, answered: (answer: PutAnswer) => void): void;
  read(node: NodeId, key: string, answered: (answer: ReadAnswer) => void): void;
}

/** Whoever a run's clients are. */
export interface Clients {
  /** Requests whose client still waits. */
  readonly openCount: number;
  start(): void;
  /** No new requests from here on. */
  stop(): void;
  /** One put and one read through each member, outside the clients' own rhythm. */
  probe(): void;
}

/** See the head of this file. */
export class Workload implements Clients {
  readonly #world: World;
  readonly #random: Prng;
  readonly #plan: WorkloadPlan;
  readonly #target: WorkloadTarget;
  readonly #history: History;
  readonly #sessions: SessionPuts | null;
  #valueCount = 0;
  #openCount = 0;
  #active = true;

  /** @param sessions Null in a world without them. */
  constructor(
    world: World,
    plan: WorkloadPlan,
    target: WorkloadTarget,
    history: History,
    sessions: SessionPuts | null,
  ) {
    this.#sessions = sessions;
    this.#world = world;
    this.#random = world.random.stream("workload");
    this.#plan = plan;
    this.#target = target;
    this.#history = history;
  }

  start(): void {
    for (let client = 1; client <= this.#plan.clientCount; client++) {
      this.#think(client);
    }
  }

  /** No new requests from here on. */
  stop(): void {
    this.#active = false;
    this.#sessions?.stop();
  }

  /** Requests whose client still waits. */
  get openCount(): number {
    return this.#openCount;
  }

  /** One put and one read through each member, outside the clients' own rhythm. */
  probe(): void {
    for (const node of this.#target.members) {
      this.#put(0, node, () => {});
      this.#read(node, () => {});
    }
  }

  #think(client: number): void {
    this.#world.schedule(this.#random.integer(0, 2 * this.#plan.meanThinkMs * this.#world.clientPace), () => {
      if (!this.#active) {
        return;
      }
      if (this.#world.steps.admit("operation")) {
        this.#act(client);
      } else {
        this.#think(client);
      }
    });
  }

  #act(client: number): void {
    const node = this.#random.pick(this.#target.members);
    if (this.#random.chance(this.#plan.readShare)) {
      this.#read(node, () => this.#think(client));
      return;
    }
    const burst = this.#random.integer(1, this.#plan.burstCountMax + 1);
    let open = burst;
    const done = (): void => {
      open--;
      if (open === 0) {
        this.#think(client);
      }
    };
    for (let i = 0; i < burst; i++) {
      this.#put(client, node, done);
    }
  }

  #put(client: number, node: NodeId, done: () => void): void {
    this.#valueCount++;
    const padding = this.#random.integer(0, this.#plan.valueBytesMax);
    const value = `c${client}-${this.#valueCount}-${"x".repeat(padding)}`;
    const operation = this.#history.begin("put", this.#key(), value, this.#world.nowMs);
    const once = this.#untilDeadline(operation, done);
    if (client > 0 && this.#putInSession(client, operation, value, once)) {
      return;
    }
    this.#target.put(node, operation.key, value, (answer) =>
      once(() => {
        if (answer.kind === "applied") {
          this.#history.putApplied(operation, answer.index);
        } else if (answer.kind === "refused") {
          this.#history.refused(operation);
        } else {
          this.#history.unknown(operation);
        }
        this.#world.log(`client ${client} put #${operation.id} ${answer.kind}`);
      }),
    );
  }

  /** False in a world without sessions, and while this client has none: it then puts without. */
  #putInSession(
    client: number,
    operation: ClientOperation,
    value: string,
    once: (end: () => void) => void,
  ): boolean {
    const answered = (outcome: SessionProposalOutcome<KvResult>): void =>
      once(() => {
        if (outcome.kind === "refused") {
          this.#history.refused(operation);
        } else if (outcome.kind === "unknown") {
          this.#history.unknown(operation);
        } else {
          const result = outcome.kind === "applied" ? outcome.result : null;
          this.#history.sessionPutApplied(operation, result?.type === "put" ? result.revision : null);
        }
        this.#world.log(`client ${client} session put #${operation.id} ${outcome.kind}`);
      });
    return this.#sessions?.put(client, encodePut(operation.key, value), answered) ?? false;
  }

  #read(node: NodeId, done: () => void): void {
    const operation = this.#history.begin("read", this.#key(), null, this.#world.nowMs);
    const once = this.#untilDeadline(operation, done);
    this.#target.read(node, operation.key, (answer) =>
      once(() => {
        if (answer.kind === "value") {
          this.#history.readReturned(operation, answer.value);
        } else {
          this.#history.refused(operation);
        }
        this.#world.log(`client read #${operation.id} ${answer.kind}`);
      }),
    );
  }

  /** The first of answer and deadline ends the operation; a late answer reaches nobody. */
  #untilDeadline(operation: ClientOperation, done: () => void): (end: () => void) => void {
    let ended = false;
    this.#openCount++;
    const once = (end: () => void): void => {
      if (ended) {
        return;
      }
      ended = true;
      this.#openCount--;
      end();
      done();
    };
    this.#world.schedule(this.#plan.deadlineMs, () => once(() => this.#history.unknown(operation)));
    return once;
  }

  #key(): string {
    return `k${this.#random.integer(0, this.#plan.keyCount)}`;
  }
}
