/** A story on this machine: every server is a RaftNode with its own port, log and clock, all in this process. */
import { mkdirSync, readdirSync } from "node:fs";
import { must } from "@quorate/base";
import type { PeerFrame } from "@quorate/raft";
import { CommandError } from "../../cli/exit-code.ts";
import { writeCommand } from "../counter.ts";
import type { Tell } from "../events.ts";
import { Groups } from "../groups.ts";
import type { ClusterPlan } from "../options.ts";
import type { Done, ServerView, Stage } from "../stage.ts";
import { portOf, RealServer } from "./real-server.ts";

/** Requests to the leader take so long at most. */
const requestMsMax = 10_000;

/** See the head of this file. */
export class RealStage implements Stage {
  readonly #plan: ClusterPlan;
  readonly #folder: string;
  readonly #tell: Tell;
  readonly #startedMs: number = performance.now();
  readonly #servers: Map<number, RealServer> = new Map();
  readonly #groups: Groups = new Groups();

  constructor(plan: ClusterPlan, folder: string, tell: Tell) {
    this.#plan = plan;
    this.#folder = folder;
    this.#tell = tell;
    const founders = Array.from({ length: plan.serverCount }, (_, i) => i + 1);
    for (const id of [...new Set([...founders, ...serversIn(folder)])].sort((left, right) => left - right)) {
      this.#create(id, founders);
    }
  }

  #create(id: number, founders: readonly number[]): RealServer {
    const server = new RealServer({
      id,
      plan: this.#plan,
      folder: this.#folder,
      founders,
      peers: () =>
        Object.fromEntries(
          [...this.#servers.keys()]
            .filter((peer) => founders.includes(peer))
            .map((peer) => [peer, this.#address(peer)]),
        ),
      connected: (from, to) => this.connected(from, to),
      passed: (from, to, frame) => this.#passed(from, to, frame),
      tell: this.#tell,
    });
    this.#servers.set(id, server);
    return server;
  }

  #address(id: number): string {
    return `127.0.0.1:${portOf(this.#plan, id)}`;
  }

  #server(id: number): RealServer {
    return must(this.#servers.get(id), "story: no such server");
  }

  #passed(from: number, to: number, frame: PeerFrame): void {
    if (frame.kind === "message") {
      const { term, type } = frame.message;
      this.#tell({ event: "message", message: type, from, to, term });
    }
  }

  get nowMs(): number {
    return performance.now() - this.#startedMs;
  }

  servers(): readonly ServerView[] {
    return [...this.#servers.values()].map((server) => server.view());
  }

  connected(left: number, right: number): boolean {
    return this.#groups.connected(left, right);
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  }

  /** All at once; they are announced in order. */
  start(done: Done): void {
    settle(this.#startServers([...this.#servers.values()].filter(({ state }) => state === "down")), done);
  }

  async #startServers(servers: readonly RealServer[]): Promise<void> {
    const outcomes = await Promise.allSettled(servers.map((server) => this.#open(server)));
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (failed !== undefined) {
      throw failed.reason;
    }
    for (const server of servers) {
      server.announce();
    }
  }

  async #open(server: RealServer): Promise<void> {
    try {
      await server.open();
    } catch (error) {
      const inUse = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
      throw inUse
        ? new CommandError(`port ${server.port} is in use: stop the program that has it, or choose --port`)
        : error;
    }
  }

  kill(id: number, done: Done): void {
    settle(this.#server(id).kill(), done);
  }

  restart(id: number, done: Done): void {
    settle(this.#startServers([this.#server(id)]), done);
  }

  pause(id: number): void {
    this.#server(id).pause();
  }

  resume(id: number): void {
    this.#server(id).resume();
  }

  partition(groups: readonly (readonly number[])[]): void {
    this.#groups.part(groups);
  }

  mend(): void {
    this.#groups.mend();
  }

  transfer(leader: number, to: number | null, done: Done): void {
    const { node } = this.#server(leader);
    settle(node.transferLeadership(to ?? undefined, { deadlineMs: requestMsMax }), done);
  }

  add(leader: number, done: (problem: string | null, id: number) => void): void {
    const id = Math.max(...this.#servers.keys()) + 1;
    const server = this.#create(
      id,
      Array.from({ length: this.#plan.serverCount }, (_, i) => i + 1),
    );
    const work = async (): Promise<void> => {
      await this.#startServers([server]);
      await this.#server(leader).node.changeMembers(
        [{ op: "add-learner", id, address: this.#address(id), label: `Server ${id}`, promote: true }],
        { deadlineMs: requestMsMax },
      );
    };
    settle(work(), (problem) => done(problem, id));
  }

  remove(leader: number, id: number, done: Done): void {
    const change = this.#server(leader).node.changeMembers([{ op: "remove", id }], {
      deadlineMs: requestMsMax,
    });
    settle(change, done);
  }

  write(leader: number, count: number, done: (problem: string | null, index: number) => void): void {
    const { node } = this.#server(leader);
    let left = count;
    let last = 0;
    let problem: string | null = null;
    for (let i = 0; i < count; i++) {
      node.submit(writeCommand, (outcome) => {
        left--;
        if (outcome.kind === "applied") {
          last = Math.max(last, outcome.index);
        } else {
          problem ??= `${outcome.kind}: ${outcome.reason}`;
        }
        if (left === 0) {
          done(problem, last);
        }
      });
    }
  }

  stop(done: Done): void {
    settle(Promise.all([...this.#servers.values()].map((server) => server.stop())), done);
  }
}

function settle(work: Promise<unknown>, done: Done): void {
  work.then(
    () => done(null),
    (error: unknown) => done(error instanceof Error ? error.message : String(error)),
  );
}

/** Ids of the servers that an earlier story left in a folder, removed ones included. */
function serversIn(folder: string): number[] {
  mkdirSync(folder, { recursive: true });
  return readdirSync(folder).flatMap((name) => {
    const id = /^server-([1-9]\d*)(\.removed)?$/.exec(name)?.[1];
    return id === undefined ? [] : [Number(id)];
  });
}
