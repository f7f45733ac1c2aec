/** One real server of a story: a RaftNode with its own log on disk and its own port, over all its lives. */
import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { must } from "@quorate/base";
import type { PeerFrame } from "@quorate/raft";
import { RaftNode, type RaftNodeEvent, TcpTransport } from "@quorate/raft-node";
import { dataDirectoryFailure } from "../../services/start-failure.ts";
import { Counter } from "../counter.ts";
import { storyOf, type Tell } from "../events.ts";
import type { ClusterPlan } from "../options.ts";
import type { ServerView } from "../stage.ts";
import { GatedTransport } from "./gate.ts";

/** What a server shares with the others. */
interface RealServerParts {
  readonly id: number;
  readonly plan: ClusterPlan;
  readonly folder: string;
  readonly founders: readonly number[];
  /** Where the present members are reached, by id. */
  readonly peers: () => Readonly<Record<number, string>>;
  readonly connected: (from: number, to: number) => boolean;
  readonly passed: (from: number, to: number, frame: PeerFrame) => void;
  readonly tell: Tell;
}

// Small, so that a cluster of many servers starts at once: a story's log is short.
const segmentBytes = 256 * 1024;
// A server that comes back is to be found within an election time-out or so.
const reconnectMsMax = 100;
const trailingEntryCount = 5;

/** See the head of this file. */
export class RealServer {
  readonly id: number;
  readonly port: number;
  readonly #parts: RealServerParts;
  #node: RaftNode<unknown, number> | null = null;
  #state: ServerView["state"] = "down";
  /** Told of while the server starts: it has started first. */
  #early: RaftNodeEvent[] | null = null;

  constructor(parts: RealServerParts) {
    this.id = parts.id;
    this.port = portOf(parts.plan, parts.id);
    this.#parts = parts;
    if (existsSync(`${this.#dataDir}.removed`)) {
      this.#state = "removed";
    }
  }

  get #dataDir(): string {
    return serverFolder(this.#parts.folder, this.id);
  }

  get state(): ServerView["state"] {
    return this.#state;
  }

  /** The node of a server that runs or is paused. */
  get node(): RaftNode<unknown, number> {
    return must(this.#node, "story: the server does not run");
  }

  view(): ServerView {
    const { id, port } = this;
    const status = this.#state === "running" || this.#state === "paused" ? this.#node?.status() : undefined;
    return {
      id,
      port,
      state: this.#state,
      role: status?.role ?? "follower",
      term: status?.hardState.term ?? 0,
      leader: status?.leader ?? 0,
      voters: status?.confState.voters ?? [],
    };
  }

  /** Nothing of it is told before {@link announce}. @throws CommandError in one line when the folder cannot be used. */
  async open(): Promise<void> {
    const { founders, plan } = this.#parts;
    this.#early = [];
    try {
      this.#node = await this.#open();
    } catch (error) {
      throw dataDirectoryFailure(this.#dataDir, error) ?? error;
    }
    const stored = this.#node.metadata.confState.voters;
    if (founders.includes(this.id) && stored.join() !== founders.join()) {
      await this.#node.stop({ transfer: false });
      throw new Error(
        `${this.#dataDir} belongs to a cluster that began with servers ${stored.join(", ")}: start it with -n ${stored.length}, not ${plan.serverCount}`,
      );
    }
    this.#state = "running";
  }

  /** Tells that it has started, and what has happened to it since. */
  announce(): void {
    // RAFT §5.2: it began as a follower, whatever it has become since.
    this.#parts.tell({ event: "started", server: this.id, port: this.port, role: "follower" });
    const early = this.#early ?? [];
    this.#early = null;
    early.forEach((event) => {
      this.#happened(event);
    });
  }

  #open(): Promise<RaftNode<unknown, number>> {
    const { connected, founders, passed, peers, plan } = this.#parts;
    const { electionTimeoutTicks, heartbeatTicks, tickMs } = plan.timing;
    return RaftNode.start<unknown, number>({
      id: this.id,
      cluster: "story",
      dataDir: this.#dataDir,
      listen: `127.0.0.1:${this.port}`,
      peers: peers(),
      join: !founders.includes(this.id),
      tickMs,
      core: { electionTimeoutTicks, heartbeatTicks },
      segmentBytes,
      ...(plan.snapshotEntryCount === null
        ? {}
        : { snapshots: { entryCountMax: plan.snapshotEntryCount, trailingEntryCount } }),
      byteStateMachine: new Counter(),
      openTransport: (start) =>
        new GatedTransport(this.id, new TcpTransport({ ...start, limits: { reconnectMsMax } }), {
          mayPass: (from, to) => this.#isAwake() && connected(from, to),
          passed,
        }),
      onEvent: (event) => this.#happened(event),
      onFatal: (error) => this.#failed(error),
    });
  }

  /** A server that starts is awake; one that is killed or paused is not. */
  #isAwake(): boolean {
    return this.#state === "running" || this.#early !== null;
  }

  #happened(event: RaftNodeEvent): void {
    if (this.#early !== null) {
      this.#early.push(event);
    } else if (event.type === "retired") {
      this.#retired();
    } else if (this.#state === "running") {
      this.#tellOf(event);
    }
  }

  #tellOf(event: RaftNodeEvent): void {
    const story = storyOf(this.id, event as Parameters<typeof storyOf>[1]);
    if (story !== null) {
      this.#parts.tell(story);
    }
  }

  /** A removed member stops by itself, once it has said what it had to; its folder is of no more use but to the curious. */
  #retired(): void {
    const { node } = this;
    // Behind the node's own stop, which it asks for in the same way.
    setImmediate(() =>
      setImmediate(() => {
        node.stop().then(
          () => {
            this.#state = "removed";
            this.#parts.tell({ event: "removed", server: this.id });
            renameSync(this.#dataDir, `${this.#dataDir}.removed`);
          },
          (error: unknown) => this.#failed(error),
        );
      }),
    );
  }

  #failed(error: unknown): void {
    this.#state = "down";
    const why = error instanceof Error ? error.message : String(error);
    this.#parts.tell({ event: "failed", server: this.id, why: why.replaceAll(/\s*\n\s*/g, " ") });
  }

  /** Cut off at once, as by a crash, then closed. */
  async kill(): Promise<void> {
    this.#state = "down";
    await this.node.stop({ transfer: false });
    this.#node = null;
  }

  pause(): void {
    this.#state = "paused";
  }

  /** Its clock went on meanwhile, unseen: what it makes of that is told now. */
  resume(): void {
    this.#state = "running";
    const { role, hardState } = this.node.status();
    if (role !== "pre-candidate") {
      this.#parts.tell({ event: "role", server: this.id, role, term: hardState.term });
    }
  }

  /** The end of the story. */
  async stop(): Promise<void> {
    const node = this.#node;
    this.#state = this.#state === "removed" ? "removed" : "down";
    await node?.stop({ transfer: false });
  }
}

/** The port of a server. */
export function portOf(plan: Pick<ClusterPlan, "port">, id: number): number {
  return plan.port + id - 1;
}

/** The folder of a server. */
function serverFolder(folder: string, id: number): string {
  return join(folder, `server-${id}`);
}
