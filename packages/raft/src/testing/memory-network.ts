/** A network within one process: frames arrive in order in a later turn, unless a link is cut. */
import { assert } from "@quorate/base";
import type {
  Completed,
  GroupId,
  PeerFrame,
  PeerGoneReason,
  Scheduler,
  Transport,
  TransportReceiver,
} from "../host/ports.ts";
import type { NodeId } from "../types/ids.ts";

/** Joins {@link MemoryTransport}s. */
export class MemoryNetwork {
  readonly #scheduler: Scheduler;
  readonly #transports: Map<NodeId, MemoryTransport> = new Map();
  readonly #cut: Set<string> = new Set();

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** A transport for `id`; one that it had before receives nothing any more, and its peers learn that another has come. */
  connect(id: NodeId): MemoryTransport {
    const transport = new MemoryTransport(this, id);
    if (this.#transports.has(id)) {
      this.#tellOfEnd(id, "restarted");
    }
    this.#transports.set(id, transport);
    return transport;
  }

  /** Opens the transport of each member that is started with it: `RaftNode.start({ …, openTransport: network.transport() })`. */
  transport(): (start: { readonly identity: { readonly id: NodeId } }) => MemoryTransport {
    return ({ identity }) => this.connect(identity.id);
  }

  /** Cuts both directions between every member of `left` and every member of `right`; both sides are told. */
  partition(left: readonly NodeId[], right: readonly NodeId[]): void {
    for (const a of left) {
      for (const b of right) {
        assert(a !== b, "network: a member on both sides");
        this.cut(a, b);
        this.cut(b, a);
        this.#tellLost(a, b);
        this.#tellLost(b, a);
      }
    }
  }

  /** Cuts one direction silently. */
  cut(from: NodeId, to: NodeId): void {
    this.#cut.add(`${from}>${to}`);
  }

  /** Mends one direction. */
  mend(from: NodeId, to: NodeId): void {
    this.#cut.delete(`${from}>${to}`);
  }

  /** Mends every link. */
  heal(): void {
    this.#cut.clear();
  }

  isCut(from: NodeId, to: NodeId): boolean {
    return this.#cut.has(`${from}>${to}`);
  }

  /** Carries the frames of one turn. */
  carry(from: NodeId, to: NodeId, frames: readonly (readonly [GroupId, PeerFrame])[]): void {
    this.#scheduler.defer(() => {
      const target = this.#transports.get(to);
      if (this.isCut(from, to) || target === undefined) {
        this.#tellLost(from, to);
        return;
      }
      for (const [group, frame] of frames) {
        target.receive(group, from, frame);
      }
    });
  }

  /** Runs `work` at the end of the turn. */
  defer(work: () => void): void {
    this.#scheduler.defer(work);
  }

  /** The transport is closed: its peers are told. */
  disconnect(transport: MemoryTransport): void {
    if (this.#transports.get(transport.id) !== transport) {
      return;
    }
    this.#transports.delete(transport.id);
    for (const peer of this.#transports.keys()) {
      this.#tellLost(peer, transport.id);
    }
    this.#tellOfEnd(transport.id, "refused");
  }

  /** Who is cut off from `id` learns nothing of it. */
  #tellOfEnd(id: NodeId, reason: PeerGoneReason): void {
    for (const [peer, transport] of this.#transports) {
      if (peer !== id && !this.isCut(peer, id) && !this.isCut(id, peer)) {
        this.#scheduler.defer(() => transport.gone(id, reason));
      }
    }
  }

  /** The process of `id` ends as by a crash: its peers, where they reach it, see its connections reset and its address refuse. */
  end(id: NodeId): void {
    this.#transports.get(id)?.kill();
  }

  /** Tells `id` that the process of `peer` is gone, whether or not that is so. */
  tellGone(id: NodeId, peer: NodeId, reason: PeerGoneReason): void {
    const transport = this.#transports.get(id);
    assert(transport !== undefined, "network: nobody to tell");
    this.#scheduler.defer(() => transport.gone(peer, reason));
  }

  #tellLost(id: NodeId, peer: NodeId): void {
    const transport = this.#transports.get(id);
    if (transport !== undefined) {
      this.#scheduler.defer(() => transport.lost(peer));
    }
  }
}

/** One member's end of a {@link MemoryNetwork}. */
export class MemoryTransport implements Transport {
  readonly id: NodeId;
  readonly #network: MemoryNetwork;
  #receiver: TransportReceiver | null = null;
  #closed = false;
  /** Frames of this turn by receiver. */
  #outgoing: Map<NodeId, [GroupId, PeerFrame][]> = new Map();
  #flushing = false;

  constructor(network: MemoryNetwork, id: NodeId) {
    this.#network = network;
    this.id = id;
  }

  start(receiver: TransportReceiver): void {
    assert(this.#receiver === null, "transport: started twice");
    this.#receiver = receiver;
  }

  send(group: GroupId, to: NodeId, frame: PeerFrame): void {
    assert(to !== this.id, "transport: frame to oneself");
    if (this.#closed) {
      return;
    }
    const frames = this.#outgoing.get(to);
    const kept = frame.kind === "snapshot-chunk" ? { ...frame, chunk: frame.chunk.slice() } : frame;
    if (frames === undefined) {
      this.#outgoing.set(to, [[group, kept]]);
    } else {
      frames.push([group, kept]);
    }
    if (!this.#flushing) {
      this.#flushing = true;
      this.#network.defer(() => this.#flush());
    }
  }

  #flush(): void {
    this.#flushing = false;
    const outgoing = this.#outgoing;
    this.#outgoing = new Map();
    if (this.#closed) {
      return;
    }
    for (const [to, frames] of outgoing) {
      this.#network.carry(this.id, to, frames);
    }
  }

  /** A frame arrives. */
  receive(group: GroupId, from: NodeId, frame: PeerFrame): void {
    if (!this.#closed) {
      this.#receiver?.received(group, from, frame);
    }
  }

  /** The connection to `peer` is lost. */
  lost(peer: NodeId): void {
    if (!this.#closed) {
      this.#receiver?.unreachable(peer);
    }
  }

  /** The process of `peer` does not run any more. */
  gone(peer: NodeId, reason: PeerGoneReason): void {
    if (!this.#closed) {
      this.#receiver?.peerGone?.(peer, reason);
    }
  }

  /** Ends at once, as a crash would. */
  kill(): void {
    this.#closed = true;
    this.#network.disconnect(this);
  }

  close(completed: Completed): void {
    if (!this.#closed) {
      this.#flush();
      this.kill();
    }
    this.#network.defer(() => completed(null));
  }
}
