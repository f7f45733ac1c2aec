/** All members of one run with the network between them, as nemesis, clients and checkers see them. */
import { must } from "@quorate/base";
import {
  type ConfState,
  type LogIndex,
  type MembershipChange,
  type MembershipOutcome,
  type NodeId,
  type ProposalOutcome,
  toNodeId,
} from "@quorate/raft";
import { membersOf } from "./checkers/configurations.ts";
import { Oracle } from "./checkers/oracle.ts";
import type { ChurnTarget } from "./churn.ts";
import type { AtlasTarget } from "./disk-atlas.ts";
import type { Service, ServiceParts } from "./etcd-service.ts";
import type { FaultCount, FaultKind } from "./fault-count.ts";
import type { Moment } from "./faulty-disk.ts";
import type { HousekeepingTarget } from "./housekeeping.ts";
import { Member } from "./member.ts";
import type { NemesisTarget } from "./nemesis.ts";
import { Network } from "./network.ts";
import { Operator, type OperatorTarget } from "./operator.ts";
import type { MachineResult } from "./session-machine.ts";
import { type SetBackTarget, SetBackTrial } from "./set-back.ts";
import type { StopTrouble } from "./stop-trouble.ts";
import type { SeedPlan } from "./swarm.ts";
import { promise } from "./violation.ts";
import type { Watch } from "./watch.ts";
import type { PutAnswer, ReadAnswer, WorkloadTarget } from "./workload.ts";
import type { World } from "./world.ts";

