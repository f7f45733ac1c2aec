/**
 * What an operator's timer does in every long-lived cluster: history that nobody reads any more is compacted. Without it each snapshot
 * would carry all that was ever written, and a run would spend its time on copying that.
 */
import { encodeCommand } from "@quorate/kv";
import { encodeSessionCommand, type NodeId, type ProposalOutcome } from "@quorate/raft";
import type { MachineResult } from "./session-machine.ts";
import type { World } from "./world.ts";

/** What housekeeping sees and does. */
export interface HousekeepingTarget {
  leader(): NodeId | null;
  /** The store's revision on a running member. */
  revisionOf(node: NodeId): number;
  propose(node: NodeId, bytes: Uint8Array, done: (outcome: ProposalOutcome<MachineResult>) => void): void;
}

const intervalMs = 2_000;

/** A compaction comes after so many revisions, and leaves the newest few of them. */
const revisionCountMin = 64;
const keptRevisionCount = 8;

/** See the head of this file. */
export class Housekeeping {
  readonly #world: World;
  readonly #target: HousekeepingTarget;
  readonly #keepsSessions: boolean;
  #compacted = 0;

  constructor(world: World, target: HousekeepingTarget, keepsSessions: boolean) {
    this.#world = world;
    this.#target = target;
    this.#keepsSessions = keepsSessions;
  }

  /** Begins, and goes on to the end of the run: what is compacted is no fault to heal from. */
  start(): void {
    this.#world.schedule(intervalMs, () => {
      this.#compact();
      this.start();
    });
  }

  /** The answer may be lost, and the next round asks again: a compaction that comes twice is refused. */
  #compact(): void {
    const leader = this.#target.leader();
    if (leader === null) {
      return;
    }
    const revision = this.#target.revisionOf(leader);
    if (revision - this.#compacted < revisionCountMin) {
      return;
    }
    const target = revision - keptRevisionCount;
    const command = encodeCommand({ type: "compaction", revision: target, physical: false });
    const bytes = this.#keepsSessions ? encodeSessionCommand({ kind: "plain", command }) : command;
    this.#target.propose(leader, bytes, (outcome) => {
      this.#world.log(`compaction at ${target}: ${outcome.kind}`);
      if (outcome.kind === "applied") {
        this.#compacted = Math.max(this.#compacted, target);
      }
    });
  }
}
