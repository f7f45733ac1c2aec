/** All members of one run with the network between them, as nemesis, clients and checkers see them. */
import { must } from "@quorate/base";
import { type NodeId, toNodeId } from "@quorate/raft";
import { Oracle } from "./checkers/oracle.ts";
import type { FaultCount } from "./fault-count.ts";
import { Member } from "./member.ts";
import type { NemesisTarget } from "./nemesis.ts";
import { Network } from "./network.ts";
import type { SeedPlan } from "./swarm.ts";
import { promise } from "./violation.ts";
import type { Watch } from "./watch.ts";
import type { PutAnswer, ReadAnswer, WorkloadTarget } from "./workload.ts";
import type { World } from "./world.ts";

/** See the head of this file. */
export class Cluster implements NemesisTarget, WorkloadTarget {
  readonly nodes: readonly NodeId[];
  readonly oracle: Oracle;
  readonly network: Network;
  readonly #members = new Map<NodeId, Member>();

  constructor(world: World, plan: SeedPlan, faults: FaultCount, watch: Watch) {
    this.nodes = Array.from({ length: plan.nodeCount }, (_, i) => toNodeId(i + 1));
    this.oracle = new Oracle(this.nodes);
    this.network = new Network(world, plan.network, faults, (from, to, bytes) =>
      this.#member(to).receive(from, bytes),
    );
    for (const id of this.nodes) {
      this.#members.set(
        id,
        new Member({
          id,
          nodes: this.nodes,
          world,
          plan,
          faults,
          watch,
          oracle: this.oracle,
          network: this.network,
          ended: (ended) => this.#tellOfEnd(ended),
        }),
      );
    }
  }

  /** Whoever is cut off from the machine, in either direction, learns nothing of it. */
  #tellOfEnd(ended: NodeId): void {
    for (const member of this.#members.values()) {
      const { id } = member;
      if (id !== ended && !this.network.isBlocked(id, ended) && !this.network.isBlocked(ended, id)) {
        member.hearOfEnd(ended);
      }
    }
  }

  startAll(): void {
    for (const member of this.#members.values()) {
      member.restart();
    }
  }

  crashAll(): void {
    for (const member of this.#members.values()) {
      member.crash();
    }
  }

  /** The running leader of the highest term, null when nobody leads. */
  leader(): NodeId | null {
    let leader: NodeId | null = null;
    let highest = -1;
    for (const member of this.#members.values()) {
      const status = member.status();
      if (status !== null && status.role === "leader" && status.term > highest) {
        highest = status.term;
        leader = member.id;
      }
    }
    return leader;
  }

  crash(node: NodeId): boolean {
    return this.#member(node).crash();
  }

  restart(node: NodeId): boolean {
    return this.#member(node).restart();
  }

  stop(node: NodeId): boolean {
    return this.#member(node).stop();
  }

  pause(node: NodeId): boolean {
    return this.#member(node).pause();
  }

  resume(node: NodeId): boolean {
    return this.#member(node).resume();
  }

  crashAtDiskOperation(node: NodeId, operations: number): boolean {
    return this.#member(node).disk.crashAt(operations);
  }

  failDiskOperation(node: NodeId, operations: number): boolean {
    return this.#member(node).disk.failAt(operations);
  }

  setDiskSlow(node: NodeId, slow: boolean): void {
    this.#member(node).disk.setSlow(slow);
  }

  calmDisk(node: NodeId): void {
    this.#member(node).disk.setSlow(false);
    this.#member(node).disk.disarm();
  }

  put(node: NodeId, key: string, value: string, answered: (answer: PutAnswer) => void): void {
    this.#member(node).put(key, value, answered);
  }

  read(node: NodeId, key: string, answered: (answer: ReadAnswer) => void): void {
    this.#member(node).read(key, answered);
  }

  allRunning(): boolean {
    return this.nodes.every((node) => this.#member(node).status() !== null);
  }

  /** Whether every member runs and has applied everything that is committed. */
  isCaughtUp(): boolean {
    const { last } = this.oracle.committed;
    return this.nodes.every((node) => {
      const status = this.#member(node).status();
      return status !== null && status.commit === last && status.applied === last;
    });
  }

  /** Equal states at equal applied indexes, and in them the last applied put of every key. */
  checkEqualStates(): void {
    const digests = new Set<number>();
    for (const node of this.nodes) {
      const machine = this.#member(node).machine();
      digests.add(machine.digest());
      this.oracle.history.checkFinal(node, (key) => machine.valueAt(key));
    }
    promise(
      digests.size === 1,
      "state-machine-safety",
      () => `members hold different states at one applied index: ${this.describe()}`,
    );
  }

  /** Snapshots that were taken or installed. */
  get snapshotCount(): number {
    return this.nodes.reduce((sum, node) => sum + this.#member(node).snapshotCount, 0);
  }

  /** One line about every member. */
  describe(): string {
    const parts = this.nodes.map((node) => this.#member(node).describe());
    return `${parts.join("; ")}; committed ${this.oracle.committed.last}`;
  }

  #member(node: NodeId): Member {
    return must(this.#members.get(node), "cluster: unknown member");
  }
}