/** See the head of this file. */
export class Cluster
  implements
    NemesisTarget,
    WorkloadTarget,
    ChurnTarget,
    HousekeepingTarget,
    AtlasTarget,
    OperatorTarget,
    SetBackTarget
{
  readonly oracle: Oracle;
  readonly network: Network;
  readonly #members = new Map<NodeId, Member>();
  readonly #makeMember: (id: NodeId, confState: ConfState) => Member;
  readonly #founderCount: number;
  readonly #newcomerCountMax: number;
  readonly #world: World;
  readonly #trials: SetBackTrial[] = [];

  /** @param serve Puts an API above each life of a member; null in a world without. */
  constructor(
    world: World,
    plan: SeedPlan,
    faults: FaultCount,
    watch: Watch,
    serve: ((parts: ServiceParts) => Service) | null = null,
  ) {
    const founders = Array.from({ length: plan.nodeCount }, (_, i) => toNodeId(i + 1));
    this.#founderCount = founders.length;
    this.#newcomerCountMax = (plan.membership?.newcomerCountMax ?? 0) + plan.spareMemberCount;
    this.#world = world;
    this.oracle = new Oracle(founders, () => world.nowMs);
    this.network = new Network(world, plan.network, faults, (from, to, bytes, state, disk) => {
      this.#member(to).receive(from, bytes, state, disk);
      if (state !== "whole") {
        this.#member(from).loseConnection(to);
      }
    });
    this.#makeMember = (id, confState) =>
      new Member({
        id,
        confState,
        world,
        plan,
        faults,
        watch,
        oracle: this.oracle,
        network: this.network,
        serve,
        ended: (ended) => this.#tellOfEnd(ended),
        refusing: (asking) => this.#refusing(asking),
        isWiped: (peer) => (this.#members.get(peer)?.disk.number ?? 1) > 1,
        reset: (by, from) => this.#reset(by, from),
        members: () => this.members,
      });
    for (const id of founders) {
      this.#members.set(id, this.#makeMember(id, this.oracle.configurations.last));
    }
    if (plan.spareMemberCount > 0) {
      new Operator(world, this, faults).start();
    }
  }

  /** Everybody whose process runs or may run again, but for those that wait to be replaced. */
  get nodes(): readonly NodeId[] {
    return this.#select((member) => !member.process.isRetired && !member.health.isBroken);
  }

  get broken(): readonly NodeId[] {
    return this.#select((member) => member.health.isBroken && !member.isDiscarded);
  }

  get everybody(): readonly NodeId[] {
    return this.#select(() => true);
  }

  #select(isMeant: (member: Member) => boolean): readonly NodeId[] {
    return [...this.#members.values()].filter(isMeant).map(({ id }) => id);
  }

  discard(node: NodeId): void {
    this.#member(node).discard();
  }

  get isChanging(): boolean {
    return this.#select((member) => !member.process.isRetired).some((id) => this.oracle.logHasOpenChange(id));
  }

  isImpaired(node: NodeId): boolean {
    return this.#member(node).health.isImpaired;
  }

  get spareCount(): number {
    return this.#newcomerCountMax - (this.#members.size - this.#founderCount) - this.broken.length;
  }

  damage(node: NodeId, kind: FaultKind): boolean {
    return this.#member(node).damage.inflict(kind);
  }

  flipRead(node: NodeId, reads: number): void {
    this.#member(node).disk.spoilRead("read-bit-flipped", reads);
  }

  failRead(node: NodeId, reads: number): void {
    this.#member(node).disk.spoilRead("read-failed", reads);
  }

  loseSlots(node: NodeId): boolean {
    return this.#member(node).damage.loseSlots();
  }

  /** Only of a member that all others have met: who never met it could not know. */
  wipe(node: NodeId): boolean {
    const others = this.members.filter((id) => id !== node);
    return others.every((id) => this.#member(id).hasMet(node)) && this.#member(node).damage.wipe();
  }

  keepImage(node: NodeId): void {
    this.#member(node).damage.keepImage();
  }

  /** Only where the leader holds an acknowledgement of what the older copy lacks. */
  setBack(node: NodeId): boolean {
    const leader = this.leader();
    if (leader === null || leader === node || this.network.isBlocked(leader, node)) {
      return false;
    }
    const match = this.#member(leader).matchOf(node);
    if (match === null || !this.#member(node).damage.setBack(match)) {
      return false;
    }
    this.#trials.push(new SetBackTrial(this.#world, this, node, leader));
    return true;
  }

  endTrials(): void {
    for (const trial of this.#trials.splice(0)) {
      trial.end();
    }
  }

  termLed(leader: NodeId): number | null {
    const status = this.#member(leader).status;
    return status?.role === "leader" ? status.term : null;
  }

  runs(node: NodeId): boolean {
    return this.#member(node).process.isAlive;
  }

  shutDown(node: NodeId): void {
    this.#member(node).process.crash();
  }

  get confIndex(): LogIndex {
    return this.oracle.configurations.lastIndex;
  }

  get configuration(): ConfState {
    return this.oracle.configurations.last;
  }

  get members(): readonly NodeId[] {
    return membersOf(this.configuration);
  }

  newcomer(): NodeId | null {
    for (const member of this.#members.values()) {
      const isFit = !member.process.isRetired && !member.health.isBroken;
      if (isFit && !this.oracle.configurations.wasMember(member.id)) {
        return member.id;
      }
    }
    if (this.#members.size - this.#founderCount >= this.#newcomerCountMax) {
      return null;
    }
    const id = toNodeId(this.#members.size + 1);
    this.oracle.joins(id);
    const member = this.#makeMember(id, nobody);
    this.#members.set(id, member);
    member.process.restart();
    return id;
  }

  changeMembers(
    node: NodeId,
    change: MembershipChange,
    answered: (outcome: MembershipOutcome) => void,
  ): void {
    this.#member(node).requests.changeMembers(change, answered);
  }

  handOver(node: NodeId, to: NodeId | null, done: (isDone: boolean) => void): void {
    this.#member(node).requests.handOver(to, done);
  }

  #reset(by: NodeId, from: NodeId): void {
    if (!this.network.isBlocked(by, from)) {
      this.#member(from).loseConnection(by);
    }
  }

  #refusing(asking: NodeId): readonly NodeId[] {
    const refusing: NodeId[] = [];
    for (const member of this.#members.values()) {
      if (member.id !== asking && member.refuses(asking) && this.#reach(asking, member.id)) {
        refusing.push(member.id);
      }
    }
    return refusing;
  }

  /** Whether the two hear each other. */
  #reach(one: NodeId, other: NodeId): boolean {
    return !this.network.isBlocked(one, other) && !this.network.isBlocked(other, one);
  }

  /** Whoever is cut off from the machine, in either direction, learns nothing of it. */
  #tellOfEnd(ended: NodeId): void {
    for (const member of this.#members.values()) {
      const { id } = member;
      if (id !== ended && this.#reach(id, ended)) {
        member.hearOfEnd(ended);
      }
    }
  }

  startAll(): void {
    for (const member of this.#members.values()) {
      member.process.restart();
    }
  }

  crashAll(): void {
    for (const member of this.#members.values()) {
      member.process.crash();
    }
  }

  /** The running leader of the highest term, null when nobody leads. */
  leader(): NodeId | null {
    let leader: NodeId | null = null;
    let highest = -1;
    for (const member of this.#members.values()) {
      const status = member.status;
      if (status !== null && status.role === "leader" && status.term > highest) {
        highest = status.term;
        leader = member.id;
      }
    }
    return leader;
  }

  /** Whether the leader was asked to hand over, and has not done so yet. */
  handsOver(): boolean {
    const leader = this.leader();
    return leader !== null && this.#member(leader).handsOver;
  }

  crash(node: NodeId): boolean {
    return this.#member(node).process.crash();
  }

  restart(node: NodeId): boolean {
    return this.#member(node).process.restart();
  }

  stop(node: NodeId, trouble: StopTrouble | null): boolean {
    return this.#member(node).process.stop(trouble);
  }

  pause(node: NodeId): boolean {
    return this.#member(node).process.pause();
  }

  resume(node: NodeId): boolean {
    return this.#member(node).process.resume();
  }

  crashAtDiskOperation(node: NodeId, operations: number, moment: Moment): boolean {
    return this.#member(node).disk.crashAt(operations, moment);
  }

  crashAtEffect(node: NodeId, effect: "send" | "apply", count: number, moment: Moment): void {
    this.#member(node).crashAtEffect(effect, count, moment);
  }

  jumpClock(node: NodeId, ms: number): boolean {
    return this.#member(node).jumpClock(ms);
  }

  failDiskOperation(node: NodeId, operations: number): boolean {
    return this.#member(node).disk.failAt(operations);
  }

  setDiskSlow(node: NodeId, slow: boolean): void {
    this.#member(node).disk.setSlow(slow);
  }

  setDiskRoom(node: NodeId, bytes: number | null): void {
    this.#member(node).disk.setRoom(bytes);
  }

  setClockSpeed(node: NodeId, speed: number): void {
    this.#member(node).setClockSpeed(speed);
  }

  calmDisk(node: NodeId): void {
    this.#member(node).calm();
  }

  put(node: NodeId, key: string, value: string, answered: (answer: PutAnswer) => void): void {
    this.#member(node).requests.put(key, value, answered);
  }

  propose(node: NodeId, bytes: Uint8Array, done: (outcome: ProposalOutcome<MachineResult>) => void): void {
    this.#member(node).requests.propose(bytes, done);
  }

  read(node: NodeId, key: string, answered: (answer: ReadAnswer) => void): void {
    this.#member(node).requests.read(key, answered);
  }

  revisionOf(node: NodeId): number {
    return this.#member(node).machine.revision;
  }

  /** Whether every member of the configuration runs. */
  allRunning(): boolean {
    return this.members.every((node) => this.#member(node).status !== null);
  }

  /**
   * Whether every member runs and is to go on running, has applied everything that is committed and has a whole log (below a floor it does
   * not vote yet), no joint configuration is left, and whoever was removed has stopped, as far as anybody that it knows could tell it.
   */
  isCaughtUp(): boolean {
    const { last } = this.oracle.committed;
    const { members } = this;
    const areEqual = members.every((node) => {
      const { health, process, status } = this.#member(node);
      const isThere = status !== null && !process.isLeaving;
      return isThere && status.commit === last && status.applied === last && !health.hasFloor;
    });
    return areEqual && this.configuration.votersOutgoing.length === 0 && this.#strangers().length === 0;
  }

  /** Former members that still run although somebody whom they know knows better. */
  #strangers(): readonly NodeId[] {
    const { members } = this;
    return this.nodes.filter(
      (node) =>
        !members.includes(node) &&
        this.oracle.configurations.wasMember(node) &&
        this.#member(node)
          .knownMembers()
          .some((id) => members.includes(id)),
    );
  }

  /** Equal states at equal applied indexes, and in them the last applied put of every key. */
  checkEqualStates(): void {
    const digests = new Set<number>();
    for (const node of this.members) {
      const machine = this.#member(node).machine;
      digests.add(machine.digest());
      this.oracle.history.checkFinal(node, (key) => machine.valueAt(key));
    }
    promise(
      digests.size === 1,
      "state-machine-safety",
      () => `members hold different states at one applied index: ${this.describe()}`,
    );
  }

  /** Whether nothing waits anywhere at this moment. */
  isAtRest(): boolean {
    return this.members.every((node) => this.#member(node).requests.waiting().length === 0);
  }

  /** Nothing waits anywhere: no proposal, no batch, no append, no image. */
  checkAtRest(): void {
    for (const node of this.members) {
      const waiting = this.#member(node).requests.waiting();
      promise(waiting.length === 0, "rest", () => `node ${node} is at rest, and has ${waiting.join(", ")}`);
    }
  }

  /** Snapshots that were taken or installed. */
  get snapshotCount(): number {
    return [...this.#members.values()].reduce((sum, member) => sum + member.process.snapshotCount, 0);
  }

  /** One line about every member. */
  describe(): string {
    const parts = this.nodes.map((node) => this.#member(node).describe());
    const { voters, votersOutgoing, learners } = this.configuration;
    const configuration = `voters ${voters}, outgoing ${votersOutgoing}, learners ${learners}`;
    return `${parts.join("; ")}; committed ${this.oracle.committed.last}; ${configuration}; to be stopped ${this.#strangers()}`;
  }

  #member(node: NodeId): Member {
    return must(this.#members.get(node), "cluster: unknown member");
  }
}

const nobody: ConfState = {
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};
