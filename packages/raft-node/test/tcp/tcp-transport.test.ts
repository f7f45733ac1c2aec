import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  type LogIndex,
  type NodeId,
  type PeerFrame,
  type Term,
  toLogIndex,
  toNodeId,
  toTerm,
} from "@quorate/raft";
import { PeerStoreIds } from "@quorate/raft-node";
import {
  closeEndpoint,
  type Endpoint,
  freePorts,
  isConnected,
  openEndpoint,
  storeIdOf,
  until,
} from "./cluster-of-transports.ts";

const heartbeat = (from: NodeId, to: NodeId, commit = 0): PeerFrame => ({
  kind: "message",
  message: {
    type: "heartbeat",
    from,
    to,
    term: toTerm(1),
    commit: toLogIndex(commit),
    context: new Uint8Array(0),
  },
});

const append = (from: NodeId, to: NodeId, index: number, bytes: number): PeerFrame => ({
  kind: "message",
  message: {
    type: "append-entries",
    from,
    to,
    term: toTerm(1),
    previous: { term: 1 as Term, index: (index - 1) as LogIndex },
    commit: toLogIndex(0),
    entries: [
      {
        term: toTerm(1),
        index: toLogIndex(index),
        type: "normal",
        data: new Uint8Array(bytes).fill(index % 251),
      },
    ],
  },
});

async function withEndpoints(count: number, body: (endpoints: Endpoint[]) => Promise<void>): Promise<void> {
  const ports = await freePorts(count);
  const endpoints: Endpoint[] = [];
  try {
    for (const id of ports.keys()) {
      endpoints.push(await openEndpoint({ id, ports }));
    }
    await body(endpoints);
  } finally {
    await Promise.all(endpoints.map(closeEndpoint));
  }
}

test("frames reach the peer they are for, in order within a lane", async () => {
  await withEndpoints(3, async (endpoints) => {
    const [a, b, c] = endpoints as [Endpoint, Endpoint, Endpoint];
    await until("all connected", () =>
      endpoints.every(
        (one) => one.events.filter((e) => e.type === "connected" && e.direction === "out").length === 2,
      ),
    );
    for (let i = 1; i <= 500; i++) {
      a.transport.send(0, b.id, append(a.id, b.id, i, 300));
    }
    a.transport.send(0, c.id, heartbeat(a.id, c.id));
    await until("500 appends", () => b.received.length === 500);
    await until("one heartbeat", () => c.received.length === 1);
    const indexes = b.received.map(({ frame }) =>
      frame.kind === "message" && frame.message.type === "append-entries"
        ? frame.message.entries[0]?.index
        : -1,
    );
    assert.deepEqual(
      indexes,
      Array.from({ length: 500 }, (_, i) => i + 1),
    );
    assert.ok(b.received.every(({ from }) => from === a.id));
  });
});

test("urgent frames overtake bulk ones that wait", async () => {
  await withEndpoints(2, async ([a, b]) => {
    assert.ok(a !== undefined && b !== undefined);
    await until("connected", () => isConnected(a, "out"));
    for (let i = 1; i <= 64; i++) {
      a.transport.send(0, b.id, append(a.id, b.id, i, 512 * 1024));
    }
    a.transport.send(0, b.id, heartbeat(a.id, b.id));
    await until("all arrived", () => b.received.length === 65, 20_000);
    const place = b.received.findIndex(
      ({ frame }) => frame.kind === "message" && frame.message.type === "heartbeat",
    );
    assert.equal(place, 0, "queued last in its turn, written first");
  });
});

test("a full queue drops, counts, and tells the core", async () => {
  const ports = await freePorts(2);
  const a = await openEndpoint({ id: 1, ports, limits: { bulkBytesMax: 1024 * 1024 } });
  const b = await openEndpoint({ id: 2, ports });
  try {
    await until("connected", () => isConnected(a, "out"));
    for (let i = 1; i <= 10; i++) {
      a.transport.send(0, b.id, append(a.id, b.id, i, 512 * 1024));
    }
    await until("the core is told", () => a.unreachable.includes(b.id));
    assert.equal(a.transport.counters.droppedFrames, 8);
    await until("what fitted arrived", () => b.received.length === 2);
  } finally {
    await Promise.all([closeEndpoint(a), closeEndpoint(b)]);
  }
});

test("a peer that comes back is found again, and frames lost meanwhile are reported", async () => {
  const ports = await freePorts(2);
  const a = await openEndpoint({ id: 1, ports });
  let b = await openEndpoint({ id: 2, ports });
  try {
    await until("connected", () => isConnected(a, "out"));
    await closeEndpoint(b);
    await until("noticed", () => a.unreachable.length > 0);
    const before = a.transport.counters.droppedFrames;
    a.transport.send(0, b.id, heartbeat(a.id, b.id));
    assert.equal(a.transport.counters.droppedFrames, before + 1);
    b = await openEndpoint({ id: 2, ports });
    await until("found again", () => {
      a.transport.send(0, b.id, heartbeat(a.id, b.id));
      return b.received.length > 0;
    });
  } finally {
    await Promise.all([closeEndpoint(a), closeEndpoint(b)]);
  }
});

