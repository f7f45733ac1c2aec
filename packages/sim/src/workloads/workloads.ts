/** All clients of the API in one run: begun together, stopped together, and owed an end once everything is put right. */
import type { NodeId } from "@quorate/raft";
import { ClientNetwork } from "../etcd/client-network.ts";
import type { EtcdOracle } from "../etcd/etcd-oracle.ts";
import { EtcdWorld } from "../etcd/etcd-world.ts";
import type { Service, ServiceParts } from "../etcd-service.ts";
import { promise } from "../violation.ts";
import type { Watch } from "../watch.ts";
import type { World } from "../world.ts";
import { Administrator, standingTtlSeconds, User } from "./access.ts";
import { Bank } from "./bank.ts";
import type { Client, ClientKit } from "./client.ts";
import { KvMix } from "./kv-mix.ts";
import { Leases } from "./leases.ts";
import { Locks } from "./locks.ts";
import { OperationCount } from "./operation-count.ts";
import { Operator } from "./operator.ts";
import type { EtcdPlan } from "./plan.ts";
import { KeyHistory, SingleKeys } from "./single-keys.ts";
import { Watchers } from "./watchers.ts";

/** What the members' APIs are made for. */
interface ApiSettings {
  readonly keepsSessions: boolean;
  readonly electionTimeoutMs: number;
  readonly heartbeatMs: number;
}

/** What clients need of the cluster, once it is there. */
interface EtcdTarget {
  /** Of the newest configuration. */
  readonly members: readonly NodeId[];
  readonly oracle: { readonly etcd: EtcdOracle };
}

/** See the head of this file. */
export class EtcdWorkloads {
  readonly counts: OperationCount = new OperationCount();
  readonly #world: World;
  readonly #plan: EtcdPlan;
  readonly #target: () => EtcdTarget;
  readonly #apis: EtcdWorld;
  readonly #network: ClientNetwork;
  readonly #keys = new KeyHistory();
  readonly #clients: Client[] = [];
  readonly #watchers: Watchers[] = [];
  #isActive = true;

  /** @param target Asked for only once members run. */
  constructor(world: World, watch: Watch, plan: EtcdPlan, settings: ApiSettings, target: () => EtcdTarget) {
    this.#world = world;
    this.#plan = plan;
    this.#target = target;
    const { fastLeaseKeepAlive, progressIntervalMs, quotaBytes, sliceCount } = plan;
    this.#apis = new EtcdWorld(
      world,
      { ...settings, fastLeaseKeepAlive, progressIntervalMs, quotaBytes, sliceCount },
      () => this.#oracle,
    );
    this.#network = new ClientNetwork(
      world,
      watch,
      plan.network,
      (node) => this.#apis.reach(node),
      () => this.counts.add("connection-reset"),
    );
  }

  /** Puts the API above one life of a member. */
  serve(parts: ServiceParts): Service {
    return this.#apis.serve(parts);
  }

  /** Begins; the cluster is there by now. */
  start(): void {
    const plan = this.#plan;
    const kit = this.#kit();
    const time = { clocks: () => this.#apis.clocks(), isFast: plan.fastLeaseKeepAlive };
    const each = <T extends Client & { start(): void }>(
      count: number,
      make: (name: number) => T,
    ): readonly T[] => Array.from({ length: count }, (_, place) => make(place + 1));
    this.#watchers.push(
      ...each(plan.watcherCount, (name) => new Watchers(kit, `watch${name}`, plan.keyCount)),
    );
    const clients = [
      ...each(plan.mixClientCount, (name) => new KvMix(kit, `mix${name}`, plan.keyCount)),
      ...each(plan.singleClientCount, (name) => new SingleKeys(kit, `key${name}`, this.#keys, 3)),
      ...each(plan.leaseClientCount, (name) => new Leases(kit, `lease${name}`, time, plan.keyCount)),
      ...each(plan.bankClientCount, (name) => new Bank(kit, `bank${name}`)),
      ...each(plan.lockClientCount, (name) => new Locks(kit, `lock${name}`, time)),
      ...each(plan.userCount, (name) => {
        const user = ["", "alice", "bob", "alice"][name] ?? "";
        return new User(kit, `user${name}`, user, (node) => this.#apis.lifeOf(node));
      }),
      ...each(Math.min(1, plan.userCount), () => new Administrator(kit, "administrator")),
      ...each(
        Math.min(1, plan.userCount),
        () => new User(kit, "stranger", "", (node) => this.#apis.lifeOf(node)),
      ),
      new Operator(kit, "operator", plan.compacts, plan.quotaBytes >= 0),
      ...this.#watchers,
    ];
    for (const client of clients) {
      this.#clients.push(client);
      client.start();
    }
  }

  /** No new requests from here on, and a network that keeps nothing from arriving. Watchers stay, and so do leases that nobody renews. */
  stop(): void {
    this.#isActive = false;
    this.#network.heal();
  }

  /** Whether everything has come to its end: answers, leases, alarms, and every event at every watcher. */
  get isSettled(): boolean {
    const { alarms, leases } = this.#oracle.model;
    return (
      this.#openCount === 0 &&
      [...leases.values()].every((ttlSeconds) => ttlSeconds >= standingTtlSeconds) &&
      alarms.size === 0 &&
      this.#apis.pendingCount === 0 &&
      this.#watchers.every((watchers) => watchers.hasAll)
    );
  }

  /** Longest time that a client, a request or a lease may still take after {@link stop}. */
  get patienceMs(): number {
    return this.#plan.deadlineMs + 30_000;
  }

  /** Owed once faults are over. */
  checkSettled(): void {
    promise(
      this.isSettled,
      "liveness-clients",
      () => `the clients of the API have not come to an end: ${this.#describe()}`,
    );
  }

  /** Nobody looks any more. */
  close(): void {
    this.counts.add("lease-expired", this.#oracle.leases.expiredCount);
    for (const watchers of this.#watchers) {
      watchers.close();
    }
  }

  /** Searches the clients' own history for an order. */
  checkLinearizable(stepsMax: number): void {
    const written = new Set<string>();
    const { history } = this.#oracle.model;
    for (let revision = 2; revision <= history.revision; revision++) {
      for (const { version } of history.eventsAt(revision)) {
        written.add(version.value);
      }
    }
    this.#keys.check(stepsMax, (value) => written.has(value));
  }

  get #oracle(): EtcdOracle {
    return this.#target().oracle.etcd;
  }

  get #openCount(): number {
    return this.#clients.reduce((sum, client) => sum + client.openCount, 0);
  }

  #kit(): ClientKit {
    const { deadlineMs, meanThinkMs } = this.#plan;
    return {
      world: this.#world,
      network: this.#network,
      oracle: this.#oracle,
      counts: this.counts,
      deadlineMs,
      meanThinkMs,
      members: () => this.#target().members,
      isActive: () => this.#isActive,
    };
  }

  #describe(): string {
    const { alarms, leases } = this.#oracle.model;
    const late = this.#watchers.filter((watchers) => !watchers.hasAll).map((watchers) => watchers.describe());
    return (
      `${this.#openCount} requests open, ${this.#apis.pendingCount} waiting at members, leases ${[...leases.keys()]}, ` +
      `alarms ${[...alarms]}; ${late.join("; ")}`
    );
  }
}
