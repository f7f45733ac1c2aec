/** Peers that come, move and go while connections stand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type MemberInfo, type PeerFrame, toLogIndex, toNodeId, toTerm } from "@quorate/raft";
import { closeEndpoint, type Endpoint, freePorts, openEndpoint, until } from "./cluster-of-transports.ts";

const heartbeat = (from: number, to: number): PeerFrame => ({
  kind: "message",
  message: {
    type: "heartbeat",
    from: toNodeId(from),
    to: toNodeId(to),
    term: toTerm(1),
    commit: toLogIndex(0),
    context: new Uint8Array(0),
  },
});

const member = (id: number, address = ""): MemberInfo => ({
  id: toNodeId(id),
  address,
  label: "",
  promote: false,
});

/** Whether the connection that `endpoint` dialled to `peer` stands. */
const reaches = ({ events }: Endpoint, peer: number): boolean => {
  const [last] = events
    .filter((event) => event.type === "connected" || event.type === "disconnected")
    .filter((event) => event.direction === "out" && event.peer === peer)
    .slice(-1);
  return last?.type === "connected";
};

const removedBy = ({ events }: Endpoint, peer: number): boolean =>
  events.some((event) => event.type === "refused-by" && event.cause === "removed" && event.peer === peer);

test("a removed peer gets what was queued for it, is told why, and is refused when it calls again", async () => {
  const ports = await freePorts(3);
  const endpoints = await Promise.all([...ports.keys()].map((id) => openEndpoint({ id, ports })));
  try {
    const [one, two, three] = endpoints;
    assert.ok(one !== undefined && two !== undefined && three !== undefined);
    await until(
      "all connected",
      () => reaches(one, three.id) && reaches(three, one.id) && reaches(one, two.id),
    );
    one.transport.send(0, three.id, heartbeat(1, 3));
    one.transport.setPeers(0, { members: [member(2)], removed: [three.id] });
    await until("the last frame", () => three.received.length === 1);
    await until("told of its removal", () => removedBy(three, 1));
    const dropped = one.transport.counters.droppedFrames;
    one.transport.send(0, three.id, heartbeat(1, 3));
    assert.equal(one.transport.counters.droppedFrames, dropped + 1);
    const refused = one.transport.counters.refusedHandshakes;
    await until("refused again", () => one.transport.counters.refusedHandshakes > refused);
    one.transport.send(0, two.id, heartbeat(1, 2));
    await until("the other peer is reached", () => two.received.length === 1);
  } finally {
    await Promise.all(endpoints.map(closeEndpoint));
  }
});

test("a peer whose address is told later is reached there, and one that moves is followed", async () => {
  const ports = await freePorts(2);
  const stranger = await openEndpoint({ id: 1, ports: new Map([[1, ports.get(1) ?? 0]]) });
  const first = await openEndpoint({ id: 2, ports });
  const endpoints = [stranger, first];
  try {
    stranger.transport.setPeers(0, { members: [member(2, `127.0.0.1:${ports.get(2)}`)], removed: [] });
    await until("both connected", () => reaches(stranger, first.id) && reaches(first, stranger.id));
    await closeEndpoint(first);
    const [[, port] = [0, 0]] = await freePorts(1);
    const moved = await openEndpoint({ id: 2, ports: new Map([...ports, [2, port]]) });
    endpoints[1] = moved;
    stranger.transport.setPeers(0, { members: [member(2, `127.0.0.1:${port}`)], removed: [] });
    await until("the new address is reached", () => reaches(stranger, moved.id));
    stranger.transport.send(0, moved.id, heartbeat(1, 2));
    await until("a frame there", () => moved.received.length === 1);
  } finally {
    await Promise.all(endpoints.map(closeEndpoint));
  }
});
