/**
 * The transport port over TCP or TLS. Each ordered pair of members has a connection of its own, on which the dialling side
 * speaks: one-way faults stay one-way, and nobody has to agree on which of two crossing connections to keep.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { assert } from "@quorate/base";
import type {
  Completed,
  GroupFrame,
  GroupId,
  Hello,
  NodeId,
  PeerFrame,
  PeerGoneReason,
  Transport,
  TransportPeers,
  TransportReceiver,
} from "@quorate/raft";
import { FrameEncoder, Remotes } from "@quorate/raft";
import { formatAddress, parseAddress } from "../addresses.ts";
import { HandshakeDoor } from "./handshake-door.ts";
import { IncomingConnection, type IncomingContext } from "./incoming-connection.ts";
import {
  createCounters,
  type PeerAddress,
  type TcpTransportOptions,
  type TransportCounters,
  type TransportLimits,
  transportLimitsDefault,
} from "./options.ts";
import { type LinkContext, OutgoingLink } from "./outgoing-link.ts";
import { PeerLife } from "./peer-life.ts";

/**
 * Frames between the members of a cluster.
 *
 * `listen()` comes before `start()`, so that a port in use is known before anything else begins.
 */
export class TcpTransport implements Transport {
  readonly #options: TcpTransportOptions;
  readonly #limits: TransportLimits;
  readonly #counters: TransportCounters = createCounters();
  readonly #server: Server;
  /** Null where peers connect in clear. */
  readonly #door: HandshakeDoor | null;
  readonly #links = new Map<NodeId, OutgoingLink>();
  readonly #incoming = new Set<IncomingConnection>();
  readonly #incomingByPeer = new Map<NodeId, IncomingConnection>();
  readonly #lives = new Map<NodeId, PeerLife>();
  /** Those among the links that no configuration here names. */
  readonly #remotes: Remotes<PeerAddress>;
  readonly #linkContext: LinkContext;
  readonly #incomingContext: IncomingContext;
  readonly #dirty = new Set<OutgoingLink>();
  #removed: ReadonlySet<NodeId> = new Set();
  #receiver: TransportReceiver | null = null;
  /** Where others reach this member; empty where that is not known. */
  #ownAddress: string;
  #flushDue = false;
  #closed = false;

