/** Transports on loopback that know each other, and what each of them received. */
import { setTimeout as delay } from "node:timers/promises";
import { equalBytes } from "@quorate/base";
import { type NodeId, type PeerFrame, toNodeId } from "@quorate/raft";
import {
  type GrpcPeerStores,
  GrpcTransport,
  type GrpcTransportEvent,
  type GrpcTransportOptions,
} from "@quorate/transport-grpc";

/** Notes that last as long as the test. */
export class Stores implements GrpcPeerStores {
  readonly #ids = new Map<NodeId, Uint8Array>();

  get count(): number {
    return this.#ids.size;
  }

  expected(peer: NodeId): Uint8Array | null {
    return this.#ids.get(peer) ?? null;
  }

  judge(peer: NodeId, storeId: Uint8Array): "unknown" | "same" | "different" {
    const noted = this.#ids.get(peer);
    return noted === undefined ? "unknown" : equalBytes(noted, storeId) ? "same" : "different";
  }

  note(peer: NodeId, storeId: Uint8Array, completed: (error: Error | null) => void): void {
    this.#ids.set(peer, storeId.slice());
    setImmediate(() => completed(null));
  }
}

export interface Endpoint {
  readonly id: NodeId;
  readonly transport: GrpcTransport;
  readonly port: number;
  readonly received: { from: NodeId; frame: PeerFrame }[];
  readonly unreachable: NodeId[];
  readonly events: GrpcTransportEvent[];
}

interface EndpointOptions {
  readonly id: number;
  readonly port?: number;
  readonly peers?: ReadonlyMap<number, number>;
  readonly clusterId?: number;
  readonly incarnation?: number;
  readonly stores?: Stores;
  readonly advertise?: string;
  readonly options?: GrpcTransportOptions;
}

const limits = { reconnectMsMin: 5, reconnectMsMax: 50, closeMs: 200 };

/** Listens. */
export async function openEndpoint(endpoint: EndpointOptions): Promise<Endpoint> {
  const id = toNodeId(endpoint.id);
  const events: GrpcTransportEvent[] = [];
  const storeId = new Uint8Array(16).fill(endpoint.id);
  storeId[15] = endpoint.incarnation ?? 0;
  const peers = new Map(
    [...(endpoint.peers ?? [])].map(([peer, port]) => [toNodeId(peer), { host: "127.0.0.1", port }]),
  );
  const transport = new GrpcTransport(
    {
      identity: { id, clusterId: endpoint.clusterId ?? 77, storeId, bootId: new Uint8Array(16).fill(9) },
      listen: { host: "127.0.0.1", port: endpoint.port ?? 0 },
      peers,
      ...(endpoint.advertise === undefined ? {} : { advertise: endpoint.advertise }),
      storeIds: endpoint.stores ?? new Stores(),
      onEvent: (event) => events.push(event),
      onFatal: (error) => {
        throw error;
      },
    },
    { ...endpoint.options, limits: { ...limits, ...endpoint.options?.limits } },
  );
  const { port } = await transport.listen();
  return { id, transport, port, received: [], unreachable: [], events };
}

export function begin(endpoint: Endpoint): Endpoint {
  endpoint.transport.start({
    received: (_group, from, frame) => endpoint.received.push({ from, frame }),
    unreachable: (peer) => endpoint.unreachable.push(peer),
  });
  return endpoint;
}

export function close({ transport }: Endpoint): Promise<void> {
  return new Promise((resolve, reject) => {
    transport.close((error) => (error === null ? resolve() : reject(error)));
  });
}

/** @throws Error when `condition` does not hold in time. */
export async function until(condition: () => boolean, withinMs = 8000): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > endMs) {
      throw new Error("not in time");
    }
    await delay(2);
  }
}

/** Tells both ends of each other. */
export function introduce(left: Endpoint, right: Endpoint): void {
  for (const [one, other] of [
    [left, right],
    [right, left],
  ] as const) {
    const member = { id: other.id, address: `127.0.0.1:${other.port}`, label: "", promote: false };
    one.transport.setPeers(0, { members: [member], removed: [] });
  }
}
