/**
 * One server of a simulated story over all its lives: the production host loop and log, on a simulated disk, network and clock.
 */
import { ByteWriter, emptyBytes, must, type Prng } from "@quorate/base";
import {
  type Completed,
  encodePeerFrame,
  FrameDecoder,
  type GroupId,
  type NodeId,
  type PeerFrame,
  RaftHost,
  type Transport,
  type TransportReceiver,
  toNodeId,
} from "@quorate/raft";
import { type FaultCount, FaultyDisk, Incarnation, type Network, type World } from "@quorate/sim";
import { openWal, type WalStorage } from "@quorate/wal";
import { Counter } from "../counter.ts";
import { storyOf, type Tell } from "../events.ts";
import type { ClusterPlan } from "../options.ts";
import type { Done, ServerView } from "../stage.ts";

/** What a server shares with the others. */
interface SimulatedServerParts {
  readonly id: number;
  readonly port: number;
  readonly plan: ClusterPlan;
  readonly founders: readonly number[];
  readonly world: World;
  readonly faults: FaultCount;
  readonly network: Network;
  readonly passed: (from: number, to: number, frame: PeerFrame) => void;
  readonly tell: Tell;
}

/** One life: what is gone with the process. */
interface Life {
  readonly process: Incarnation;
  receiver: TransportReceiver | null;
  host: RaftHost<number> | null;
}

const diskPlan = { writeMsMax: 0, syncMsMin: 1, syncMsMax: 2, slowMsMax: 0 } as const;
const segmentBytes = 64 * 1024;
const trailingEntryCount = 5;

/** See the head of this file. */
export class SimulatedServer {
  readonly id: NodeId;
  readonly #parts: SimulatedServerParts;
  readonly #disk: FaultyDisk;
  readonly #random: Prng;
  #life: Life | null = null;
  #lifeCount = 0;
  #state: ServerView["state"] = "down";

  constructor(parts: SimulatedServerParts) {
    this.id = toNodeId(parts.id);
    this.#parts = parts;
    this.#random = parts.world.random.stream(`server-${parts.id}`);
    this.#disk = new FaultyDisk(parts.world, this.#random.stream("disk"), diskPlan, parts.faults, {
      powerLost: () => {},
      failed: () => {},
    });
  }

  get state(): ServerView["state"] {
    return this.#state;
  }

  /** The host of a server that runs or is paused. */
  get host(): RaftHost<number> {
    return must(this.#life?.host, "story: the server does not run");
  }

  view(): ServerView {
    const { port } = this.#parts;
    const isUp = this.#state === "running" || this.#state === "paused";
    const status = isUp ? this.#life?.host?.status() : undefined;
    return {
      id: this.id,
      port,
      state: this.#state,
      role: status?.role ?? "follower",
      term: status?.hardState.term ?? 0,
      leader: status?.leader ?? 0,
      voters: status?.confState.voters ?? [],
    };
  }

  /** A new process on the same disk. */
  start(done: Done): void {
    const { world } = this.#parts;
    this.#lifeCount++;
    const process = new Incarnation(world, (work) => work());
    const life: Life = { process, receiver: null, host: null };
    this.#life = life;
    process.enter(() =>
      openWal(
        {
          fileSystem: this.#disk.mount(process),
          clusterId: 1,
          nodeId: this.id,
          bootstrap: {
            storeId: new Uint8Array(16).fill(this.id),
            confState: {
              voters: this.#parts.founders.includes(this.id) ? this.#parts.founders.map(toNodeId) : [],
              learners: [],
              votersOutgoing: [],
              learnersNext: [],
              autoLeave: false,
            },
            application: emptyBytes,
          },
          segmentBytes,
        },
        (error, storage) => {
          if (error !== null || storage === undefined) {
            done(`Server ${this.id} does not start: ${error?.message}`);
          } else {
            this.#run(life, storage, done);
          }
        },
      ),
    );
  }

  #run(life: Life, storage: WalStorage, done: Done): void {
    const { plan, tell } = this.#parts;
    const { electionTimeoutTicks, heartbeatTicks } = plan.timing;
    const random = this.#random.stream(`host-${this.#lifeCount}`);
    const host = new RaftHost<number>({
      id: this.id,
      storage,
      transport: this.#transport(life),
      scheduler: { defer: (work) => life.process.schedule(0, work) },
      stateMachine: new Counter(),
      random: (low, high) => random.integer(low, high),
      core: { electionTimeoutTicks, heartbeatTicks },
      ...(plan.snapshotEntryCount === null
        ? {}
        : { snapshots: { entryCountMax: plan.snapshotEntryCount, trailingEntryCount } }),
      onEvent: (event) => {
        if (event.type === "removed") {
          this.#retire(life);
        }
        const story = life.host === null ? null : storyOf(this.id, event);
        if (story !== null) {
          tell(story);
        }
      },
      onFatal: (error) => {
        this.#end("down");
        tell({ event: "failed", server: this.id, why: error.message });
      },
    });
    host.start((error) => {
      if (error !== null) {
        done(`Server ${this.id} does not start: ${error.message}`);
        return;
      }
      life.host = host;
      this.#state = "running";
      tell({ event: "started", server: this.id, port: this.#parts.port, role: host.role });
      // Processes do not start in the same millisecond.
      life.process.schedule(random.integer(0, plan.timing.tickMs), () => this.#tick(life, storage));
      done(null);
    });
  }

  #tick(life: Life, storage: WalStorage): void {
    life.host?.tick();
    // As the real process does: a log at rest gets a durable mark. A failure ends the store; the next write tells.
    storage.idle(() => {});
    life.process.schedule(this.#parts.plan.timing.tickMs, () => this.#tick(life, storage));
  }

  #transport(life: Life): Transport {
    const { network, passed } = this.#parts;
    return {
      start: (receiver) => {
        life.receiver = receiver;
      },
      send: (group: GroupId, to: NodeId, frame: PeerFrame) => {
        if (network.send(this.id, to, encode(group, frame))) {
          passed(this.id, to, frame);
        }
      },
      close: (completed: Completed) => {
        life.receiver = null;
        completed(null);
      },
    };
  }

  /** A frame from the network. */
  receive(from: NodeId, bytes: Uint8Array): void {
    const life = this.#life;
    life?.process.enter(() => {
      const decoder = new FrameDecoder();
      decoder.push(bytes);
      const decoded = decoder.next();
      if (decoded?.status === "frame") {
        life.receiver?.received(decoded.content.group, from, decoded.content.frame);
      }
    });
  }

  /** A removed member stops by itself, once the turn in which it learnt of that is finished. */
  #retire(life: Life): void {
    life.process.schedule(1, () =>
      life.host?.stop({ transfer: false }, () => {
        this.#end("removed");
        this.#parts.tell({ event: "removed", server: this.id });
      }),
    );
  }

  kill(): void {
    this.#end("down");
  }

  #end(state: "down" | "removed"): void {
    this.#life?.process.kill();
    this.#life = null;
    this.#disk.crash("keep");
    this.#state = state;
  }

  pause(): void {
    this.#life?.process.pause();
    this.#state = "paused";
  }

  resume(): void {
    this.#state = "running";
    this.#life?.process.resume();
  }
}

// PERF: one buffer for all encoding; `finish` copies out what was written.
const scratch = new ByteWriter();

function encode(group: GroupId, frame: PeerFrame): Uint8Array {
  scratch.reset();
  encodePeerFrame(scratch, group, frame);
  return scratch.finish();
}