  constructor(options: TcpTransportOptions) {
    assert(!options.peers.has(options.identity.id), "transport: a member is not its own peer");
    this.#options = options;
    this.#limits = { ...transportLimitsDefault, ...options.limits };
    this.#ownAddress = options.advertise ?? "";
    this.#remotes = new Remotes(this.#limits.remotesMax, (id, address) => this.#resolve(id, address));
    this.#linkContext = {
      options,
      limits: this.#limits,
      counters: this.#counters,
      encoder: new FrameEncoder(),
      ownAddress: () => this.#ownAddress,
      unreachable: (peer) => this.#unreachable(peer),
      established: (peer, bootId) => this.#lifeOf(peer).established(bootId),
      ended: (peer, byPeer) => this.#lifeOf(peer).ended(byPeer),
      refused: (peer) => this.#lifeOf(peer).refused(this.#isConnected(peer)),
    };
    this.#incomingContext = {
      options,
      limits: this.#limits,
      counters: this.#counters,
      knowledge: {
        isPeer: (id) => this.#links.has(id) && !this.#remotes.has(id),
        isRemoved: (id) => this.#removed.has(id),
        judge: (id, storeId) => options.storeIds.judge(id, storeId),
        hasMetAnybody: () => options.storeIds.count > 0,
        remoteProblem: (hello) => this.#remotes.problem(hello),
      },
      adopted: (hello) => this.#adopted(hello),
      introduced: (connection, peer, bootId) => this.#introduced(connection, peer, bootId),
      received: (peer, content) => this.#received(peer, content),
      closed: (connection, byPeer) => this.#connectionClosed(connection, byPeer),
    };
    for (const [peer, address] of options.peers) {
      this.#links.set(peer, new OutgoingLink(this.#linkContext, peer, address));
    }
    const server = options.tls?.server ?? null;
    this.#door =
      server === null
        ? null
        : new HandshakeDoor(server, this.#limits, {
            secured: (socket) => this.#secured(socket),
            failed: (remote, why) => options.onEvent?.({ type: "bad-frame", remote, why }),
          });
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    this.#boundConnections();
  }

  #boundConnections(): void {
    this.#server.maxConnections = this.#limits.strangersMax + 2 * Math.max(16, this.#links.size);
  }

  /** Binds the address. @throws the platform's error, such as `EADDRINUSE`. */
  listen(): Promise<PeerAddress> {
    const { host, port } = this.#options.listen;
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, () => {
        this.#server.off("error", reject);
        // Later errors of the listener (out of descriptors, for one) pass by themselves; connections come again.
        this.#server.on("error", (error) => {
          this.#options.onEvent?.({ type: "bad-frame", remote: "listener", why: error.message });
        });
        const bound = this.#server.address();
        assert(bound !== null && typeof bound !== "string", "transport: a TCP server has a port");
        if (this.#options.advertise === undefined && !isEveryInterface(bound.address)) {
          this.#ownAddress = formatAddress({ host: bound.address, port: bound.port });
        }
        resolve({ host: bound.address, port: bound.port });
      });
    });
  }

  start(receiver: TransportReceiver): void {
    assert(this.#receiver === null, "transport: started twice");
    this.#receiver = receiver;
    for (const link of this.#links.values()) {
      link.start();
    }
  }

  send(group: GroupId, to: NodeId, frame: PeerFrame): void {
    const link = this.#links.get(to);
    if (link === undefined || this.#closed) {
      this.#counters.droppedFrames++;
      return;
    }
    link.send(group, frame);
    this.#dirty.add(link);
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
      assert(id !== this.#options.identity.id, "transport: a member is not its own peer");
      const told = address === "" ? null : this.#resolve(id, address);
      const target = told ?? this.#links.get(id)?.address ?? null;
      this.#endRemote(id);
      if (target !== null) {
        this.#reach(id, target);
      }
    }
    this.#boundConnections();
  }

  /** The configuration names it now: it introduces itself anew, so that its store id is noted before anything counts that it says. */
  #endRemote(peer: NodeId): void {
    if (this.#remotes.delete(peer)) {
      this.#dropLink(peer);
      this.#incomingByPeer.get(peer)?.destroy();
    }
  }

  #resolve(peer: NodeId, address: string): PeerAddress | null {
    const { resolveAddress } = this.#options;
    const target = resolveAddress === undefined ? parseAddress(address) : resolveAddress(peer, address);
    return target === null || target.port === 0 ? null : target;
  }

  #reach(peer: NodeId, address: PeerAddress, advertised: string | null = null): void {
    const old = this.#links.get(peer);
    if (old !== undefined && old.address.host === address.host && old.address.port === address.port) {
      return;
    }
    old?.close(() => {});
    const link = new OutgoingLink(this.#linkContext, peer, address, advertised);
    this.#links.set(peer, link);
    if (this.#receiver !== null && !this.#closed) {
      link.start();
    }
  }

  /** A caller that this member's configuration does not name yet; it is dialled where it says, so that answers reach it. */
  #adopted(hello: Hello): void {
    assert(this.#remotes.has(hello.from) || !this.#links.has(hello.from), "transport: a member is no remote");
    this.#reach(hello.from, this.#remotes.add(hello), hello.address);
    this.#boundConnections();
  }

  /** What was queued for it leaves before the goodbye: it may be what tells the member of its removal. */
  #dismiss(peer: NodeId): void {
    this.#remotes.delete(peer);
    this.#dropLink(peer);
    this.#lives.delete(peer);
    this.#incomingByPeer.get(peer)?.dismiss();
  }

  #dropLink(peer: NodeId): void {
    const link = this.#links.get(peer);
    if (link !== undefined) {
      this.#links.delete(peer);
      this.#dirty.delete(link);
      link.close(() => {});
    }
  }

  /** Counters since the start. */
  get counters(): Readonly<TransportCounters> {
    return this.#counters;
  }

  close(completed: Completed): void {
    if (this.#closed) {
      completed(null);
      return;
    }
    this.#flush();
    this.#closed = true;
    let open = this.#links.size + 2;
    const oneClosed = (): void => {
      open--;
      if (open === 0) {
        completed(null);
      }
    };
    this.#server.close(() => oneClosed());
    // A peer may just have been met: its note is still written where the caller may soon remove the directory.
    this.#options.storeIds.settled(oneClosed);
    for (const link of this.#links.values()) {
      link.close(oneClosed);
    }
    this.#door?.close();
    for (const connection of this.#incoming) {
      connection.destroy();
    }
  }

  #flush(): void {
    this.#flushDue = false;
    for (const link of this.#dirty) {
      link.flush();
    }
    this.#dirty.clear();
  }

  #accept(socket: Socket): void {
    const strangers = this.#incoming.size - this.#incomingByPeer.size + (this.#door?.count ?? 0);
    // Before start nobody could take what comes; the peer dials again.
    const isTaken = !this.#closed && this.#receiver !== null;
    if (!isTaken || (strangers >= this.#limits.strangersMax && !this.#makeRoom(socket))) {
      socket.on("error", () => socket.destroy());
      socket.destroy();
      return;
    }
    if (this.#door === null) {
      this.#incoming.add(new IncomingConnection(this.#incomingContext, socket));
    } else {
      this.#door.enter(socket);
    }
  }

  /**
   * Whether a connection that has not introduced itself gave its place to `newcomer`: the oldest, because who means to speak does so at once,
   * but none from where a peer was found for one from elsewhere.
   */
  #makeRoom(newcomer: Socket): boolean {
    const known = new Set(
      [...this.#links.values()].flatMap(({ foundAt }) => plainAddress(foundAt ?? undefined)),
    );
    const isKnown = ({ remoteAddress }: { readonly remoteAddress?: string | undefined }): boolean =>
      plainAddress(remoteAddress).some((address) => known.has(address));
    const strangers = [
      ...[...(this.#door?.shaking ?? [])].filter(({ destroyed }) => !destroyed),
      ...[...this.#incoming].filter(({ isStranger }) => isStranger),
    ];
    const oldest = strangers.find((each) => !isKnown(each)) ?? (isKnown(newcomer) ? strangers[0] : undefined);
    oldest?.destroy();
    return oldest !== undefined;
  }

  #secured(socket: TLSSocket): void {
    const refusal = this.#closed ? "closing" : (this.#options.tls?.admit?.(socket) ?? null);
    if (refusal === null) {
      this.#incoming.add(new IncomingConnection(this.#incomingContext, socket));
      return;
    }
    const remote = `${socket.remoteAddress}:${socket.remotePort}`;
    this.#options.onEvent?.({ type: "refused", remote, cause: "certificate", detail: refusal });
    socket.on("error", () => socket.destroy());
    socket.destroy();
  }

  #introduced(connection: IncomingConnection, peer: NodeId, bootId: Uint8Array): void {
    this.#incomingByPeer.get(peer)?.destroy();
    this.#incomingByPeer.set(peer, connection);
    this.#lifeOf(peer).established(bootId);
    this.#links.get(peer)?.hurry();
  }

  #connectionClosed(connection: IncomingConnection, byPeer: boolean): void {
    this.#incoming.delete(connection);
    const { peer } = connection;
    if (peer !== null && this.#incomingByPeer.get(peer) === connection) {
      this.#incomingByPeer.delete(peer);
      // What the peer said on it may be lost, its answers to this member's requests among it.
      this.#unreachable(peer);
      if (connection.isRemote && this.#remotes.delete(peer)) {
        this.#dropLink(peer);
        this.#lives.delete(peer);
        this.#boundConnections();
        return;
      }
      this.#lives.get(peer)?.ended(byPeer);
      if (byPeer && !this.#closed) {
        // Whether its process still lives is known once its address was asked.
        this.#links.get(peer)?.hurry();
      }
    }
  }

  #isConnected(peer: NodeId): boolean {
    return this.#incomingByPeer.has(peer) || this.#links.get(peer)?.isOpen === true;
  }

  #lifeOf(peer: NodeId): PeerLife {
    let life = this.#lives.get(peer);
    if (life === undefined) {
      life = new PeerLife((reason) => this.#peerGone(peer, reason));
      this.#lives.set(peer, life);
    }
    return life;
  }

  #peerGone(peer: NodeId, reason: PeerGoneReason): void {
    if (!this.#closed) {
      this.#options.onEvent?.({ type: "peer-gone", peer, reason });
      this.#receiver?.peerGone?.(peer, reason);
    }
  }

  #received(peer: NodeId, content: GroupFrame): void {
    if (!this.#closed) {
      this.#receiver?.received(content.group, peer, content.frame);
    }
  }

  #unreachable(peer: NodeId): void {
    if (!this.#closed) {
      this.#receiver?.unreachable(peer);
    }
  }
}

/** In one form, of the two that an IPv4 address has where a listener takes both versions; nothing of a connection that has ended. */
function plainAddress(address: string | undefined): readonly string[] {
  return address === undefined ? [] : [address.replace(/^::ffff:(?=\d+\.)/, "")];
}

/** Nobody can dial a member there from another machine. */
function isEveryInterface(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}
