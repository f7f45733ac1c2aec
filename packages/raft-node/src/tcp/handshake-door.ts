/** TLS handshakes of connections from peers: bounded in time, with certificates that may be renewed between two of them. */
import type { Socket } from "node:net";
import type { Server, TLSSocket, TlsOptions } from "node:tls";
import type { PeerTls, TransportLimits } from "./options.ts";

/** What becomes of connections. */
interface DoorHost {
  secured(socket: TLSSocket): void;
  failed(remote: string, why: string): void;
}

/** Makes secured connections of raw ones. */
export class HandshakeDoor {
  readonly #options: () => TlsOptions;
  readonly #host: DoorHost;
  readonly #server: Server;
  readonly #shaking = new Set<Socket>();
  #present: TlsOptions;

  constructor(server: NonNullable<PeerTls["server"]>, limits: TransportLimits, host: DoorHost) {
    this.#options = typeof server === "function" ? server : () => server;
    this.#host = host;
    this.#present = this.#options();
    // PERF: loaded where TLS is spoken: 5 MB.
    const { createServer } = process.getBuiltinModule("node:tls");
    this.#server = createServer({ ...this.#present, handshakeTimeout: limits.handshakeTimeoutMs });
    this.#server.on("secureConnection", (socket) => {
      this.#forget(socket);
      this.#host.secured(socket);
    });
    this.#server.on("tlsClientError", (error, socket) => {
      const remote = this.#forget(socket);
      socket.destroy();
      this.#host.failed(remote, error.message);
    });
  }

  /** Connections whose handshake is not done. */
  get count(): number {
    return this.#shaking.size;
  }

  /** Those connections, the oldest first. */
  get shaking(): Iterable<Socket> {
    return this.#shaking;
  }

  /** Takes over a raw connection. */
  enter(socket: Socket): void {
    this.#shaking.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#shaking.delete(socket));
    const options = this.#options();
    if (options !== this.#present) {
      this.#present = options;
      this.#server.setSecureContext(options);
    }
    this.#server.emit("connection", socket);
  }

  /** Ends what has not come through. */
  close(): void {
    for (const socket of [...this.#shaking]) {
      socket.destroy();
    }
  }

  /** The raw connection under `socket` has come through, or failed. The two have the same remote end. */
  #forget(socket: TLSSocket): string {
    for (const raw of this.#shaking) {
      if (raw.remotePort === socket.remotePort && raw.remoteAddress === socket.remoteAddress) {
        this.#shaking.delete(raw);
      }
    }
    return `${socket.remoteAddress}:${socket.remotePort}`;
  }
}
