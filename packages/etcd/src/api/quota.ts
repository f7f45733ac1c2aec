/**
 * The space that the state may take. ETCD: whoever finds its quota used up raises the alarm for all; from then on the state machine
 * refuses on every member, until the alarm is taken back.
 */
import { type Command, decodeCommand, type KvErrorCode, takesSpace } from "@quorate/kv";
import type { ReplicationStatus, StorePort } from "../ports.ts";
import { quotaBytesOf } from "./limits.ts";
import type { ApiOptions } from "./options.ts";

/** The share of the quota at which this member takes its alarm back, so that it does not come and go with each write. */
const roomShare = 0.9;

/** See the head of this file. */
export class Quota {
  readonly #options: ApiOptions;
  /** Proposes a command of the member's own, and calls back once when it is over, whatever became of it. */
  readonly #propose: (command: Command, done: () => void) => void;
  readonly #bytes: number | null;
  #disarming = false;

  constructor(options: ApiOptions, propose: (command: Command, done: () => void) => void) {
    this.#options = options;
    this.#propose = propose;
    this.#bytes = quotaBytesOf(options.about.quotaBytes);
  }

  /** Why an encoded command finds no room, the alarm then raised; null when there is some, or it needs none. */
  refuse(command: Uint8Array): KvErrorCode | null {
    const { replication, store } = this.#options;
    const hasRoom = this.#bytes === null || store.dataBytes + command.length <= this.#bytes;
    if (hasRoom || !takesSpace(decodeCommand(command))) {
      return null;
    }
    const { memberId } = replication.status();
    if (!this.#isOn(store, memberId)) {
      // Should it get lost, the next request that finds no room raises it again.
      this.#propose({ type: "alarm", action: "activate", memberId, alarm: "no-space" }, () => {});
    }
    return "KV_NO_SPACE";
  }

  /** Takes this member's alarm back once there is room, where it is to do so by itself. */
  disarmWhenRoom(): void {
    const { limits, replication, store } = this.#options;
    if (!limits.autoDisarmNoSpace || this.#bytes === null || this.#disarming) {
      return;
    }
    const { leader, memberId }: ReplicationStatus = replication.status();
    if (store.dataBytes > this.#bytes * roomShare || leader === 0 || !this.#isOn(store, memberId)) {
      return;
    }
    this.#disarming = true;
    this.#propose({ type: "alarm", action: "deactivate", memberId, alarm: "no-space" }, () => {
      // Whatever became of it: while the alarm is on, the next tick tries again.
      this.#disarming = false;
    });
  }

  #isOn(store: StorePort, memberId: number): boolean {
    return store.alarms().some((one) => one.alarm === "no-space" && one.memberId === memberId);
  }
}
