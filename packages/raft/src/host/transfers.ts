/** Handing leadership over on request (RAFT §3.10), with an end that is told: done, refused, or not in time. */
import { assert } from "@quorate/base";
import type { TransferResult } from "../raw-node.ts";
import type { Role } from "../types/hard-state.ts";
import { type NodeId, noNode } from "../types/ids.ts";
import type { ProgressStatus, Status } from "../types/status.ts";
import type { Waiting } from "./outcome.ts";

/** Why leadership is not handed over. `unreachable`: the target was not heard lately, so it cannot catch up. */
export type TransferRefusal =
  | "no-leader"
  | "not-leader"
  | "not-a-member"
  | "learner"
  | "already-leader"
  | "unreachable"
  | "no-candidate"
  | "stopped";

/** How a transfer ended. */
export type TransferOutcome =
  | { readonly kind: "done"; readonly leader: NodeId }
  | {
      readonly kind: "refused";
      readonly reason: TransferRefusal;
      readonly transferee: NodeId;
      readonly leader: NodeId;
    }
  /** The transferee did not take over in time. It may still do so. */
  | { readonly kind: "timed-out"; readonly transferee: NodeId };

/** What transfers need of their host. */
interface TransferPort {
  readonly id: NodeId;
  readonly role: Role;
  readonly leader: NodeId;
  status(): Status;
  isActive(id: NodeId): boolean;
  transfer(target: NodeId): TransferResult;
}

interface Transfer extends Waiting {
  /** Null: whoever leads after `oldLeader`. */
  readonly target: NodeId | null;
  readonly oldLeader: NodeId;
  ageTicks: number;
  settle(outcome: TransferOutcome): void;
}

const settled: Waiting = { abandon: () => {} };

/** The transfers that this member was asked for and that have not ended. */
export class Transfers {
  readonly #port: TransferPort;
  readonly #timeoutTicks: number;
  #waiting: Transfer[] = [];

  constructor(port: TransferPort, timeoutTicks: number) {
    assert(timeoutTicks > 0, "transfers: no time");
    this.#port = port;
    this.#timeoutTicks = timeoutTicks;
  }

  /** Hands over to `target`, or, where it is null, to the member that lacks the least; `done` is called exactly once. */
  begin(target: NodeId | null, done: (outcome: TransferOutcome) => void): Waiting {
    const port = this.#port;
    const chosen = target ?? bestHeir(port.id, port.status().progress, (id) => port.isActive(id)) ?? noNode;
    const reason = this.#refusal(chosen);
    if (reason !== null) {
      done({ kind: "refused", reason, transferee: chosen, leader: port.leader });
      return settled;
    }
    const result = port.transfer(chosen);
    assert(result !== "forwarded", "transfers: asked of a leader");
    if (result !== "started") {
      done({ kind: "refused", reason: result, transferee: chosen, leader: port.leader });
      return settled;
    }
    return this.#track(chosen, port.id, done);
  }

  /** Waits for what another member was asked for: it ends when the transferee leads, or by `settle`, or in time. */
  follow(target: NodeId | null, oldLeader: NodeId, done: (outcome: TransferOutcome) => void): Transfer {
    assert(oldLeader !== noNode && oldLeader !== this.#port.id, "transfers: followed without another leader");
    return this.#track(target, oldLeader, done);
  }

  #refusal(target: NodeId): TransferRefusal | null {
    const { id, leader, role } = this.#port;
    if (role !== "leader") {
      return leader === noNode ? "no-leader" : "not-leader";
    }
    if (target === noNode) {
      return "no-candidate";
    }
    const { progress } = this.#port.status();
    const isMember = progress.some((each) => each.id === target);
    return isMember && target !== id && !this.#port.isActive(target) ? "unreachable" : null;
  }

  #track(target: NodeId | null, oldLeader: NodeId, done: (outcome: TransferOutcome) => void): Transfer {
    const transfers = this;
    const transfer: Transfer = {
      target,
      oldLeader,
      ageTicks: 0,
      settle(outcome) {
        if (transfers.#waiting.includes(transfer)) {
          transfers.#waiting = transfers.#waiting.filter((each) => each !== transfer);
          done(outcome);
        }
      },
      abandon() {
        transfer.settle({ kind: "timed-out", transferee: target ?? noNode });
      },
    };
    this.#waiting.push(transfer);
    return transfer;
  }

  /** Who leads has changed. */
  leaderChanged(leader: NodeId): void {
    for (const transfer of this.#waiting) {
      const { oldLeader, target } = transfer;
      if (target === null ? leader !== noNode && leader !== oldLeader : leader === target) {
        transfer.settle({ kind: "done", leader });
      }
    }
  }

  tick(): void {
    for (const transfer of this.#waiting) {
      transfer.ageTicks++;
      if (transfer.ageTicks >= this.#timeoutTicks) {
        transfer.settle({ kind: "timed-out", transferee: transfer.target ?? noNode });
      }
    }
  }

  stop(): void {
    for (const transfer of this.#waiting) {
      const transferee = transfer.target ?? noNode;
      transfer.settle({ kind: "refused", reason: "stopped", transferee, leader: noNode });
    }
  }
}

/** The voter that was heard lately and lacks the least; null when there is none. */
export function bestHeir(
  own: NodeId,
  progress: readonly ProgressStatus[],
  isActive: (id: NodeId) => boolean,
): NodeId | null {
  const heirs = progress.filter(({ id, isLearner }) => id !== own && !isLearner && isActive(id));
  const [best] = heirs.sort((left, right) => right.match - left.match);
  return best?.id ?? null;
}
