/** Clients of somebody's own state machine: each does what it is told to by chance, one thing at a time, through any member. */
import { assert, type Prng } from "@quorate/base";
import type { NodeId } from "@quorate/raft";
import type { ClientOperation, History } from "../checkers/history.ts";
import type { Cluster } from "../cluster.ts";
import type { WorkloadPlan } from "../swarm.ts";
import type { Clients } from "../workload.ts";
import type { World } from "../world.ts";
import { encodeOwnCommand, ownKey, ownValue, questionsKey } from "./own-machine.ts";
import type { OwnRun, SimulatedMachine } from "./own-run.ts";

/** What a client does next: it proposes a command, or asks a linearizable question. */
export type SimulatedAct<Command, Machine> =
  | { readonly command: Command }
  | { readonly query: (machine: Machine) => unknown; readonly name?: string };

/** One thing that a client did, for the check at the end. Moments are calls and returns of all clients in their order. */
export interface SimulatedOperation<Command, Result> {
  readonly client: number;
  /** Null of a question. */
  readonly command: Command | null;
  /** Of a question: as the act named it. */
  readonly name: string | null;
  readonly calledAt: number;
  /** Null where nobody was told: it may have happened or not. */
  returnedAt: number | null;
  /** Of a command. */
  result: Result | undefined;
  /** Of a question. */
  answer: unknown;
}

/** Who asks whether the cluster is well again. */
const probingClient = 0;

/** Draws of a probe until one is a command. */
const probeDrawCountMax = 1_000;

/** See the head of this file. */
export class OwnWorkload<Command, Result, Machine extends SimulatedMachine<Command, Result>>
  implements Clients
{
  readonly operations: SimulatedOperation<Command, Result>[] = [];
  readonly #world: World;
  readonly #plan: WorkloadPlan;
  readonly #cluster: Cluster;
  readonly #history: History;
  readonly #run: OwnRun<Command, Result, Machine>;
  readonly #next: (random: Prng, client: number) => SimulatedAct<Command, Machine>;
  readonly #random: Prng;
  readonly #refused = new Set<SimulatedOperation<Command, Result>>();
  #moment = 0;
  #openCount = 0;
  #isActive = true;

  constructor(
    world: World,
    plan: WorkloadPlan,
    cluster: Cluster,
    run: OwnRun<Command, Result, Machine>,
    next: (random: Prng, client: number) => SimulatedAct<Command, Machine>,
  ) {
    this.#world = world;
    this.#plan = plan;
    this.#cluster = cluster;
    this.#history = cluster.oracle.history;
    this.#run = run;
    this.#next = next;
    this.#random = world.random.stream("own-workload");
  }

  get openCount(): number {
    return this.#openCount;
  }

  start(): void {
    for (let client = 1; client <= this.#plan.clientCount; client++) {
      this.#think(client, this.#random.stream(String(client)));
    }
  }

  stop(): void {
    this.#isActive = false;
  }

  /** A command and a question through each member. */
  probe(): void {
    for (const node of this.#cluster.members) {
      this.#act(probingClient, node, { command: this.#anyCommand() }, () => {});
      this.#act(probingClient, node, { query: () => null }, () => {});
    }
  }

  #anyCommand(): Command {
    for (let i = 0; i < probeDrawCountMax; i++) {
      const act = this.#next(this.#random, probingClient);
      if ("command" in act) {
        return act.command;
      }
    }
    assert(false, "own workload: it never proposes a command");
  }

  #think(client: number, random: Prng): void {
    const pauseMs = random.integer(0, 2 * this.#plan.meanThinkMs * this.#world.clientPace);
    this.#world.schedule(pauseMs, () => {
      if (!this.#isActive) {
        return;
      }
      const again = (): void => this.#think(client, random);
      const node = random.pick(this.#cluster.members);
      const act = this.#next(random, client);
      if (this.#world.steps.admit("operation")) {
        this.#act(client, node, act, again);
      } else {
        again();
      }
    });
  }

  #act(client: number, node: NodeId, act: SimulatedAct<Command, Machine>, done: () => void): void {
    if ("command" in act) {
      this.#propose(client, node, act.command, done);
    } else {
      this.#ask(client, node, act.query, act.name ?? null, done);
    }
  }

  #propose(client: number, node: NodeId, command: Command, done: () => void): void {
    const number = this.operations.length + 1;
    const known = this.#history.begin("put", ownKey, ownValue(number), this.#world.nowMs);
    const operation = this.#begin(client, command, null);
    const once = this.#untilDeadline(known, done);
    this.#cluster.propose(node, encodeOwnCommand(number, command), (outcome) =>
      once(() => {
        if (outcome.kind === "applied") {
          this.#history.putApplied(known, outcome.index);
          operation.result = this.#run.resultAt(outcome.index);
          operation.returnedAt = this.#tick();
        } else if (outcome.kind === "refused") {
          this.#history.refused(known);
          this.#refused.add(operation);
        } else {
          this.#history.unknown(known);
        }
        this.#world.log(`client ${client} command #${number} ${outcome.kind}`);
      }),
    );
  }

  #ask(
    client: number,
    node: NodeId,
    query: (machine: Machine) => unknown,
    name: string | null,
    done: () => void,
  ): void {
    // The history of puts has nothing to say about answers of somebody's own; it counts them.
    const known = this.#history.begin("read", questionsKey, null, this.#world.nowMs);
    const operation = this.#begin(client, null, name);
    const question = `question-${this.operations.length}`;
    this.#run.ask(question, query);
    const once = this.#untilDeadline(known, done);
    this.#cluster.read(node, question, (read) =>
      once(() => {
        const answer = this.#run.takeAnswer(question);
        if (read.kind === "value") {
          this.#history.readReturned(known, null);
          operation.answer = answer;
          operation.returnedAt = this.#tick();
        } else {
          this.#history.refused(known);
        }
        this.#world.log(`client ${client} ${question} ${read.kind}`);
      }),
    );
  }

  #begin(client: number, command: Command | null, name: string | null): SimulatedOperation<Command, Result> {
    const operation: SimulatedOperation<Command, Result> = {
      client,
      command,
      name,
      calledAt: this.#tick(),
      returnedAt: null,
      result: undefined,
      answer: undefined,
    };
    this.operations.push(operation);
    return operation;
  }

  /** What happened, or may have: without what was refused, and of the questions those of clients that were answered. */
  get happened(): readonly SimulatedOperation<Command, Result>[] {
    const isTold = ({ client, returnedAt }: SimulatedOperation<Command, Result>): boolean =>
      client !== probingClient && returnedAt !== null;
    return this.operations.filter(
      (operation) => !this.#refused.has(operation) && (operation.command !== null || isTold(operation)),
    );
  }

  #tick(): number {
    this.#moment++;
    return this.#moment;
  }

  #untilDeadline(known: ClientOperation, done: () => void): (end: () => void) => void {
    let isOver = false;
    this.#openCount++;
    const once = (end: () => void): void => {
      if (!isOver) {
        isOver = true;
        this.#openCount--;
        end();
        done();
      }
    };
    this.#world.schedule(this.#plan.deadlineMs, () => once(() => this.#history.unknown(known)));
    return once;
  }
}
