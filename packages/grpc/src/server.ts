/**
 * The server: listens, tells HTTP/2 from HTTP/1.1 by the first bytes (or by ALPN), hands the connection on, and closes
 * without breaking what runs.
 */
import type * as http2 from "node:http2";
import {
  createServer as createNetServer,
  type ListenOptions as NetListenOptions,
  type Server as NetServer,
  type Socket,
} from "node:net";
import type { TLSSocket } from "node:tls";
import { assert } from "@quorate/base";
import { ConnectionTable } from "./connection-table.ts";
import { Deadlines } from "./deadlines.ts";
import { Http1Front } from "./http1/front.ts";
import { BufferPool } from "./http2/outbox.ts";
import { Session, type SessionTools } from "./http2/session.ts";
import { Turn } from "./http2/turn.ts";
import { withDefaults } from "./limits.ts";
import { Http2Session } from "./node-http2/session.ts";
import type { SessionHost } from "./session-host.ts";
import { SharedBytes } from "./shared-bytes.ts";
import { sniffProtocol } from "./sniff.ts";
import { TlsDoor, type TlsDoorHost } from "./tls/tls-door.ts";
import type {
  CloseOptions,
  GrpcServer,
  HttpExchange,
  ListenAddress,
  ListenOptions,
  Method,
  ServerEvent,
  ServerLimits,
  ServerOptions,
  ServerStats,
} from "./types.ts";
import { removeDeadSocket } from "./unix-socket.ts";
import { type Client, peerOf } from "./wire/peer.ts";

/** Flow-control window of a stream, and of a connection: room for one request of the usual limit. */
const streamWindowBytes = 1024 * 1024;
const connectionWindowBytes = 4 * 1024 * 1024;

function http2Settings(limits: ServerLimits): http2.Settings {
  return {
    maxConcurrentStreams: limits.concurrentStreamsMax,
    maxHeaderListSize: limits.headerListBytesMax,
    initialWindowSize: streamWindowBytes,
    enablePush: false,
  };
}

function notFound(exchange: HttpExchange): void {
  exchange.respond(404, { "content-type": "text/plain; charset=utf-8" }, "404 page not found\n");
}

/** One broken connection fails its socket, its session and its streams with the same error; it is told once. */
function eachErrorOnce(onEvent: (event: ServerEvent) => void): (event: ServerEvent) => void {
  const told = new WeakSet<Error>();
  return (event) => {
    if (event.kind === "connection-error") {
      if (told.has(event.error)) {
        return;
      }
      told.add(event.error);
    }
    onEvent(event);
  };
}

