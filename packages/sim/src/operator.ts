/** Whoever is called when a member is beyond repair: takes it out of the cluster and puts a new one, with a new id, in its place. */
import { assert, type Prng } from "@quorate/base";
import type { MemberChange, MembershipChange, MembershipOutcome, NodeId } from "@quorate/raft";
import type { FaultCount } from "./fault-count.ts";
import type { World } from "./world.ts";

/** What the operator can see and do. */
export interface OperatorTarget {
  /** Members of the newest configuration. */
  readonly members: readonly NodeId[];
  /** Of them and of former members those that are to be replaced and whose machine still stands. */
  readonly broken: readonly NodeId[];
  leader(): NodeId | null;
  /** A running member with an empty disk that was in no configuration yet; null when there are enough. */
  newcomer(): NodeId | null;
  changeMembers(node: NodeId, change: MembershipChange, answered: (outcome: MembershipOutcome) => void): void;
  /** Takes the machine away, for good. */
  discard(node: NodeId): void;
}

/** Between two looks, in milliseconds, at most. */
const lookMsMax = 1_000;

/** See the head of this file. Goes on through the heal: without it a cluster may stay without a majority. */
export class Operator {
  readonly #world: World;
  readonly #random: Prng;
  readonly #target: OperatorTarget;
  readonly #faults: FaultCount;

  constructor(world: World, target: OperatorTarget, faults: FaultCount) {
    this.#world = world;
    this.#random = world.random.stream("operator");
    this.#target = target;
    this.#faults = faults;
  }

  start(): void {
    this.#world.schedule(this.#random.integer(lookMsMax / 4, lookMsMax), () => {
      this.#look();
      this.start();
    });
  }

  #look(): void {
    const { broken, members } = this.#target;
    for (const node of broken.filter((id) => !members.includes(id))) {
      this.#target.discard(node);
      this.#faults.add("member-replaced");
    }
    const node = broken.find((id) => members.includes(id));
    const leader = this.#target.leader();
    if (node === undefined || leader === null || leader === node) {
      return;
    }
    assert(members.length > 1, "operator: the only member is broken");
    const newcomer = this.#target.newcomer();
    const changes: MemberChange[] = [{ op: "remove", id: node }];
    if (newcomer !== null) {
      changes.push({ op: "add-voter", id: newcomer });
    }
    this.#world.log(`replace ${node} by ${newcomer}`);
    this.#target.changeMembers(leader, { changes, transition: "auto" }, () => {});
  }
}
