/**
 * Streams that stay open: they end with their client, with the server, and, where the client asked for it, when the member
 * has been without a leader for three election timeouts, as etcd's do.
 */
import { assert } from "@quorate/base";
import type { BidiApiCall } from "../ports.ts";
import type { ApiContext } from "./context.ts";
import { failWith } from "./failures.ts";

/** ETCD: how many election timeouts a stream outlives the leader. */
const electionTimeoutsWithoutLeader = 3;

/** The open streams of one service. */
export class LongCalls {
  readonly #context: ApiContext;
  readonly #release: Map<BidiApiCall, () => void> = new Map();

  constructor(context: ApiContext) {
    this.#context = context;
  }

  /** Keeps a call until it ends in whatever way; then calls `release`, once. */
  add(call: BidiApiCall, release: () => void): void {
    assert(!this.#release.has(call), "long calls: added twice");
    this.#release.set(call, release);
    call.onCancel(() => this.ended(call));
  }

  /** The call has ended. */
  ended(call: BidiApiCall): void {
    const release = this.#release.get(call);
    if (release !== undefined) {
      this.#release.delete(call);
      release();
    }
  }

  /** The client has nothing more to say: the call ends well. */
  finish(call: BidiApiCall): void {
    if (this.#release.has(call)) {
      this.ended(call);
      call.end();
    }
  }

  /** Ends those that want a leader when there has been none for too long. */
  tick(): void {
    const { limits } = this.#context.options;
    if (this.#context.leaderlessMs < electionTimeoutsWithoutLeader * limits.electionTimeoutMs) {
      return;
    }
    for (const call of [...this.#release.keys()]) {
      if (call.metadata.text("hasleader") === "true") {
        this.ended(call);
        failWith(call, "KV_NO_LEADER");
      }
    }
  }

  /** Ends all. */
  stop(): void {
    for (const call of [...this.#release.keys()]) {
      this.ended(call);
      failWith(call, "KV_STOPPED");
    }
    assert(this.#release.size === 0, "long calls: one outlived the stop");
  }
}
