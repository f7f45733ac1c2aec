/**
 * A disk that is set back to an older copy keeps its store id; the leader that knows the member's acknowledgements is the one that
 * notices, and only as long as it leads. So the member comes back with a way to that leader alone, and is gone for good once it was
 * refused or that leadership ended: docs/recovery.md says what nobody could notice after that.
 */
import { assert } from "@quorate/base";
import type { NodeId } from "@quorate/raft";
import type { DirectedLink, Network } from "./network.ts";
import type { World } from "./world.ts";

/** What a trial can see and do. */
export interface SetBackTarget {
  readonly network: Network;
  /** Everybody, whether it runs or not. */
  readonly everybody: readonly NodeId[];
  /** The term that `leader` leads; null when it does not. */
  termLed(leader: NodeId): number | null;
  /** Whether the member's process runs. */
  runs(node: NodeId): boolean;
  /** Ends the member's process for good. */
  shutDown(node: NodeId): void;
}

const lookMs = 20;
/** After so long the member is given up, refused or not. */
const patienceMs = 30_000;

/** One trial. */
export class SetBackTrial {
  readonly #world: World;
  readonly #target: SetBackTarget;
  readonly #node: NodeId;
  readonly #leader: NodeId;
  readonly #term: number;
  readonly #endMs: number;
  readonly #heal: () => void;
  #isOver = false;

  constructor(world: World, target: SetBackTarget, node: NodeId, leader: NodeId) {
    const term = target.termLed(leader);
    assert(term !== null && node !== leader, "set back: nobody would notice");
    this.#world = world;
    this.#target = target;
    this.#node = node;
    this.#leader = leader;
    this.#term = term;
    this.#endMs = world.nowMs + patienceMs;
    const links: DirectedLink[] = [];
    for (const other of target.everybody) {
      if (other !== node && other !== leader) {
        links.push({ from: node, to: other }, { from: other, to: node });
      }
    }
    this.#heal = target.network.cut(links);
    this.#look();
  }

  /** Ends it now, as when the network is about to be put right. */
  end(): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#target.shutDown(this.#node);
      this.#heal();
    }
  }

  #look(): void {
    this.#world.schedule(lookMs, () => {
      const stands = this.#target.termLed(this.#leader) === this.#term && this.#target.runs(this.#node);
      if (!stands || this.#world.nowMs >= this.#endMs) {
        this.end();
      } else if (!this.#isOver) {
        this.#look();
      }
    });
  }
}