class NodeGrpcServer implements GrpcServer {
  readonly #limits: ServerLimits;
  readonly #onEvent: ((event: ServerEvent) => void) | null;
  readonly #methods = new Map<string, Method>();
  readonly #services = new Set<string>();
  readonly #listeners = new Set<NetServer>();
  readonly #connections: ConnectionTable;
  readonly #doors = new Set<TlsDoor>();
  /** Who came in over TLS, by address. */
  readonly #secureClients = new Map<string, Client>();
  /** Connections that have not shown their protocol yet. */
  readonly #sniffing = new Set<Socket>();
  readonly #sessions = new Set<Http2Session | Session>();
  readonly #deadlines = new Deadlines();
  readonly #host: SessionHost;
  readonly #http1: Http1Front;
  /** Null when this package speaks HTTP/2 itself. */
  readonly #nodeHttp2: http2.Http2Server | null;
  readonly #tools: SessionTools = { pool: new BufferPool(), turn: new Turn() };
  readonly #doorHost: TlsDoorHost = {
    secured: (socket, client) => this.#secured(socket, client),
    refused: (peer, reason) => this.#onEvent?.({ kind: "connection-refused", peer, reason }),
    failed: (peer, error) => this.#report(peer, error),
  };
  #closing = false;
  #idle: (() => void) | null = null;

  constructor(options: ServerOptions) {
    const limits = withDefaults(options.limits ?? {});
    const onHttp = options.onHttp ?? notFound;
    this.#limits = limits;
    this.#connections = new ConnectionTable(limits);
    this.#onEvent = options.onEvent === undefined ? null : eachErrorOnce(options.onEvent);
    this.#host = {
      limits,
      deadlines: this.#deadlines,
      methods: this.#methods,
      services: this.#services,
      onHttp,
      onEvent: this.#onEvent,
      unread: new SharedBytes(limits.unreadBytesMax),
      unfinished: new SharedBytes(limits.unfinishedBytesMax),
      callCount: 0,
    };
    this.#http1 = new Http1Front(limits, (socket) => this.#clientOf(socket), onHttp, this.#host);
    this.#nodeHttp2 = (options.http2 ?? "own") === "node" ? this.#createNodeHttp2() : null;
  }

  register(path: string, method: Method): void {
    const slash = path.lastIndexOf("/");
    assert(path.startsWith("/") && slash > 0, "grpc server: a path is /service/method");
    assert(!this.#methods.has(path), () => `grpc server: ${path} registered twice`);
    this.#methods.set(path, method);
    this.#services.add(path.slice(1, slash));
  }

  async listen(address: ListenAddress, options: ListenOptions = {}): Promise<ListenAddress> {
    assert(!this.#closing, "grpc server: listens after close");
    const { reusePort = false, tls } = options;
    const door = tls === undefined ? null : new TlsDoor(tls, this.#limits, this.#doorHost);
    if (door !== null) {
      this.#doors.add(door);
    }
    const server = createNetServer({ noDelay: true }, (socket) =>
      this.#accept(socket, socket.remoteAddress ?? "", door),
    );
    await this.#bind(server, { port: address.port, host: address.host, reusePort });
    const bound = server.address();
    assert(bound !== null && typeof bound === "object", "grpc server: bound to no port");
    return { host: bound.address, port: bound.port };
  }

  async listenAtFile(path: string): Promise<void> {
    assert(!this.#closing, "grpc server: listens after close");
    await removeDeadSocket(path);
    // Whoever opens the file is on this machine.
    const server = createNetServer((socket) => this.#accept(socket, "127.0.0.1", null));
    await this.#bind(server, { path });
  }

  #bind(server: NetServer, where: NetListenOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(where, () => {
        server.removeListener("error", reject);
        server.on("error", (error) => this.#report("listener", error));
        this.#listeners.add(server);
        resolve();
      });
    });
  }

  async close(options: CloseOptions): Promise<void> {
    assert(!this.#closing, "grpc server: closed twice");
    this.#closing = true;
    for (const listener of this.#listeners) {
      listener.close();
    }
    this.#http1.drain();
    for (const door of this.#doors) {
      door.close();
    }
    for (const socket of [...this.#sniffing]) {
      socket.destroy();
    }
    for (const session of this.#sessions) {
      session.drain();
    }
    await this.#untilIdle(options.graceMs);
    for (const session of [...this.#sessions]) {
      session.destroy();
    }
    for (const socket of this.#connections.all()) {
      socket.destroy();
    }
    await this.#untilIdle(1000);
    this.#deadlines.clear();
  }

  stats(): ServerStats {
    return { connectionCount: this.#connections.size, callCount: this.#host.callCount };
  }

  #untilIdle(graceMs: number): Promise<void> {
    if (this.#connections.size === 0) {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#idle?.(), graceMs);
      this.#idle = () => {
        clearTimeout(timer);
        this.#idle = null;
        resolve();
      };
    });
  }

  #createNodeHttp2(): http2.Http2Server {
    const limits = this.#limits;
    // PERF: loaded where it is wanted: 6 MB.
    const server = process.getBuiltinModule("node:http2").createServer({
      settings: http2Settings(limits),
      maxSessionMemory: limits.sessionMemoryMebibytesMax,
      maxHeaderListPairs: 128,
      maxSendHeaderBlockLength: 64 * 1024,
      maxSettings: 32,
      maxSessionInvalidFrames: 100,
      streamResetBurst: limits.resetsPerSecondMax * 2,
      streamResetRate: limits.resetsPerSecondMax,
      unknownProtocolTimeout: limits.handshakeMs,
    });
    server.on("session", (session) => this.#serveNodeHttp2(session));
    // Each session reports its own errors; without a listener here they would be thrown.
    server.on("sessionError", () => {});
    return server;
  }

  #accept(socket: Socket, host: string, door: TlsDoor | null): void {
    const peer = peerOf(socket);
    const reason = this.#closing ? "closing" : this.#connections.refusal(host);
    if (reason !== null) {
      this.#onEvent?.({ kind: "connection-refused", peer, reason });
      socket.destroy();
      return;
    }
    this.#connections.add(socket, host);
    socket.on("error", (error) => this.#report(peer, error));
    socket.on("close", () => {
      this.#connections.delete(socket, host);
      this.#sniffing.delete(socket);
      this.#secureClients.delete(peer);
      this.#onEvent?.({ kind: "connection-closed", peer });
      if (this.#connections.size === 0) {
        this.#idle?.();
      }
    });
    if (door === null) {
      this.#sniff(socket);
    } else {
      door.enter(socket, peer);
    }
  }

  #secured(socket: TLSSocket, client: Client): void {
    this.#secureClients.set(client.peer, client);
    socket.on("error", (error) => this.#report(client.peer, error));
    const { alpnProtocol } = socket;
    if (alpnProtocol === false || alpnProtocol === null) {
      this.#sniff(socket);
    } else {
      this.#serve(socket, alpnProtocol === "h2" ? "http2" : "http1");
    }
  }

  /** Whoever did not choose a protocol by ALPN shows it by its first bytes. */
  #sniff(socket: Socket): void {
    this.#sniffing.add(socket);
    socket.on("close", () => this.#sniffing.delete(socket));
    sniffProtocol(socket, this.#limits.handshakeMs, (found) => {
      this.#sniffing.delete(socket);
      this.#serve(socket, found);
    });
  }

  #serve(socket: Socket, protocol: "http1" | "http2"): void {
    const client = this.#clientOf(socket);
    this.#onEvent?.({ kind: "connection-opened", peer: client.peer, protocol });
    if (protocol === "http1") {
      this.#http1.accept(socket);
    } else if (this.#nodeHttp2 !== null) {
      this.#nodeHttp2.emit("connection", socket);
    } else {
      this.#serveHttp2(socket, client);
    }
  }

  #serveHttp2(socket: Socket, client: Client): void {
    const session = new Session(socket, this.#host, this.#tools, client);
    this.#sessions.add(session);
    socket.on("close", () => this.#sessions.delete(session));
    if (this.#closing) {
      session.drain();
    }
  }

  #serveNodeHttp2(session: http2.ServerHttp2Session): void {
    session.setLocalWindowSize(connectionWindowBytes);
    const served = new Http2Session(session, this.#host, this.#clientOf(session.socket));
    this.#sessions.add(served);
    session.on("close", () => this.#sessions.delete(served));
    if (this.#closing) {
      served.drain();
    }
  }

  #clientOf(socket: Socket): Client {
    const peer = peerOf(socket);
    return this.#secureClients.get(peer) ?? { peer, secure: false, commonName: null };
  }

  #report(peer: string, error: Error): void {
    this.#onEvent?.({ kind: "connection-error", peer, error });
  }
}

/**
 * Makes a gRPC server; it serves HTTP/1.1 and plain HTTP/2 requests on the same ports.
 *
 * @example
 * ```ts
 * import { createGrpcClient, createGrpcServer } from "@quorate/grpc";
 * const server = createGrpcServer({});
 * server.register("/test.Echo/Say", { kind: "unary", handle: (request, call) => call.respond(request) });
 * const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
 * const client = createGrpcClient(`http://127.0.0.1:${port}`);
 * const answer = await client.request("/test.Echo/Say", new Uint8Array([1, 2]));
 * answer.length; // 2
 * client.close();
 * await server.close({ graceMs: 100 });
 * ```
 */
export function createGrpcServer(options: ServerOptions): GrpcServer {
  return new NodeGrpcServer(options);
}
