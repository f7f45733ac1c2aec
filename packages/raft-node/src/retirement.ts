/**
 * When a removed member stops. It is of no more use once a voter knows of its removal and refuses it. Until then its vote may be
 * needed: of two voters the one that stays has to learn that it is alone, and cannot without the other (RAFT §4.2.2).
 */
import type { NodeId } from "@quorate/raft";
import type { RaftNodeEvent } from "./options.ts";

/** How long a removed member waits to be told so by a voter before it stops all the same, in milliseconds. */
const retireWaitMs = 10_000;

/** What a retirement needs of its member. */
interface RetiringMember {
  readonly id: NodeId;
  /** Whether the member is of no more use when `by` says that it was removed. */
  readonly isReleasedBy: (by: NodeId) => boolean;
  readonly isStopped: () => boolean;
  readonly emit: (event: RaftNodeEvent) => void;
  readonly fail: (cause: Error) => void;
  readonly stop: () => Promise<void>;
}

/** See the head of this file. */
export class Retirement {
  readonly #member: RetiringMember;
  #begun = false;
  #waiting = false;

  constructor(member: RetiringMember) {
    this.#member = member;
  }

  /** Something happened to the member. */
  heard(event: RaftNodeEvent): void {
    if (event.type === "removed") {
      this.#beginLater(this.#member.id);
    } else if (event.type === "refused-by" && event.cause === "removed" && event.byRemote !== true) {
      if (this.#member.isReleasedBy(event.peer)) {
        this.#begin(event.peer);
      } else {
        // Started anew after its removal it may know none of those that vote by now, and is not told of the removal by its log any more.
        this.#beginLater(event.peer);
      }
    }
  }

  /** Once: whoever refuses does so at every new connection. */
  #beginLater(by: NodeId): void {
    if (this.#waiting) {
      return;
    }
    this.#waiting = true;
    setTimeout(() => this.#begin(by), retireWaitMs).unref();
  }

  #begin(by: NodeId): void {
    if (this.#begun || this.#member.isStopped()) {
      return;
    }
    this.#begun = true;
    this.#member.emit({ type: "retired", by });
    // The event comes from within the host's turn, which is finished first: what it sends last tells others.
    setImmediate(() => {
      this.#member.stop().catch((error: unknown) => {
        this.#member.fail(error instanceof Error ? error : new Error(String(error)));
      });
    });
  }
}
