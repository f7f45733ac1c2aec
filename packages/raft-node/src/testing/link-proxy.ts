/** One direction between two members, as a TCP proxy that can be cut: the way a test makes a partition of real connections. */
import { connect, createServer, type Server, type Socket } from "node:net";
import { assert } from "@quorate/base";

/** Where the far end listens at this moment; null while it does not run. */
export type FarEnd = () => { readonly host: string; readonly port: number } | null;

/**
 * Passes connections on to one member, unless it is cut.
 *
 * @example
 * ```ts
 * import { LinkProxy } from "@quorate/raft-node/testing";
 * const proxy = new LinkProxy(() => ({ host: "127.0.0.1", port: 7001 }));
 * const port = await proxy.listen(); // dial 127.0.0.1:port instead of 7001
 * proxy.cut();
 * proxy.mend();
 * await proxy.close();
 * ```
 */
export class LinkProxy {
  readonly #server: Server;
  readonly #sockets: Set<Socket> = new Set();
  readonly #farEnd: FarEnd;
  #cut = false;

  constructor(farEnd: FarEnd) {
    this.#farEnd = farEnd;
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
  }

  /** Takes a port of the system's choice and returns it. */
  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(0, "127.0.0.1", () => {
        const address = this.#server.address();
        assert(address !== null && typeof address === "object", "proxy: not listening");
        resolve(address.port);
      });
    });
  }

  /** Drops every connection and lets none through. */
  cut(): void {
    this.#cut = true;
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  /** Lets connections through again. */
  mend(): void {
    this.#cut = false;
  }

  /** Ends every connection and gives the port back. */
  close(): Promise<void> {
    this.cut();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #accept(near: Socket): void {
    const target = this.#cut ? null : this.#farEnd();
    if (target === null) {
      near.destroy();
      return;
    }
    const far = connect({ ...target, noDelay: true });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      // A failure ends both sides; `close` always follows it.
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }
}
