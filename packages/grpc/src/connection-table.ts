/** The connections of a server, counted in all and by where they come from, so that a flood leaves room for others. */

import type { Socket } from "node:net";
import { isIP } from "node:net";
import { assert } from "@quorate/base";
import type { ServerLimits } from "./types.ts";

/** Whether `address` is this machine's own: whoever is on it can do more than open connections. */
function isLoopback(address: string): boolean {
  const v4 = address.startsWith("::ffff:") ? address.slice("::ffff:".length) : address;
  return address === "::1" || (isIP(v4) === 4 && v4.startsWith("127."));
}

/** Every open connection. */
export class ConnectionTable {
  readonly #limits: ServerLimits;
  readonly #sockets = new Set<Socket>();
  readonly #countByHost = new Map<string, number>();

  constructor(limits: ServerLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#sockets.size;
  }

  /** Why one more connection from `host` may not be, or null. */
  refusal(host: string): string | null {
    if (this.#sockets.size >= this.#limits.connectionsMax) {
      return "connections-max";
    }
    const count = this.#countByHost.get(host) ?? 0;
    return count >= this.#limits.connectionsPerHostMax && !isLoopback(host)
      ? "connections-per-host-max"
      : null;
  }

  add(socket: Socket, host: string): void {
    assert(!this.#sockets.has(socket), "connections: added twice");
    this.#sockets.add(socket);
    this.#countByHost.set(host, (this.#countByHost.get(host) ?? 0) + 1);
  }

  delete(socket: Socket, host: string): void {
    if (!this.#sockets.delete(socket)) {
      return;
    }
    const count = (this.#countByHost.get(host) ?? 0) - 1;
    assert(count >= 0, "connections: fewer than none from one host");
    if (count === 0) {
      this.#countByHost.delete(host);
    } else {
      this.#countByHost.set(host, count);
    }
  }

  /** A copy, to be closed one by one. */
  all(): readonly Socket[] {
    return [...this.#sockets];
  }
}
