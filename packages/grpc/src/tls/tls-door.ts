/**
 * The TLS handshakes of one listener: how many run at once, how long one may take, and who is let in. A connection that says
 * nothing costs no handshake; one that begins and does not go on makes room as soon as others wait.
 */
import { constants } from "node:crypto";
import type { Socket } from "node:net";
import type { Server, TLSSocket } from "node:tls";
import { assert } from "@quorate/base";
import type { ListenTls, ServerLimits, TlsCredentials } from "../types.ts";
import { type Client, peerOf, verifiedCommonName } from "../wire/peer.ts";

/** How long a handshake is left alone while others wait for its place. */
const patienceMs = 1000;

/** RFC 8446 §5.1: every TLS connection begins with a record of this type. */
const handshakeRecord = 22;

/** What becomes of connections. Each one ends in exactly one of the calls, or is closed by its client before. */
export interface TlsDoorHost {
  /** The handshake is done and the client may come in. */
  secured(socket: TLSSocket, client: Client): void;
  refused(peer: string, reason: string): void;
  failed(peer: string, error: Error): void;
}

/** One raw connection on its way through the handshake. */
interface Entrant {
  readonly socket: Socket;
  readonly peer: string;
  /** 0 while it waits. */
  startedAtMs: number;
  /** Whether it was handed on, or told to be gone. */
  over: boolean;
}

/** Makes secured connections of raw ones. */
export class TlsDoor {
  readonly #tls: ListenTls;
  readonly #limits: ServerLimits;
  readonly #host: TlsDoorHost;
  readonly #server: Server;
  readonly #entrants = new Map<Socket, Entrant>();
  readonly #waiting = new Set<Entrant>();
  /** By the client's address, the one thing that a raw socket and the secured one on it have in common. */
  readonly #shaking = new Map<string, Entrant>();
  #credentials: TlsCredentials;
  #pressure: NodeJS.Timeout | null = null;

  /** @throws what OpenSSL says of credentials that do not fit together. */
  constructor(tls: ListenTls, limits: ServerLimits, host: TlsDoorHost) {
    this.#tls = tls;
    this.#limits = limits;
    this.#host = host;
    this.#credentials = tls.credentials();
    // PERF: loaded where TLS is spoken: 5 MB.
    this.#server = process.getBuiltinModule("node:tls").createServer({
      ...this.#credentials,
      requestCert: tls.clientCertificates !== "none",
      // Not by Node, which closes without a word: see admission below, which can say why.
      rejectUnauthorized: false,
      // A resumed session would go past certificates, authorities and revocations that have changed since.
      secureOptions: constants.SSL_OP_NO_TICKET,
      ALPNProtocols: ["h2", "http/1.1"],
      handshakeTimeout: limits.handshakeMs,
    });
    this.#server.on("secureConnection", (socket: TLSSocket) => this.#secured(socket));
    this.#server.on("tlsClientError", (error, socket) => this.#failed(socket, error));
  }

  /** Takes over a raw connection. */
  enter(socket: Socket, peer: string): void {
    const entrant: Entrant = { socket, peer, startedAtMs: 0, over: false };
    this.#entrants.set(socket, entrant);
    const silent = setTimeout(() => socket.destroy(), this.#limits.handshakeMs);
    const firstBytes = (): void => {
      const head: Buffer | null = socket.read();
      if (head === null) {
        return;
      }
      clearTimeout(silent);
      socket.removeListener("readable", firstBytes);
      socket.unshift(head);
      this.#spoke(entrant, head[0] === handshakeRecord);
    };
    socket.on("readable", firstBytes);
    socket.on("close", () => {
      clearTimeout(silent);
      this.#entrants.delete(socket);
      this.#leave(entrant);
    });
  }

  /** Ends what has not come through. */
  close(): void {
    for (const socket of [...this.#entrants.keys()]) {
      socket.destroy();
    }
  }

  #spoke(entrant: Entrant, isTls: boolean): void {
    if (!isTls) {
      entrant.over = true;
      this.#host.refused(entrant.peer, "no TLS");
      // ETCD: Go's server says so in plain HTTP, which is what such a client most likely speaks.
      entrant.socket.end(
        "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
        () => entrant.socket.destroy(),
      );
      return;
    }
    this.#waiting.add(entrant);
    this.#begin();
  }

  /** Starts as many handshakes as there are places. */
  #begin(): void {
    for (const entrant of this.#waiting) {
      if (this.#shaking.size >= this.#limits.handshakesMax) {
        this.#press();
        return;
      }
      this.#waiting.delete(entrant);
      this.#shaking.set(entrant.peer, entrant);
      entrant.startedAtMs = performance.now();
      this.#renew();
      this.#server.emit("connection", entrant.socket);
    }
  }

  /** While some wait, those who do not go on lose their place. */
  #press(): void {
    this.#pressure ??= setTimeout(() => {
      this.#pressure = null;
      const latestMs = performance.now() - patienceMs;
      for (const entrant of [...this.#shaking.values()]) {
        if (entrant.startedAtMs <= latestMs && this.#waiting.size > 0) {
          this.#host.refused(entrant.peer, "TLS handshake takes too long while others wait");
          entrant.socket.destroy();
        }
      }
      this.#begin();
    }, patienceMs / 4).unref();
  }

  /** Certificates that changed count from the next handshake on. */
  #renew(): void {
    const credentials = this.#tls.credentials();
    if (credentials !== this.#credentials) {
      this.#credentials = credentials;
      this.#server.setSecureContext(credentials);
    }
  }

  #secured(socket: TLSSocket): void {
    const entrant = this.#shaking.get(peerOf(socket));
    // Without an entrant the raw connection is gone already.
    const reason = entrant === undefined ? "" : this.#judge(socket);
    if (entrant !== undefined) {
      entrant.over = true;
      this.#leave(entrant);
    }
    if (entrant !== undefined && reason === null) {
      const named = this.#tls.clientCertificates === "identity";
      const commonName = named ? verifiedCommonName(socket) : null;
      this.#host.secured(socket, { peer: entrant.peer, secure: true, commonName });
      return;
    }
    socket.on("error", () => socket.destroy());
    socket.destroy();
    if (entrant !== undefined && reason !== null) {
      this.#host.refused(entrant.peer, reason);
    }
  }

  /** Why the client may not come in, or null. What is not proven is refused. */
  #judge(socket: TLSSocket): string | null {
    if (this.#tls.clientCertificates !== "none") {
      if (socket.getPeerX509Certificate() === undefined) {
        return "client certificate: none was sent";
      }
      if (!socket.authorized) {
        return `client certificate: ${String(socket.authorizationError)}`;
      }
    }
    return this.#tls.admit?.(socket) ?? null;
  }

  #failed(socket: TLSSocket, error: Error): void {
    const entrant = this.#shaking.get(peerOf(socket));
    socket.destroy();
    if (entrant !== undefined && !entrant.over) {
      entrant.over = true;
      entrant.socket.destroy();
      this.#host.failed(entrant.peer, error);
    }
  }

  #leave(entrant: Entrant): void {
    this.#waiting.delete(entrant);
    if (this.#shaking.get(entrant.peer) === entrant && this.#shaking.delete(entrant.peer)) {
      this.#begin();
    }
    assert(this.#shaking.size <= this.#limits.handshakesMax, "tls door: more handshakes than places");
  }
}
