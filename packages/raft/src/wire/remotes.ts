/**
 * Callers of this cluster that no configuration here names: this member may have missed the change that brought them, and its vote or its
 * disk may be what they need. RAFT §4.1: servers take requests whoever leads or stands for election, member or not. A remote lasts as long
 * as the connection on which it speaks, counts in no quorum, and must not take up memory without bound.
 */
import { assert, equalBytes } from "@quorate/base";
import type { PeerFrame } from "../host/ports.ts";
import type { NodeId } from "../types/ids.ts";
import type { Hello } from "./handshake.ts";

/** One caller. */
interface Remote<Address> {
  /** Where it is dialled back. */
  readonly address: Address;
  readonly storeId: Uint8Array;
}

/**
 * The remotes of one member, at most `countMax`; `resolve` makes of what a caller says of itself where it can be dialled, null where that is
 * nowhere.
 */
export class Remotes<Address> {
  readonly #countMax: number;
  readonly #resolve: (id: NodeId, address: string) => Address | null;
  readonly #byId: Map<NodeId, Remote<Address>> = new Map();

  constructor(countMax: number, resolve: (id: NodeId, address: string) => Address | null) {
    assert(Number.isSafeInteger(countMax) && countMax >= 0, "remotes: no count");
    this.#countMax = countMax;
    this.#resolve = resolve;
  }

  get count(): number {
    return this.#byId.size;
  }

  has(id: NodeId): boolean {
    return this.#byId.has(id);
  }

  /** Why the caller cannot be taken in, as the end of a sentence about it; null when it can. */
  problem({ address, from, storeId }: Hello): string | null {
    const known = this.#byId.get(from);
    if (known !== undefined && !equalBytes(known.storeId, storeId)) {
      return "another disk calls under that name at the same time";
    }
    if (known === undefined && this.#byId.size >= this.#countMax) {
      return `${this.#countMax} others of whom that is true are connected`;
    }
    if (address === "") {
      return "it does not say where it is reached";
    }
    return this.#resolve(from, address) === null ? "nobody can dial the address that it gives" : null;
  }

  /** Takes in a caller without a {@link problem}; returns where it is dialled back. */
  add(hello: Hello): Address {
    assert(this.problem(hello) === null, "remotes: taken in against the rules");
    const address = this.#resolve(hello.from, hello.address);
    assert(address !== null, "remotes: nowhere to be dialled");
    this.#byId.set(hello.from, { address, storeId: hello.storeId.slice() });
    assert(this.#byId.size <= this.#countMax, "remotes: too many");
    return address;
  }

  /** Its connection ended, the configuration names it, or it is known to be removed; whether it was a remote. */
  delete(id: NodeId): boolean {
    return this.#byId.delete(id);
  }
}

/**
 * Whether a remote may say that. It may lead, stand for election and answer; what members ask of their leader only members ask. RAFT §4.1
 * [append-from-stranger, vote-for-stranger].
 */
export function mayRemoteSend(frame: PeerFrame): boolean {
  switch (frame.kind) {
    case "propose":
    case "request":
    case "repair-request":
      return false;
    case "message":
      return (
        frame.message.type !== "forward-proposal" &&
        frame.message.type !== "read-index" &&
        frame.message.type !== "transfer-leadership"
      );
    default:
      return true;
  }
}
