/**
 * Which configuration is in force where, as the members tell by applying changes: one chain for all of them, in which any two
 * neighbours share a member of every two of their quorums. RAFT §4.1, §4.3. Quorums are counted here anew, not by the core's code.
 */
import { must } from "@quorate/base";
import type { ConfState, LogIndex, NodeId } from "@quorate/raft";
import { promise } from "../violation.ts";

interface Link {
  /** Where it was applied; 0 for the one that the group began with. */
  readonly index: number;
  readonly confState: ConfState;
}

/** Everybody in `confState`, each once. */
export function membersOf(confState: ConfState): readonly NodeId[] {
  return [...new Set([...confState.voters, ...confState.votersOutgoing, ...confState.learners])];
}

/** Whether those who `agree` are a majority of the voters, and of the old voters while there are any. RAFT §4.3. */
export function isQuorum(confState: ConfState, agrees: (id: NodeId) => boolean): boolean {
  const { voters, votersOutgoing } = confState;
  return isMajority(voters, agrees) && (votersOutgoing.length === 0 || isMajority(votersOutgoing, agrees));
}

function isMajority(voters: readonly NodeId[], agrees: (id: NodeId) => boolean): boolean {
  return voters.filter(agrees).length * 2 > voters.length;
}

/** Whether every quorum of one configuration shares a member with every quorum of the other: all splits are tried. */
export function quorumsMeet(left: ConfState, right: ConfState): boolean {
  const ids = [...new Set([...membersOf(left), ...membersOf(right)])];
  const split = 2 ** ids.length;
  for (let mask = 0; mask < split; mask++) {
    const isLeft = (id: NodeId): boolean => ((mask >>> ids.indexOf(id)) & 1) === 1;
    if (isQuorum(left, isLeft) && isQuorum(right, (id) => !isLeft(id))) {
      return false;
    }
  }
  return true;
}

/** See the head of this file. */
export class Configurations {
  readonly #chain: Link[];
  /** What was in force at some moment of the member's present step, the newest last. */
  readonly #inForce = new Map<NodeId, ConfState[]>();
  readonly #appliedIndex = new Map<NodeId, number>();

  constructor(first: ConfState) {
    this.#chain = [{ index: 0, confState: first }];
  }

  /** The newest that anybody applied. */
  get last(): ConfState {
    return must(this.#chain.at(-1), "configurations: none").confState;
  }

  /** Where it was applied; 0 for the first. */
  get lastIndex(): LogIndex {
    return must(this.#chain.at(-1), "configurations: none").index as LogIndex;
  }

  /** How many changes were applied. */
  get changeCount(): number {
    return this.#chain.length - 1;
  }

  /** Whether `node` ever was in a configuration. */
  wasMember(node: NodeId): boolean {
    return this.#chain.some(({ confState }) => membersOf(confState).includes(node));
  }

  /** A member is back, with the configuration of its newest snapshot, or the first; a new one has none yet. */
  recovered(node: NodeId, index: number, confState: ConfState): void {
    this.#appliedIndex.set(node, index);
    this.#inForce.set(node, confState.voters.length === 0 ? [] : [confState]);
    this.#checkAt(node, index, confState);
  }

  /** A member applied a change. */
  applied(node: NodeId, index: LogIndex, confState: ConfState): void {
    this.#appliedIndex.set(node, index);
    this.#force(node, confState);
    const last = must(this.#chain.at(-1), "configurations: none");
    if (index <= last.index) {
      this.#checkAt(node, index, confState);
      return;
    }
    promise(
      quorumsMeet(last.confState, confState),
      "configuration-chain",
      () =>
        `node ${node} applies ${describe(confState)} at ${index} after ${describe(last.confState)}: some of their quorums share nobody`,
    );
    this.#chain.push({ index, confState });
  }

  /** A member's state now is that of a snapshot. */
  installed(node: NodeId, index: LogIndex, confState: ConfState): void {
    this.#appliedIndex.set(node, index);
    this.#force(node, confState);
    this.#checkAt(node, index, confState);
  }

  /** The member's step is over. */
  stepped(node: NodeId): void {
    const inForce = this.#inForce.get(node);
    if (inForce !== undefined && inForce.length > 1) {
      inForce.splice(0, inForce.length - 1);
    }
  }

  /** Whether one configuration alone was in force in all of the member's present step. */
  isSettled(node: NodeId): boolean {
    return (this.#inForce.get(node)?.length ?? 0) <= 1;
  }

  /** Whether the member's configuration was told of. */
  knows(node: NodeId): boolean {
    return this.#inForce.has(node);
  }

  /** Up to where the member has applied changes; 0 when it has none. */
  appliedIndex(node: NodeId): number {
    return this.#appliedIndex.get(node) ?? 0;
  }

  /** By which configurations the member may have counted in this step. */
  of(node: NodeId): readonly ConfState[] {
    return this.#inForce.get(node) ?? [must(this.#chain[0], "configurations: none").confState];
  }

  /** The newest few, for who reports a commit of which the leader was not heard. */
  get recent(): readonly ConfState[] {
    return this.#chain.slice(-3).map(({ confState }) => confState);
  }

  /** RAFT §4.1: no change is appended while an earlier one may not be applied. `indexes` are the changes in the log of `node`, ascending. */
  checkOneAtATime(node: NodeId, indexes: readonly number[], next: number): void {
    const applied = this.appliedIndex(node);
    const open = indexes.find((index) => index > applied && index < next);
    promise(
      open === undefined,
      "one-change-at-a-time",
      () => `node ${node} appends a change at ${next}; the one at ${open} is not applied (${applied} is)`,
    );
  }

  #force(node: NodeId, confState: ConfState): void {
    const inForce = this.#inForce.get(node);
    if (inForce === undefined) {
      this.#inForce.set(node, [...this.of(node), confState]);
    } else {
      inForce.push(confState);
    }
  }

  /** What is in force behind `index` is the same for all. */
  #checkAt(node: NodeId, index: number, confState: ConfState): void {
    if (confState.voters.length === 0) {
      return; // Of a new member, which knows none yet.
    }
    const link = must(
      this.#chain.findLast((each) => each.index <= index),
      "configurations: before the first",
    );
    promise(
      describe(link.confState) === describe(confState),
      "configuration-chain",
      () =>
        `node ${node} has ${describe(confState)} in force at ${index}; others have ${describe(link.confState)}`,
    );
  }
}

function describe({ voters, votersOutgoing, learners, learnersNext, autoLeave }: ConfState): string {
  return `(${voters} / ${votersOutgoing} / ${learners} / ${learnersNext}${autoLeave ? " auto" : ""})`;
}
