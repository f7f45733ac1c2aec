/**
 * Whoever runs the cluster: adds, promotes, demotes, replaces and removes members, hands leadership over, through any member and
 * without waiting for a good moment. At the heal it leaves a joint configuration that only it may leave, and stops.
 */
import type { Prng } from "@quorate/base";
import type {
  ConfState,
  LogIndex,
  MemberChange,
  MembershipChange,
  MembershipOutcome,
  NodeId,
} from "@quorate/raft";
import type { FaultCount, FaultKind } from "./fault-count.ts";
import type { MembershipPlan } from "./swarm.ts";
import type { World } from "./world.ts";

/** What the churn can see and do. */
export interface ChurnTarget {
  /** The newest configuration that anybody applied. */
  readonly configuration: ConfState;
  /** Where that was applied. */
  readonly confIndex: LogIndex;
  /** Its members. */
  readonly members: readonly NodeId[];
  leader(): NodeId | null;
  /** A running member with an empty disk that was in no configuration yet; null when there are enough. */
  newcomer(): NodeId | null;
  /** A member that is down never answers. */
  changeMembers(node: NodeId, change: MembershipChange, answered: (outcome: MembershipOutcome) => void): void;
  handOver(node: NodeId, to: NodeId | null, done: (isDone: boolean) => void): void;
}

/** A change that is worth counting once it is in force. */
interface Proposal {
  readonly kind: FaultKind;
  readonly changes: readonly MemberChange[];
}

/** See the head of this file. */
export class Churn {
  readonly #world: World;
  readonly #random: Prng;
  readonly #plan: MembershipPlan;
  readonly #target: ChurnTarget;
  readonly #faults: FaultCount;
  #active = true;

  constructor(world: World, plan: MembershipPlan, target: ChurnTarget, faults: FaultCount) {
    this.#world = world;
    this.#random = world.random.stream("churn");
    this.#plan = plan;
    this.#target = target;
    this.#faults = faults;
  }

