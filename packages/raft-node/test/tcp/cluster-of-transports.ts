/** Transports on loopback that know each other, and what each of them received. */
import { setTimeout as delay } from "node:timers/promises";
import { type NodeId, type PeerFrame, type PeerGoneReason, toNodeId } from "@quorate/raft";
import {
  PeerStoreIds,
  type PeerTls,
  TcpTransport,
  type TransportEvent,
  type TransportLimits,
} from "@quorate/raft-node";
import { freePorts as portsForTests } from "@quorate/raft-node/testing";

export interface Endpoint {
  readonly id: NodeId;
  readonly transport: TcpTransport;
  readonly received: { from: NodeId; frame: PeerFrame }[];
  readonly unreachable: NodeId[];
  readonly gone: { peer: NodeId; reason: PeerGoneReason }[];
  readonly events: TransportEvent[];
  readonly failures: Error[];
}

interface EndpointOptions {
  readonly id: number;
  readonly ports: ReadonlyMap<number, number>;
  readonly clusterId?: number;
  readonly storeId?: Uint8Array;
  /** Which process this is, of those that were this member. */
  readonly boot?: number;
  readonly storeIds?: PeerStoreIds;
  readonly limits?: Partial<TransportLimits>;
  readonly tls?: PeerTls;
  readonly advertise?: string;
}

const testLimits: Partial<TransportLimits> = { reconnectMsMin: 5, reconnectMsMax: 50, closeMs: 200 };

export function storeIdOf(id: number, incarnation = 0): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes[0] = id;
  bytes[15] = incarnation;
  return bytes;
}

/** Listens and starts. */
export async function openEndpoint(options: EndpointOptions): Promise<Endpoint> {
  const id = toNodeId(options.id);
  const peers = new Map(
    [...options.ports]
      .filter(([peer]) => peer !== options.id)
      .map(([peer, port]) => [toNodeId(peer), { host: "127.0.0.1", port }]),
  );
  const events: TransportEvent[] = [];
  const failures: Error[] = [];
  const transport = new TcpTransport({
    identity: {
      id,
      clusterId: options.clusterId ?? 77,
      storeId: options.storeId ?? storeIdOf(options.id),
      bootId: new Uint8Array(16).fill(options.boot ?? options.id),
    },
    listen: { host: "127.0.0.1", port: options.ports.get(options.id) ?? 0 },
    peers,
    storeIds: options.storeIds ?? PeerStoreIds.inMemory(),
    limits: { ...testLimits, ...options.limits },
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    ...(options.advertise === undefined ? {} : { advertise: options.advertise }),
    onEvent: (event) => events.push(event),
    onFatal: (error) => failures.push(error),
  });
  await transport.listen();
  const endpoint: Endpoint = { id, transport, received: [], unreachable: [], gone: [], events, failures };
  transport.start({
    received: (_group, from, frame) => endpoint.received.push({ from, frame }),
    unreachable: (peer) => endpoint.unreachable.push(peer),
    peerGone: (peer, reason) => endpoint.gone.push({ peer, reason }),
  });
  return endpoint;
}

export function closeEndpoint(endpoint: Endpoint): Promise<void> {
  return new Promise((resolve, reject) => {
    endpoint.transport.close((error) => (error === null ? resolve() : reject(error)));
  });
}

export async function freePorts(count: number): Promise<ReadonlyMap<number, number>> {
  return new Map((await portsForTests(count)).map((port, i) => [i + 1, port]));
}

/** Waits for a condition, never for luck. */
export async function until(what: string, condition: () => boolean, withinMs = 10_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > deadline) {
      throw new Error(`not within ${withinMs} ms: ${what}`);
    }
    await delay(5);
  }
}

export function isConnected(endpoint: Endpoint, direction: "in" | "out"): boolean {
  return endpoint.events.some((event) => event.type === "connected" && event.direction === direction);
}
