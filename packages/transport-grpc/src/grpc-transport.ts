/**
 * The transport port over gRPC. Each ordered pair of members has a bidirectional stream of its own, on which the calling side speaks:
 * one-way faults stay one-way, and nobody has to agree on which of two crossing streams to keep.
 */
import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from "@grpc/grpc-js";
import { assert } from "@quorate/base";
import type {
  Completed,
  GroupId,
  Hello,
  NodeId,
  PeerFrame,
  Transport,
  TransportPeers,
  TransportReceiver,
} from "@quorate/raft";
import { Remotes } from "@quorate/raft";
import { type IncomingContext, IncomingStream } from "./incoming-stream.ts";
import {
  type GrpcAddress,
  type GrpcTransportCounters,
  type GrpcTransportOptions,
  type GrpcTransportStart,
  grpcLimitsDefault,
} from "./options.ts";
import { OutgoingStream } from "./outgoing-stream.ts";
import { connectMethod, messageBytesMax } from "./service.ts";

/**
 * A transport over gRPC for each member that is started with it: `RaftNode.start({ …, openTransport: grpcTransport() })`. All
 * members of a cluster speak the same protocol.
 *
 * @example
 * ```ts
 * import { grpcTransport } from "@quorate/transport-grpc";
 * const openTransport = grpcTransport({ limits: { bulkBytesMax: 16 * 1024 * 1024 } });
 * ```
 */
export function grpcTransport(
  options: GrpcTransportOptions = {},
): (start: GrpcTransportStart) => GrpcTransport {
  return (start) => new GrpcTransport(start, options);
}

/** Frames between the members of a cluster. `listen()` comes before `start()`, so that a port in use is known first. */
export class GrpcTransport implements Transport {
  /** Counters since the start. */
  readonly counters: GrpcTransportCounters = {
    sentFrames: 0,
    sentBytes: 0,
    receivedFrames: 0,
    receivedBytes: 0,
    droppedFrames: 0,
    badFrames: 0,
    refusedHandshakes: 0,
  };
  readonly #start: GrpcTransportStart;
  readonly #options: GrpcTransportOptions;
  readonly #server: Server;
  readonly #streams = new Map<NodeId, OutgoingStream>();
  readonly #incoming = new Set<IncomingStream>();
  readonly #incomingByPeer = new Map<NodeId, IncomingStream>();
  readonly #context: IncomingContext;
  /** Those among the peers that no configuration here names. */
  readonly #remotes: Remotes<GrpcAddress>;
  readonly #dirty = new Set<OutgoingStream>();
  #removed: ReadonlySet<NodeId> = new Set();
  #receiver: TransportReceiver | null = null;
  /** Where others reach this member; empty where that is not known. */
  #ownAddress: string;
  #flushDue = false;
  #closed = false;

