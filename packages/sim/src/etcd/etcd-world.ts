/** All APIs of a run: made with each life of a member, reached by clients as long as that life lasts. */
import type { HostEvent, NodeId } from "@quorate/raft";
import type { Service, ServiceParts } from "../etcd-service.ts";
import type { World } from "../world.ts";
import type { ServingMember } from "./client-network.ts";
import type { EtcdOracle } from "./etcd-oracle.ts";
import { EtcdServer } from "./etcd-server.ts";
import type { Clocks } from "./lease-checker.ts";

/** What all APIs of a run have in common. */
interface EtcdSettings {
  readonly keepsSessions: boolean;
  readonly electionTimeoutMs: number;
  readonly heartbeatMs: number;
  /** As etcd's flag: 0 for the default, negative for none. */
  readonly quotaBytes: number;
  readonly progressIntervalMs: number;
  readonly sliceCount: number;
  readonly fastLeaseKeepAlive: boolean;
}

/** See the head of this file. */
export class EtcdWorld {
  readonly #world: World;
  readonly #settings: EtcdSettings;
  readonly #oracle: () => EtcdOracle;
  readonly #serving = new Map<NodeId, Serving>();
  readonly #clocks = new Map<NodeId, () => number>();

  constructor(world: World, settings: EtcdSettings, oracle: () => EtcdOracle) {
    this.#world = world;
    this.#settings = settings;
    this.#oracle = oracle;
  }

  /** A member's process has started. */
  serve(parts: ServiceParts): Service {
    const { id, process } = parts;
    const nowMs = (): number => Math.floor(parts.nowMs());
    this.#clocks.set(id, nowMs);
    const server = new EtcdServer({
      ...parts,
      ...this.#settings,
      random: this.#world.random.stream(`api-${id}-${parts.life}`),
      nowMs,
      defer: (work) => process.schedule(0, work),
      deciding: (lease, term) => this.#oracle().leases.deciding(lease, { node: id, term, clockMs: nowMs() }),
    });
    const serving = new Serving(server, parts);
    this.#serving.set(id, serving);
    return serving;
  }

  /** The member as clients reach it; null where nothing listens. */
  reach(node: NodeId): ServingMember | null {
    const serving = this.#serving.get(node);
    return serving?.isAlive === true ? serving : null;
  }

  /** Counts the lives of a member. */
  lifeOf(node: NodeId): number {
    return this.#serving.get(node)?.life ?? 0;
  }

  /** What the clocks of all members show. */
  clocks(): Clocks {
    return new Map([...this.#clocks].map(([id, nowMs]) => [id, nowMs()]));
  }

  /** Requests that wait at members that run. */
  get pendingCount(): number {
    return [...this.#serving.values()].reduce((sum, serving) => sum + serving.pendingCount, 0);
  }
}

class Serving implements Service, ServingMember {
  readonly #server: EtcdServer;
  readonly #parts: ServiceParts;
  #listeners: (() => void)[] = [];
  #isStopping = false;

  constructor(server: EtcdServer, parts: ServiceParts) {
    this.#server = server;
    this.#parts = parts;
  }

  get life(): number {
    return this.#parts.life;
  }

  get isAlive(): boolean {
    return this.#parts.process.isAlive && !this.#isStopping;
  }

  get pendingCount(): number {
    return this.isAlive ? this.#server.pendingCount : 0;
  }

  tick(): void {
    this.#server.tick();
  }

  observe(event: HostEvent): void {
    if (event.type === "leader") {
      this.#server.leaderMayHaveChanged();
    } else if (event.type === "conf-state") {
      this.#server.configured(event.confState);
    } else if (event.type === "snapshot-installed") {
      this.#server.configured(event.snapshot.confState);
    }
  }

  stop(): void {
    this.#isStopping = true;
    this.#server.stop();
  }

  ended(): void {
    for (const listener of this.#listeners.splice(0)) {
      listener();
    }
  }

  enter(work: () => void): boolean {
    this.#parts.process.enter(work);
    return this.isAlive;
  }

  unary(...request: Parameters<ServingMember["unary"]>): void {
    this.#server.unary(...request);
  }

  bidi(...request: Parameters<ServingMember["bidi"]>): void {
    this.#server.bidi(...request);
  }

  onEnd(listener: () => void): void {
    this.#listeners.push(listener);
  }
}
