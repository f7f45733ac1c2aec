/** Who was heard lately, by this member's ticks: what a quorum of a new configuration can be made of. RAFT §4.2.1. */
import { assert } from "@quorate/base";
import type { ConfState } from "../types/conf-state.ts";
import type { NodeId } from "../types/ids.ts";

/** When each peer was last heard. */
export class Liveness {
  readonly #withinTicks: number;
  readonly #heardAt: Map<NodeId, number> = new Map();
  #now = 0;

  constructor(withinTicks: number) {
    assert(withinTicks > 0, "liveness: no time");
    this.#withinTicks = withinTicks;
  }

  tick(): void {
    this.#now++;
  }

  /** PERF: called for each frame. */
  heard(peer: NodeId): void {
    this.#heardAt.set(peer, this.#now);
  }

  /** Whether `peer` was heard within the time. */
  isActive(peer: NodeId): boolean {
    const at = this.#heardAt.get(peer);
    return at !== undefined && this.#now - at <= this.#withinTicks;
  }

  /** Keeps nothing about `peer`. */
  forget(peer: NodeId): void {
    this.#heardAt.delete(peer);
  }

  /** Keeps nothing about anybody but `members`. */
  retain(members: readonly NodeId[]): void {
    for (const peer of this.#heardAt.keys()) {
      if (!members.includes(peer)) {
        this.#heardAt.delete(peer);
      }
    }
  }
}

/** Why `confState` could commit nothing now, null when it could: a majority of each half must be at work. */
export function quorumProblem(confState: ConfState, works: (id: NodeId) => boolean): string | null {
  for (const voters of [confState.voters, confState.votersOutgoing]) {
    const active = voters.filter(works);
    const quorum = Math.floor(voters.length / 2) + 1;
    if (voters.length > 0 && active.length < quorum) {
      return `of the voters ${voters.join(", ")} only ${active.length} are at work, and ${quorum} are needed`;
    }
  }
  return null;
}