async function refusal(first: {
  clusterId?: number;
  notes?: PeerStoreIds;
  storeId?: Uint8Array;
}): Promise<Endpoint[]> {
  const ports = await freePorts(2);
  const a = await openEndpoint({
    id: 1,
    ports,
    ...(first.clusterId === undefined ? {} : { clusterId: first.clusterId }),
    ...(first.storeId === undefined ? {} : { storeId: first.storeId }),
  });
  const b = await openEndpoint({
    id: 2,
    ports,
    ...(first.notes === undefined ? {} : { storeIds: first.notes }),
  });
  await until("refused", () => a.events.some((event) => event.type === "refused-by"));
  await Promise.all([closeEndpoint(a), closeEndpoint(b)]);
  assert.equal(b.received.length, 0);
  return [a, b];
}

test("a member of another cluster is refused by name", async () => {
  const [a, b] = await refusal({ clusterId: 78 });
  const refused = a?.events.find((event) => event.type === "refused-by");
  assert.ok(refused?.type === "refused-by" && refused.cause === "cluster");
  assert.match(refused.detail, /cluster 4e.*to 4d/);
  assert.ok(b?.events.some((event) => event.type === "refused" && event.cause === "cluster"));
});

test("a member whose disk was changed is refused: remove and add anew", async () => {
  const notes = PeerStoreIds.inMemory();
  notes.note(toNodeId(1), storeIdOf(1), (error) => assert.equal(error, null));
  const [a] = await refusal({ notes, storeId: storeIdOf(1, 9) });
  const refused = a?.events.find((event) => event.type === "refused-by");
  assert.ok(refused?.type === "refused-by" && refused.cause === "store");
  assert.match(refused.detail, /remove the member and add it anew/);
});

test("garbage, an oversize frame and silence end a connection and nothing else", async () => {
  const ports = await freePorts(2);
  const a = await openEndpoint({ id: 1, ports, limits: { handshakeTimeoutMs: 50 } });
  const b = await openEndpoint({ id: 2, ports });
  try {
    await until("connected", () => isConnected(b, "out"));
    const oversize = Buffer.alloc(64);
    oversize.writeUInt32LE(0x7fffffff, 0);
    for (const bytes of [Buffer.from("GET / HTTP/1.1\r\n\r\n"), oversize, Buffer.alloc(1)]) {
      const socket = connect(ports.get(1) ?? 0, "127.0.0.1");
      let closed = false;
      socket.on("close", () => {
        closed = true;
      });
      socket.on("error", () => {});
      socket.resume();
      socket.write(bytes);
      await until("closed by the other side", () => closed);
    }
    assert.ok(a.transport.counters.badFrames >= 2);
    b.transport.send(0, a.id, heartbeat(b.id, a.id));
    await until("the peer is still heard", () => a.received.length === 1);
  } finally {
    await Promise.all([closeEndpoint(a), closeEndpoint(b)]);
  }
});

test("a message in another member's name ends the connection", async () => {
  await withEndpoints(2, async ([a, b]) => {
    assert.ok(a !== undefined && b !== undefined);
    await until("connected", () => isConnected(a, "out"));
    a.transport.send(0, b.id, heartbeat(toNodeId(9), b.id));
    await until("counted", () => b.transport.counters.badFrames === 1);
    assert.equal(b.received.length, 0);
  });
});

test("a store id that cannot be noted is fatal: nothing of that peer may count", async () => {
  const directory = mkdtempSync(join(tmpdir(), "quorate-notes-"));
  const storeIds = PeerStoreIds.open(directory);
  rmSync(directory, { recursive: true });
  const ports = await freePorts(2);
  const a = await openEndpoint({ id: 1, ports, storeIds });
  const b = await openEndpoint({ id: 2, ports });
  try {
    await until("told", () => a.failures.length > 0);
    assert.ok(!isConnected(a, "in") && !isConnected(a, "out"));
  } finally {
    await Promise.all([closeEndpoint(a), closeEndpoint(b)]);
  }
});

test("a peer that can no longer be heard is unreachable, though this member can still speak to it", async () => {
  const ports = await freePorts(2);
  const a = await openEndpoint({ id: 1, ports });
  const b = await openEndpoint({ id: 2, ports });
  try {
    await until("heard", () => isConnected(a, "in") && isConnected(a, "out"));
    b.transport.send(0, a.id, heartbeat(toNodeId(9), a.id)); // Refused: the connection from b to a ends.
    await until("told", () => a.unreachable.includes(b.id));
  } finally {
    await Promise.all([closeEndpoint(a), closeEndpoint(b)]);
  }
});

test("a port in use is known before anything else begins", async () => {
  const ports = await freePorts(1);
  const a = await openEndpoint({ id: 1, ports });
  try {
    await assert.rejects(openEndpoint({ id: 1, ports }), { code: "EADDRINUSE" });
  } finally {
    await closeEndpoint(a);
  }
});