  /** Begins; goes on until {@link stop}. */
  start(): void {
    this.#world.schedule(this.#random.integer(1, 2 * this.#plan.meanIntervalMs * this.#world.pace), () => {
      if (this.#active) {
        if (this.#world.steps.admit("change")) {
          this.#act();
        }
        this.start();
      }
    });
  }

  /** No more changes, but for the end of a joint configuration that nobody else leaves. */
  stop(): void {
    this.#active = false;
    this.#leaveWhereStuck();
  }

  #leaveWhereStuck(): void {
    const leader = this.#target.leader();
    const { autoLeave, votersOutgoing } = this.#target.configuration;
    if (leader !== null && votersOutgoing.length > 0 && !autoLeave) {
      this.#ask(leader, { changes: [] }, "joint-left-by-request");
    }
    this.#world.schedule(1_000, () => this.#leaveWhereStuck());
  }

  #act(): void {
    const { configuration, members } = this.#target;
    const asked = this.#random.chance(0.5) ? this.#target.leader() : this.#random.pick(members);
    if (asked === null) {
      return;
    }
    if (this.#random.chance(0.2)) {
      const to = this.#random.chance(0.5) ? null : this.#random.pick(members);
      this.#target.handOver(asked, to, (isDone) => this.#countIf(isDone, "leadership-handed-over"));
      return;
    }
    if (configuration.votersOutgoing.length > 0 && !configuration.autoLeave) {
      this.#ask(asked, { changes: [] }, "joint-left-by-request");
      return;
    }
    const proposal = this.#random.pick(this.#proposals)(configuration);
    if (proposal !== null) {
      const { changes, kind } = proposal;
      const isSingle = changes.length === 1 && this.#random.chance(0.3);
      const isExplicit = !isSingle && this.#random.chance(this.#plan.explicitChance);
      const transition = isExplicit ? "explicit" : "auto";
      const change: MembershipChange = isSingle ? { changes, form: "single" } : { changes, transition };
      this.#ask(asked, this.#takesVote(changes) ? this.#guarded(change) : change, kind);
    }
  }

  #takesVote(changes: readonly MemberChange[]): boolean {
    const { voters } = this.#target.configuration;
    return changes.some(({ id }) => voters.includes(id));
  }

  /** Not for another configuration than this one: the third voter may be gone when the leader's turn comes. */
  #guarded(change: MembershipChange): MembershipChange {
    return { ...change, expectedConfIndex: this.#target.confIndex };
  }

  #ask(node: NodeId, change: MembershipChange, kind: FaultKind): void {
    const text = change.changes.map(({ op, id }) => `${op} ${id}`).join(", ");
    this.#world.log(`change by ${node}: ${text === "" ? "leave joint" : text} ${change.transition ?? ""}`);
    const leader = this.#target.leader();
    this.#target.changeMembers(node, change, (outcome) => {
      this.#world.log(`change by ${node}: ${outcome.kind} ${"reason" in outcome ? outcome.reason : ""}`);
      const isApplied = outcome.kind === "applied";
      this.#countIf(isApplied, kind);
      const removesLeader = change.changes.some(({ id, op }) => op === "remove" && id === leader);
      this.#countIf(isApplied && removesLeader, "leader-removed");
    });
  }

  #countIf(happened: boolean, kind: FaultKind): void {
    if (happened) {
      this.#faults.add(kind);
    }
  }

  /** Each gives a change that fits the configuration, or null. */
  readonly #proposals: readonly ((confState: ConfState) => Proposal | null)[] = [
    () => this.#ofNewcomer("learner-added", "add-learner"),
    ({ voters }) => (this.#hasRoom(voters) ? this.#ofNewcomer("voter-added", "add-voter") : null),
    ({ voters }) => this.#ofVoter(voters, "voter-removed", "remove"),
    ({ voters }) => this.#ofVoter(voters, "voter-demoted", "add-learner"),
    (confState) => this.#promotion(confState),
    ({ learners }) =>
      learners.length === 0
        ? null
        : { kind: "learner-removed", changes: [{ op: "remove", id: this.#random.pick(learners) }] },
    ({ voters }) => this.#replacement(voters),
    (confState) => this.#swap(confState),
    ({ voters }) => this.#withoutLeader(voters),
  ];

  #hasRoom(voters: readonly NodeId[]): boolean {
    return voters.length < this.#plan.voterCountMax;
  }

  #ofNewcomer(kind: FaultKind, op: "add-learner" | "add-voter"): Proposal | null {
    const id = this.#target.newcomer();
    const promote = this.#random.chance(0.5);
    return id === null ? null : { kind, changes: [op === "add-learner" ? { op, id, promote } : { op, id }] };
  }

  #ofVoter(voters: readonly NodeId[], kind: FaultKind, op: "remove" | "add-learner"): Proposal | null {
    return voters.length < 2 ? null : { kind, changes: [{ op, id: this.#dispensable(voters) }] };
  }

  /**
   * Somebody whose vote is taken away; of one nobody, who is the leader, and of two never the leader: where the other one, once elected,
   * crashes before its first entry is on its own disk but not on the former leader's, that one refuses it its vote for ever. The same goes
   * for one that is to take the place of an only voter. docs/simulator.md, "What stays open".
   */
  #dispensable(voters: readonly NodeId[]): NodeId {
    const leader = this.#target.leader();
    const others = voters.filter((id) => id !== leader);
    return this.#random.pick(voters.length === 2 && others.length > 0 ? others : voters);
  }

  #promotion({ learners, voters }: ConfState): Proposal | null {
    if (learners.length === 0 || !this.#hasRoom(voters)) {
      return null;
    }
    return { kind: "learner-promoted", changes: [{ op: "add-voter", id: this.#random.pick(learners) }] };
  }

  #replacement(voters: readonly NodeId[]): Proposal | null {
    const id = this.#target.newcomer();
    if (id === null || voters.length < 2) {
      return null;
    }
    const changes: MemberChange[] = [
      { op: "remove", id: this.#dispensable(voters) },
      { op: "add-voter", id },
    ];
    return { kind: "voter-replaced", changes };
  }

  /** A learner takes the vote of a voter, who listens from then on. */
  #swap({ learners, voters }: ConfState): Proposal | null {
    if (learners.length === 0 || voters.length < 2) {
      return null;
    }
    const changes: MemberChange[] = [
      { op: "add-voter", id: this.#random.pick(learners) },
      { op: "add-learner", id: this.#dispensable(voters) },
    ];
    return { kind: "members-swapped", changes };
  }

  #withoutLeader(voters: readonly NodeId[]): Proposal | null {
    const leader = this.#target.leader();
    if (leader === null || voters.length < 3 || !voters.includes(leader)) {
      return null;
    }
    return { kind: "voter-removed", changes: [{ op: "remove", id: leader }] };
  }
}
