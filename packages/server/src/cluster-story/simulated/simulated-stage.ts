/** A story in a simulated world: everything that happens follows from the seed, so it is the same story each time. */
import { must, Prng } from "@quorate/base";
import { type NodeId, type PeerFrame, toLogIndex, toNodeId } from "@quorate/raft";
import { FaultCount, Network, Trace, World } from "@quorate/sim";
import { writeCommand } from "../counter.ts";
import type { Tell } from "../events.ts";
import { Groups } from "../groups.ts";
import type { ClusterPlan } from "../options.ts";
import type { Done, ServerView, Stage } from "../stage.ts";
import { SimulatedServer } from "./simulated-server.ts";

/** A quiet local network: nothing is lost but by a partition. */
const networkPlan = {
  delayMsMin: 1,
  delayMsMax: 4,
  lossChance: 0,
  duplicateChance: 0,
  reorderChance: 0,
  slowChance: 0,
  slowDelayMsMax: 0,
  corruptChance: 0,
  resetChance: 0,
  replayChance: 0,
} as const;

/** See the head of this file. */
export class SimulatedStage implements Stage {
  readonly #plan: ClusterPlan;
  readonly #tell: Tell;
  readonly #world: World;
  readonly #network: Network;
  readonly #faults: FaultCount = new FaultCount();
  readonly #groups: Groups = new Groups();
  readonly #servers: Map<number, SimulatedServer> = new Map();
  readonly #founders: readonly number[];

  constructor(plan: ClusterPlan, seed: number, tell: Tell) {
    this.#plan = plan;
    this.#tell = tell;
    this.#world = new World(new Prng(seed), new Trace(null));
    this.#network = new Network(this.#world, networkPlan, this.#faults, (from, to, bytes) =>
      this.#server(to).receive(from, bytes),
    );
    this.#founders = Array.from({ length: plan.serverCount }, (_, i) => i + 1);
    for (const id of this.#founders) {
      this.#create(id);
    }
  }

  #create(id: number): SimulatedServer {
    const server = new SimulatedServer({
      id,
      port: this.#plan.port + id - 1,
      plan: this.#plan,
      founders: this.#founders,
      world: this.#world,
      faults: this.#faults,
      network: this.#network,
      passed: (from, to, frame) => this.#passed(from, to, frame),
      tell: this.#tell,
    });
    this.#servers.set(id, server);
    return server;
  }

  #server(id: number): SimulatedServer {
    return must(this.#servers.get(id), "story: no such server");
  }

  #passed(from: number, to: number, frame: PeerFrame): void {
    if (frame.kind === "message") {
      const { term, type } = frame.message;
      this.#tell({ event: "message", message: type, from, to, term });
    }
  }

  /** Lets the world run until `stop` answers true or the clock stands at `untilMs`. */
  run(untilMs: number, stop: () => boolean): void {
    this.#world.runUntil(Math.max(untilMs, this.#world.nowMs), stop);
  }

  get nowMs(): number {
    return this.#world.nowMs;
  }

  servers(): readonly ServerView[] {
    return [...this.#servers.values()].map((server) => server.view());
  }

  connected(left: number, right: number): boolean {
    return this.#groups.connected(left, right);
  }

  after(delayMs: number, run: () => void): () => void {
    let isDue = true;
    this.#world.schedule(delayMs, () => {
      if (isDue) {
        run();
      }
    });
    return () => {
      isDue = false;
    };
  }

  start(done: Done): void {
    this.#startAll([...this.#servers.values()], done);
  }

  #startAll([server, ...rest]: readonly SimulatedServer[], done: Done): void {
    if (server === undefined) {
      done(null);
      return;
    }
    server.start((problem) => (problem === null ? this.#startAll(rest, done) : done(problem)));
  }

  kill(id: number, done: Done): void {
    this.#server(id).kill();
    done(null);
  }

  restart(id: number, done: Done): void {
    this.#server(id).start(done);
  }

  pause(id: number): void {
    this.#server(id).pause();
  }

  resume(id: number): void {
    this.#server(id).resume();
  }

  partition(groups: readonly (readonly number[])[]): void {
    this.#groups.part(groups);
    this.#network.unblockAll();
    const ids = [...this.#servers.keys()];
    for (const from of ids) {
      for (const to of ids.filter((other) => !this.connected(from, other))) {
        this.#network.block(toNodeId(from), toNodeId(to));
      }
    }
  }

  mend(): void {
    this.#groups.mend();
    this.#network.unblockAll();
  }

  transfer(leader: number, to: number | null, done: Done): void {
    this.#server(leader).host.handOver(to === null ? null : toNodeId(to), (outcome) => {
      if (outcome.kind === "done") {
        done(null);
      } else {
        done(outcome.kind === "refused" ? outcome.reason : "nobody took over in time");
      }
    });
  }

  add(leader: number, done: (problem: string | null, id: number) => void): void {
    const id = Math.max(...this.#servers.keys()) + 1;
    this.#create(id).start((problem) => {
      if (problem !== null) {
        done(problem, id);
        return;
      }
      const address = `127.0.0.1:${this.#plan.port + id - 1}`;
      this.#change(
        leader,
        { op: "add-learner", id: toNodeId(id), address, label: `Server ${id}`, promote: true },
        (why) => done(why, id),
      );
    });
  }

  remove(leader: number, id: number, done: Done): void {
    this.#change(leader, { op: "remove", id: toNodeId(id) }, done);
  }

  #change(
    leader: number,
    change: {
      readonly op: "add-learner" | "remove";
      readonly id: NodeId;
      readonly address?: string;
      readonly label?: string;
      readonly promote?: boolean;
    },
    done: Done,
  ): void {
    this.#server(leader).host.changeMembers({ changes: [change] }, (outcome) => {
      if (outcome.kind === "applied") {
        done(null);
      } else {
        done(outcome.reason === "conf-change" ? outcome.problem : outcome.reason);
      }
    });
  }

  write(leader: number, count: number, done: (problem: string | null, index: number) => void): void {
    const { host } = this.#server(leader);
    let left = count;
    let last = toLogIndex(0);
    let problem: string | null = null;
    for (let i = 0; i < count; i++) {
      host.propose(writeCommand, (outcome) => {
        left--;
        if (outcome.kind === "applied") {
          last = outcome.index;
        } else {
          problem ??= outcome.reason;
        }
        if (left === 0) {
          done(problem, last);
        }
      });
    }
  }
}
