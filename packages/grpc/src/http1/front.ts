/**
 * HTTP/1.1 on sockets that are handed in. `node:http` bounds slow headers only on ports it listens on itself, so the time
 * until each complete request head is bounded here.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { HttpExchange, ServerLimits } from "../types.ts";
import type { Client } from "../wire/peer.ts";
import { Http1Exchange, type Http1Host } from "./exchange.ts";

/** How long an idle connection is kept for a next request. */
const keepAliveMs = 5000;

/** Serves HTTP/1.1. */
export class Http1Front {
  readonly #server: Server;
  readonly #limits: ServerLimits;
  readonly #clientOf: (socket: Socket) => Client;
  readonly #host: Http1Host;
  readonly #headTimers = new Map<Socket, NodeJS.Timeout>();
  #closing = false;

  constructor(
    limits: ServerLimits,
    clientOf: (socket: Socket) => Client,
    onHttp: (exchange: HttpExchange) => void,
    host: Http1Host,
  ) {
    this.#limits = limits;
    this.#host = host;
    this.#clientOf = clientOf;
    // PERF: not by an import, which would load all that `node:http` re-exports, a WebSocket client among it: 10 MB.
    const { createServer } = process.getBuiltinModule("node:http");
    this.#server = createServer({ maxHeaderSize: limits.headerListBytesMax, keepAliveTimeout: keepAliveMs });
    this.#server.on("request", (request: IncomingMessage, response: ServerResponse) =>
      this.#serve(request, response, onHttp),
    );
  }

  /** Takes over a connection whose first bytes, not consumed, are not HTTP/2's. */
  accept(socket: Socket): void {
    this.#awaitHead(socket, this.#limits.handshakeMs);
    socket.on("close", () => this.#headArrived(socket));
    this.#server.emit("connection", socket);
  }

  /** Answers carry `connection: close` from here on; idle connections are closed. */
  drain(): void {
    this.#closing = true;
    for (const socket of this.#headTimers.keys()) {
      socket.destroy();
    }
  }

  #serve(request: IncomingMessage, response: ServerResponse, onHttp: (exchange: HttpExchange) => void): void {
    const socket = request.socket;
    this.#headArrived(socket);
    if (this.#closing) {
      response.setHeader("connection", "close");
    }
    response.on("close", () => {
      if (!socket.destroyed) {
        this.#awaitHead(socket, keepAliveMs + this.#limits.handshakeMs);
      }
    });
    onHttp(new Http1Exchange(request, response, this.#clientOf(socket), this.#host));
  }

  #awaitHead(socket: Socket, waitMs: number): void {
    this.#headArrived(socket);
    this.#headTimers.set(
      socket,
      setTimeout(() => socket.destroy(), waitMs),
    );
  }

  #headArrived(socket: Socket): void {
    clearTimeout(this.#headTimers.get(socket));
    this.#headTimers.delete(socket);
  }
}
