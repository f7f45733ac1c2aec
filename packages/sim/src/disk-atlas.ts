/**
 * Which disks may be damaged at this moment so that everything acknowledged must still survive: of each configuration a majority of
 * the voters has a disk that nothing was done to, or that is repaired. What is done beyond that could not be told from a bug.
 */
import { assert, type Prng } from "@quorate/base";
import type { ConfState, NodeId } from "@quorate/raft";
import type { FaultCount, FaultKind } from "./fault-count.ts";

/** What the atlas can see and do. */
export interface AtlasTarget {
  readonly configuration: ConfState;
  /** Whether some log holds a change that is not in force everywhere. */
  readonly isChanging: boolean;
  /** Whether the others must do without the member's disk, or with less of it. */
  isImpaired(node: NodeId): boolean;
  /** Members that may yet come in place of broken ones. */
  readonly spareCount: number;
  /** Damages a disk; whether there was something to damage. */
  damage(node: NodeId, kind: FaultKind): boolean;
  flipRead(node: NodeId, reads: number): void;
  loseSlots(node: NodeId): boolean;
  wipe(node: NodeId): boolean;
  setBack(node: NodeId): boolean;
}

/** Kinds of damage that are repaired, by part of the disk. */
const repairable: Readonly<Record<"log" | "slot" | "snapshot", readonly FaultKind[]>> = {
  log: ["log-bit-flipped", "log-sector-zeroed", "log-write-lost", "log-write-misdirected"],
  slot: ["slot-bit-flipped", "slot-write-lost"],
  snapshot: ["snapshot-bit-flipped"],
};

/** See the head of this file. */
export class DiskAtlas {
  readonly #target: AtlasTarget;
  readonly #random: Prng;
  readonly #faults: FaultCount;

  constructor(target: AtlasTarget, random: Prng, faults: FaultCount) {
    this.#target = target;
    this.#random = random;
    this.#faults = faults;
  }

  /** Whether the cluster can spare this disk, besides those that it does without already. */
  canSpare(node: NodeId): boolean {
    const { configuration, isChanging } = this.#target;
    const { voters, votersOutgoing } = configuration;
    if (isChanging || votersOutgoing.length > 0) {
      return false; // Which quorums count is open.
    }
    const impaired = voters.filter((id) => id === node || this.#target.isImpaired(id));
    assert(impaired.length <= voters.length, "atlas: more impaired than there are");
    return impaired.length * 2 < voters.length;
  }

  /** Damages some place of one part of the disk. */
  damage(node: NodeId, part: keyof typeof repairable): void {
    const kind = this.#random.pick(repairable[part]);
    if (this.canSpare(node) && this.#target.damage(node, kind)) {
      this.#faults.add(kind);
    }
  }

  /** The disk counts the fault when the read comes. */
  flipRead(node: NodeId): void {
    if (this.canSpare(node)) {
      this.#target.flipRead(node, this.#random.integer(1, 12));
    }
  }

  /** Both slots: the vote is gone, and the member must stay away. */
  loseSlots(node: NodeId): void {
    if (this.#canReplace(node) && this.#target.loseSlots(node)) {
      this.#faults.add("slots-lost");
    }
  }

  wipe(node: NodeId): void {
    if (this.#canReplace(node) && this.#target.wipe(node)) {
      this.#faults.add("disk-wiped");
    }
  }

  setBack(node: NodeId): void {
    if (this.#canReplace(node) && this.#target.setBack(node)) {
      this.#faults.add("disk-set-back");
    }
  }

  #canReplace(node: NodeId): boolean {
    const { configuration, spareCount } = this.#target;
    return spareCount > 0 && configuration.voters.includes(node) && this.canSpare(node);
  }
}