  constructor(start: GrpcTransportStart, options: GrpcTransportOptions = {}) {
    assert(!start.peers.has(start.identity.id), "transport: a member is not its own peer");
    this.#start = start;
    this.#options = options;
    this.#ownAddress = start.advertise ?? "";
    const limits = { ...grpcLimitsDefault, ...options.limits };
    this.#remotes = new Remotes(limits.remotesMax, (id, address) => this.#resolve(id, address));
    this.#context = {
      start,
      options,
      limits,
      counters: this.counters,
      ownAddress: () => this.#ownAddress,
      unreachable: (peer) => this.#unreachable(peer),
      knowledge: {
        isPeer: (id) => this.#streams.has(id) && !this.#remotes.has(id),
        isRemoved: (id) => this.#removed.has(id),
        judge: (id, storeId) => start.storeIds.judge(id, storeId),
        hasMetAnybody: () => start.storeIds.count > 0,
        remoteProblem: (hello) => this.#remotes.problem(hello),
      },
      adopted: (hello) => this.#adopted(hello),
      introduced: (stream, peer) => this.#introduced(stream, peer),
      received: (peer, { frame, group }) => {
        if (!this.#closed) {
          this.#receiver?.received(group, peer, frame);
        }
      },
      closed: (stream) => this.#streamClosed(stream),
    };
    for (const [peer, address] of start.peers) {
      this.#streams.set(peer, new OutgoingStream(this.#context, peer, address));
    }
    this.#server = this.#createServer();
  }

  #createServer(): Server {
    if (process.env["GRPC_VERBOSITY"] === undefined) {
      // What it would print comes back as errors and events too, and a library does not write to its user's terminal.
      setLogVerbosity(logVerbosity.NONE);
    }
    const server = new Server({
      "grpc.max_receive_message_length": messageBytesMax,
      "grpc.max_send_message_length": messageBytesMax,
      // A connection that carries no stream is closed: strangers may not gather.
      "grpc.max_connection_idle_ms": this.#context.limits.silenceMs,
      "grpc.max_concurrent_streams": 8,
    });
    server.addService(
      { connect: connectMethod },
      {
        connect: (call: ConstructorParameters<typeof IncomingStream>[1]) => {
          const strangers = this.#incoming.size - this.#incomingByPeer.size;
          // Before start nobody could take what comes; the peer calls again.
          const isTaken = !this.#closed && this.#receiver !== null;
          if (!isTaken || (strangers >= this.#context.limits.strangersMax && !this.#makeRoom())) {
            call.on("error", () => {});
            call.end();
            return;
          }
          this.#incoming.add(new IncomingStream(this.#context, call));
        },
      },
    );
    return server;
  }

  /** Whether a stream that has not introduced itself gave its place: the oldest, because who means to speak does so at once. */
  #makeRoom(): boolean {
    const oldest = [...this.#incoming].find((stream) => stream.isStranger);
    oldest?.end("others wait to introduce themselves");
    return oldest !== undefined;
  }

  /** Binds the address. @throws what gRPC says, with the platform's reason, such as `EADDRINUSE`. */
  listen(): Promise<GrpcAddress> {
    const { host, port } = this.#start.listen;
    const target = `${host.includes(":") ? `[${host}]` : host}:${port}`;
    const credentials = this.#options.credentials?.server ?? ServerCredentials.createInsecure();
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(target, credentials, (error, bound) => {
        if (error !== null) {
          reject(error);
        } else {
          if (this.#start.advertise === undefined && host !== "0.0.0.0" && host !== "::") {
            this.#ownAddress = `${host.includes(":") ? `[${host}]` : host}:${bound}`;
          }
          resolve({ host, port: bound });
        }
      });
    });
  }

  start(receiver: TransportReceiver): void {
    assert(this.#receiver === null, "transport: started twice");
    this.#receiver = receiver;
    for (const stream of this.#streams.values()) {
      stream.start();
    }
  }

  send(group: GroupId, to: NodeId, frame: PeerFrame): void {
    const stream = this.#streams.get(to);
    if (stream === undefined || this.#closed) {
      this.counters.droppedFrames++;
      return;
    }
    stream.send(group, frame);
    this.#dirty.add(stream);
    if (!this.#flushDue) {
      this.#flushDue = true;
      // PERF: after the present callback, which is a whole turn of the host; an immediate would wait for the next turn.
      process.nextTick(() => this.#flush());
    }
  }

  setPeers(_group: GroupId, { members, removed }: TransportPeers): void {
    this.#removed = new Set(removed);
    for (const peer of removed) {
      this.#dismiss(peer);
    }
    for (const { address, id } of members) {
      assert(id !== this.#start.identity.id, "transport: a member is not its own peer");
      const told = address === "" ? null : this.#resolve(id, address);
      const target = told ?? this.#streams.get(id)?.address ?? null;
      this.#endRemote(id);
      if (target !== null) {
        this.#reach(id, target);
      }
    }
  }

  /** The configuration names it now: it introduces itself anew, so that its store id is noted before anything counts that it says. */
  #endRemote(peer: NodeId): void {
    if (this.#remotes.delete(peer)) {
      this.#dropStream(peer);
      this.#incomingByPeer.get(peer)?.end("the configuration names it now");
    }
  }

  #resolve(peer: NodeId, address: string): GrpcAddress | null {
    const { resolveAddress } = this.#start;
    const target = resolveAddress === undefined ? parse(address) : resolveAddress(peer, address);
    return target === null || target.port === 0 ? null : target;
  }

  /** A caller that this member's configuration does not name yet; it is called where it says, so that answers reach it. */
  #adopted(hello: Hello): void {
    assert(
      this.#remotes.has(hello.from) || !this.#streams.has(hello.from),
      "transport: a member is no remote",
    );
    this.#reach(hello.from, this.#remotes.add(hello), true);
  }

  #reach(peer: NodeId, address: GrpcAddress, isRemote = false): void {
    const old = this.#streams.get(peer);
    if (old !== undefined && old.address.host === address.host && old.address.port === address.port) {
      return;
    }
    old?.close(() => {});
    const stream = new OutgoingStream(this.#context, peer, address, isRemote);
    this.#streams.set(peer, stream);
    if (this.#receiver !== null && !this.#closed) {
      stream.start();
    }
  }

  /** What was queued for it leaves before the goodbye: it may be what tells the member of its removal. */
  #dismiss(peer: NodeId): void {
    this.#remotes.delete(peer);
    this.#dropStream(peer);
    this.#incomingByPeer.get(peer)?.dismiss();
  }

  #dropStream(peer: NodeId): void {
    const stream = this.#streams.get(peer);
    if (stream !== undefined) {
      this.#streams.delete(peer);
      this.#dirty.delete(stream);
      stream.close(() => {});
    }
  }

  close(completed: Completed): void {
    if (this.#closed) {
      completed(null);
      return;
    }
    this.#flush();
    this.#closed = true;
    let open = this.#streams.size + 1;
    const oneClosed = (): void => {
      open--;
      if (open === 0) {
        this.#server.forceShutdown();
        completed(null);
      }
    };
    for (const stream of this.#streams.values()) {
      stream.close(oneClosed);
    }
    for (const stream of this.#incoming) {
      stream.end("closed");
    }
    oneClosed();
  }

  #flush(): void {
    this.#flushDue = false;
    for (const stream of this.#dirty) {
      stream.flush();
    }
    this.#dirty.clear();
  }

  #introduced(stream: IncomingStream, peer: NodeId): void {
    const older = this.#incomingByPeer.get(peer);
    this.#incomingByPeer.set(peer, stream);
    older?.end("the peer came anew");
    this.#streams.get(peer)?.hurry();
  }

  #streamClosed(stream: IncomingStream): void {
    this.#incoming.delete(stream);
    const { peer } = stream;
    if (peer !== null && this.#incomingByPeer.get(peer) === stream) {
      this.#incomingByPeer.delete(peer);
      // What the peer said on it may be lost, its answers to this member's requests among it.
      this.#unreachable(peer);
      if (stream.isRemote && this.#remotes.delete(peer)) {
        this.#dropStream(peer);
      }
    }
  }

  #unreachable(peer: NodeId): void {
    if (!this.#closed) {
      this.#receiver?.unreachable(peer);
    }
  }
}

function parse(address: string): GrpcAddress | null {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host !== undefined && port <= 65_535 ? { host, port } : null;
}
