/**
 * The door between a server and its connections: what is killed, paused or cut off neither says nor hears anything, while the
 * connections themselves stay. What passes can be looked at.
 */
import type { Completed, GroupId, NodeId, PeerFrame, TransportPeers, TransportReceiver } from "@quorate/raft";
import type { NodeTransport, PeerAddress } from "@quorate/raft-node";

/** What the door asks. */
interface GateKeeper {
  /** Whether a frame may pass. */
  mayPass(from: number, to: number): boolean;
  /** A frame has left. */
  passed(from: number, to: number, frame: PeerFrame): void;
}

/** A transport behind a door. */
export class GatedTransport implements NodeTransport {
  readonly #id: number;
  readonly #inner: NodeTransport;
  readonly #keeper: GateKeeper;

  constructor(id: number, inner: NodeTransport, keeper: GateKeeper) {
    this.#id = id;
    this.#inner = inner;
    this.#keeper = keeper;
  }

  listen(): Promise<PeerAddress> {
    const { listen } = this.#inner;
    if (listen === undefined) {
      throw new Error("gate: the transport behind it does not listen");
    }
    return listen.call(this.#inner);
  }

  start(receiver: TransportReceiver): void {
    this.#inner.start({
      received: (group, from, frame) => {
        if (this.#keeper.mayPass(from, this.#id)) {
          receiver.received(group, from, frame);
        }
      },
      unreachable: (peer) => receiver.unreachable(peer),
      peerGone: (peer, reason) => receiver.peerGone?.(peer, reason),
    });
  }

  send(group: GroupId, to: NodeId, frame: PeerFrame): void {
    if (this.#keeper.mayPass(this.#id, to)) {
      this.#keeper.passed(this.#id, to, frame);
      this.#inner.send(group, to, frame);
    }
  }

  setPeers(group: GroupId, peers: TransportPeers): void {
    this.#inner.setPeers?.(group, peers);
  }

  close(completed: Completed): void {
    this.#inner.close(completed);
  }
}
