/**
 * Appends without entries. Mostly they tell a member nothing but the commit index (RAFT §3.5), and the next append with entries tells
 * that as well. So they stay here for one more turn of the event loop: what is proposed until then takes their place. Nothing else that
 * is said to the member overtakes them: who is told to campaign (RAFT §3.10) must know first what is committed.
 *
 * PERF: whoever proposes again as soon as an outcome is there needs half the appends and answers: 1.2 times as many commands, one by
 * one (`npm run bench -- library`), and with a thousand clients 0.94 of the CPU (`-- etcd-benchmark`). A wait of a millisecond saved no more, and clients that asked another member next found that it
 * did not know yet.
 */
import { assert } from "@quorate/base";
import { indexZero, type LogIndex, type NodeId } from "../types/ids.ts";
import type { AppendEntries } from "../types/message.ts";

/** News of more entries goes at once: who applies them meanwhile is not in the way of what comes next. */
const heldEntriesMax = 64;

interface Held {
  message: AppendEntries;
  /** The turn in which the first one that it stands for was said. */
  readonly turn: number;
}

/** Those of one leader. */
export class CommitNotices {
  readonly #send: (message: AppendEntries) => void;
  readonly #held = new Map<NodeId, Held>();
  /** The highest commit index that each member was told in this leadership. */
  readonly #told = new Map<NodeId, LogIndex>();

  constructor(send: (message: AppendEntries) => void) {
    this.#send = send;
  }

  /** Whether another turn must come. */
  get isEmpty(): boolean {
    return this.#held.size === 0;
  }

  /** Keeps it, in place of an older one; false where it is to be sent at once. */
  hold(message: AppendEntries, turn: number): boolean {
    assert(message.entries.length === 0, "notices: an append with entries waits for nothing");
    const held = this.#held.get(message.to);
    if (message.commit > (this.#told.get(message.to) ?? indexZero) + heldEntriesMax) {
      this.#held.delete(message.to);
      this.#told.set(message.to, message.commit);
      return false;
    }
    if (held === undefined) {
      this.#held.set(message.to, { message, turn });
    } else {
      assert(held.turn <= turn, "notices: turns go back");
      held.message = message;
    }
    return true;
  }

  /** An append with entries leaves, which says what was kept for its receiver, and more. */
  overtakenBy({ commit, term, to }: AppendEntries): void {
    this.#told.set(to, commit);
    const held = this.#held.get(to);
    if (held !== undefined && held.message.term === term && held.message.commit <= commit) {
      this.#held.delete(to);
    }
  }

  /** Something else leaves for `to`, which comes behind what was kept. */
  precede(to: NodeId): void {
    const held = this.#held.size === 0 ? undefined : this.#held.get(to);
    if (held !== undefined) {
      this.#leave(to, held);
    }
  }

  /** Sends what was kept in turns before `turn`. ORDER: as it was first kept. */
  flush(turn: number): void {
    for (const [to, held] of this.#held) {
      if (held.turn < turn) {
        this.#leave(to, held);
      }
    }
  }

  /** Sends all that was kept: the member leads no more, or is about to end. The next leadership begins to count anew. */
  end(): void {
    this.flush(Number.POSITIVE_INFINITY);
    this.#told.clear();
    assert(this.#held.size === 0, "notices: one is left behind");
  }

  #leave(to: NodeId, { message }: Held): void {
    this.#held.delete(to);
    this.#told.set(to, message.commit);
    this.#send(message);
  }
}
