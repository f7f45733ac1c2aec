/** The contract of transports, over TCP on loopback. */
import { test } from "node:test";
import { toNodeId } from "@quorate/raft";
import { transportSuite } from "@quorate/raft/testing";
import { PeerStoreIds, TcpTransport } from "@quorate/raft-node";
import { freePorts, storeIdOf, until } from "./cluster-of-transports.ts";

transportSuite(test, async () => {
  const ports = await freePorts(2);
  const open = async (
    self: number,
    other: number,
  ): Promise<{ id: ReturnType<typeof toNodeId>; transport: TcpTransport }> => {
    const id = toNodeId(self);
    const bootId = new Uint8Array(16).fill(self);
    const transport = new TcpTransport({
      identity: { id, clusterId: 77, storeId: storeIdOf(self), bootId },
      listen: { host: "127.0.0.1", port: ports.get(self) ?? 0 },
      peers: new Map([[toNodeId(other), { host: "127.0.0.1", port: ports.get(other) ?? 0 }]]),
      storeIds: PeerStoreIds.inMemory(),
      limits: { reconnectMsMin: 5, reconnectMsMax: 50, closeMs: 200 },
      onFatal: (error) => {
        throw error;
      },
    });
    await transport.listen();
    return { id, transport };
  };
  const left = await open(1, 2);
  const right = await open(2, 1);
  return {
    left,
    right,
    until: (condition) => until("what the suite waits for", condition),
    tellsGone: true,
    dispose: async () => {
      for (const { transport } of [left, right]) {
        await new Promise<void>((resolve) => transport.close(() => resolve()));
      }
    },
  };
});
