/** Who may speak, what is bounded, and that a lost stream comes back. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Client, credentials } from "@grpc/grpc-js";
import { DecodeError, toHex } from "@quorate/base";
import { type PeerFrame, toLogIndex, toNodeId, toTerm } from "@quorate/raft";
import { chunkBytesMax, connectMethod, decodeChunk, encodeChunk } from "../src/service.ts";
import { begin, close, type Endpoint, introduce, openEndpoint, Stores, until } from "./support.ts";

const accepted: PeerFrame = {
  kind: "propose-accepted",
  requestId: 1,
  term: toTerm(1),
  firstIndex: toLogIndex(1),
  count: 1,
};

function refusals({ events }: Endpoint): string[] {
  return events.flatMap((event) => (event.type === "refused-by" ? [event.cause] : []));
}

async function heard(from: Endpoint, to: Endpoint): Promise<void> {
  const before = to.received.length;
  await until(() => {
    from.transport.send(0, to.id, accepted);
    return to.received.length > before;
  });
}

test("another cluster, another member, a caller without an address, a removed member and another disk are refused by name", async () => {
  const host = begin(await openEndpoint({ id: 1 }));
  const port = new Map([[1, host.port]]);
  const stores = new Stores();
  const cases = [
    ["cluster", await openEndpoint({ id: 2, clusterId: 78, peers: port })],
    ["node", await openEndpoint({ id: 2, peers: new Map([[3, host.port]]) })],
    ["unknown-peer", await openEndpoint({ id: 4, peers: port, advertise: "" })],
  ] as const;
  const two = begin(await openEndpoint({ id: 2, peers: port, stores }));
  introduce(host, two);
  await heard(two, host);
  await close(two);
  for (const [cause, caller] of cases) {
    begin(caller);
    await until(() => refusals(caller).includes(cause));
    await close(caller);
  }
  const wiped = begin(await openEndpoint({ id: 2, incarnation: 1, peers: port }));
  await until(() => refusals(wiped).includes("store"));
  await close(wiped);
  host.transport.setPeers(0, { members: [], removed: [two.id] });
  const former = begin(await openEndpoint({ id: 2, peers: port, stores }));
  await until(() => refusals(former).includes("removed"));
  assert.ok(host.transport.counters.refusedHandshakes >= 5);
  await close(former);
  await close(host);
});

test("§4.1 a caller that the configuration does not name is heard and answered, within bounds, and noted once it is named", async () => {
  const stores = new Stores();
  stores.note(toNodeId(2), new Uint8Array(16).fill(2), () => {});
  const host = begin(await openEndpoint({ id: 1, stores, options: { limits: { remotesMax: 1 } } }));
  const peers = new Map([[1, host.port]]);
  const four = begin(await openEndpoint({ id: 4, peers }));
  const answer: PeerFrame = { ...accepted, requestId: 2 };
  await heard(four, host);
  await until(() => {
    host.transport.send(0, four.id, answer);
    return four.received.length > 0;
  });
  assert.equal(stores.expected(four.id), null, "a stranger is not noted");
  const five = begin(await openEndpoint({ id: 5, peers }));
  await until(() => refusals(five).includes("unknown-peer"));
  const { droppedFrames } = host.transport.counters;
  four.transport.send(0, host.id, { kind: "propose", term: toTerm(1), requestId: 1, commands: [] });
  await until(() => host.transport.counters.droppedFrames > droppedFrames);
  introduce(host, four);
  await until(() => stores.expected(four.id) !== null);
  await heard(host, four);
  await until(() => host.events.some((event) => event.type === "connected" && event.peer === five.id));
  await close(four);
  await close(five);
  await close(host);
});

test("streams that hang, more than there are places for, do not keep a peer out", async () => {
  const limits = { strangersMax: 2, handshakeTimeoutMs: 60_000 };
  const host = begin(await openEndpoint({ id: 1, options: { limits } }));
  const client = new Client(`127.0.0.1:${host.port}`, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = connectMethod;
  let endedCount = 0;
  for (let i = 0; i < 4; i++) {
    const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    stream.on("error", () => {});
    stream.on("data", () => {});
    stream.on("status", () => endedCount++);
  }
  await until(() => endedCount === 2);
  const two = begin(await openEndpoint({ id: 2, peers: new Map([[1, host.port]]) }));
  introduce(host, two);
  await heard(two, host);
  assert.equal(endedCount, 3, "the oldest gave its place");
  client.close();
  await close(two);
  await close(host);
});

test("a lost peer is called again, at its old address and at a new one", async () => {
  const left = begin(await openEndpoint({ id: 1 }));
  const right = begin(await openEndpoint({ id: 2 }));
  introduce(left, right);
  await heard(left, right);
  await close(right);
  await until(() => left.unreachable.includes(right.id));
  const again = begin(await openEndpoint({ id: 2, port: right.port, peers: new Map([[1, left.port]]) }));
  await heard(left, again);
  await close(again);
  const moved = begin(await openEndpoint({ id: 2, peers: new Map([[1, left.port]]) }));
  introduce(left, moved);
  await heard(left, moved);
  await close(moved);
  await close(left);
});

test("a full queue drops, counts and tells; nothing grows without bound", async () => {
  const limits = { bulkBytesMax: 10_000, streamBytesMax: 1 };
  const left = begin(await openEndpoint({ id: 1, options: { limits } }));
  const right = begin(await openEndpoint({ id: 2 }));
  introduce(left, right);
  await heard(left, right);
  const commands = [new Uint8Array(9_000)];
  const { droppedFrames } = left.transport.counters;
  for (let i = 0; i < 20; i++) {
    left.transport.send(0, right.id, { kind: "propose", term: toTerm(1), requestId: i, commands });
  }
  assert.ok(left.transport.counters.droppedFrames >= droppedFrames + 17, "two fit");
  await until(() => left.unreachable.includes(right.id));
  await heard(left, right);
  await close(left);
  await close(right);
});

test("a port in use is said with the platform's reason", async () => {
  const first = await openEndpoint({ id: 1 });
  await assert.rejects(openEndpoint({ id: 2, port: first.port }), /EADDRINUSE/);
  await close(first);
});

test("chunks have golden bytes, bounds, and nothing else passes", () => {
  const golden = readFileSync(new URL("./golden/chunk-v1.hex", import.meta.url), "utf8").trim();
  assert.equal(toHex(encodeChunk(Uint8Array.of(1, 2, 3))), golden);
  assert.equal(connectMethod.path, "/quorate.peer.v1.Peers/Connect");
  const proto = readFileSync(new URL("../proto/quorate/peer/v1/peer.proto", import.meta.url), "utf8");
  assert.match(proto, /package quorate\.peer\.v1;/);
  assert.match(proto, /service Peers {/);
  assert.match(proto, /rpc Connect\(stream Chunk\) returns \(stream Chunk\)/);
  assert.match(proto, /message Chunk {[^}]*bytes data = 1;/);
  assert.equal(decodeChunk(encodeChunk(new Uint8Array(chunkBytesMax))).length, chunkBytesMax);
  for (const bad of ["", "0a", "0a00", "0a05010203", "1203010203", "0a0301020304", "0affffffff0f"]) {
    assert.throws(() => decodeChunk(new Uint8Array(Buffer.from(bad, "hex"))), DecodeError, bad);
  }
});
