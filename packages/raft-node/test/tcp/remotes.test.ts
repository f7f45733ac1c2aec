/** Callers that a member's configuration does not name yet: taken in, answered, bounded, and no longer remotes once it does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type MemberInfo, type PeerFrame, toLogIndex, toNodeId, toTerm } from "@quorate/raft";
import { PeerStoreIds } from "@quorate/raft-node";
import {
  closeEndpoint,
  type Endpoint,
  freePorts,
  openEndpoint,
  storeIdOf,
  until,
} from "./cluster-of-transports.ts";

const vote = (from: number, to: number): PeerFrame => ({
  kind: "message",
  message: {
    type: "request-vote",
    from: toNodeId(from),
    to: toNodeId(to),
    term: toTerm(2),
    last: { term: toTerm(1), index: toLogIndex(7) },
    leadershipTransfer: false,
  },
});

const granted = (from: number, to: number): PeerFrame => ({
  kind: "message",
  message: { type: "vote-response", from: toNodeId(from), to: toNodeId(to), term: toTerm(2), granted: true },
});

const member = (id: number, address = ""): MemberInfo => ({
  id: toNodeId(id),
  address,
  label: "",
  promote: false,
});

/** How many times `endpoint` was connected with `peer`. */
const connections = ({ events }: Endpoint, peer: number, direction: "in" | "out"): number =>
  events.filter((event) => event.type === "connected" && event.direction === direction && event.peer === peer)
    .length;

const refusedBy = ({ events }: Endpoint, peer: number, cause: string): boolean =>
  events.some((event) => event.type === "refused-by" && event.cause === cause && event.peer === peer);

const bothWays = (endpoint: Endpoint, peer: number): boolean =>
  connections(endpoint, peer, "in") > 0 && connections(endpoint, peer, "out") > 0;

/** The notes of a member that has met member 1 before. */
function acquainted(): PeerStoreIds {
  const storeIds = PeerStoreIds.inMemory();
  storeIds.note(toNodeId(1), storeIdOf(1), () => {});
  return storeIds;
}

/** Member 3, whose configuration names nobody else, and callers that know it. */
async function withMember(
  callers: number,
  run: (
    three: Endpoint,
    call: (id: number) => Promise<Endpoint>,
    ports: ReadonlyMap<number, number>,
  ) => Promise<void>,
  options: { readonly remotesMax?: number; readonly storeIds?: PeerStoreIds } = {},
): Promise<void> {
  const ports = await freePorts(3 + callers);
  const own = (id: number): readonly [number, number] => [id, ports.get(id) ?? 0];
  const { remotesMax = 16, storeIds = acquainted() } = options;
  const three = await openEndpoint({ id: 3, ports: new Map([own(3)]), limits: { remotesMax }, storeIds });
  const open: Endpoint[] = [three];
  try {
    await run(
      three,
      async (id) => {
        const caller = await openEndpoint({ id, ports: new Map([own(3), own(id)]) });
        open.push(caller);
        return caller;
      },
      ports,
    );
  } finally {
    await Promise.all(open.map(closeEndpoint));
  }
}

test("§4.1 a caller that the configuration does not name is heard, and answered where it says it is reached", () =>
  withMember(2, async (three, call) => {
    const four = await call(4);
    await until("both ways", () => bothWays(three, 4) && bothWays(four, 3));
    four.transport.send(0, three.id, vote(4, 3));
    await until("its request", () => three.received.length === 1);
    assert.equal(three.received[0]?.from, 4);
    three.transport.send(0, four.id, granted(3, 4));
    await until("the answer", () => four.received.length === 1);
  }));

// A wiped disk under an old name: those who knew it refuse it, but one who came later would believe its empty log and its forgotten votes.
// Found by simulation, seed 62.
test("a member that has met nobody yet takes in nobody whom it does not know", () =>
  withMember(
    1,
    async (three, call) => {
      const four = await call(4);
      await until("refused", () => refusedBy(four, 3, "unknown-peer"));
      const details = three.events.flatMap((event) => (event.type === "refused" ? [event.detail] : []));
      assert.ok(details.some((detail) => /member 4 .* its disk may be new/.test(detail)));
      assert.equal(connections(three, 4, "in"), 0);
    },
    { storeIds: PeerStoreIds.inMemory() },
  ));

test("what members ask of their leader a remote may not ask", () =>
  withMember(2, async (three, call) => {
    const four = await call(4);
    await until("both ways", () => bothWays(four, 3));
    const { droppedFrames } = three.transport.counters;
    four.transport.send(0, three.id, { kind: "propose", term: toTerm(2), requestId: 1, commands: [] });
    four.transport.send(0, three.id, vote(4, 3));
    await until("what it may say", () => three.received.length === 1);
    await until("what it may not", () => three.transport.counters.droppedFrames === droppedFrames + 1);
    assert.deepEqual(
      three.received.map(({ frame }) => frame.kind),
      ["message"],
    );
  }));

test("remotes are bounded, nothing of them is noted, and one that goes makes room", () => {
  const storeIds = acquainted();
  return withMember(
    4,
    async (three, call) => {
      const four = await call(4);
      await call(5);
      await until("two remotes", () => bothWays(three, 4) && bothWays(three, 5));
      const six = await call(6);
      await until("the third is refused", () => refusedBy(six, 3, "unknown-peer"));
      assert.equal(connections(three, 6, "in"), 0);
      assert.equal(storeIds.count, 1, "strangers do not fill the notes");
      three.unreachable.length = 0;
      four.transport.close(() => {});
      await until("the host is told", () => three.unreachable.includes(four.id));
      await until("its place is taken", () => bothWays(three, 6));
      const dropped = three.transport.counters.droppedFrames;
      three.transport.send(0, four.id, granted(3, 4));
      assert.equal(three.transport.counters.droppedFrames, dropped + 1, "nobody dials it any more");
      assert.deepEqual(three.gone, [], "the end of a remote tells nothing of a member");
    },
    { remotesMax: 2, storeIds },
  );
});

test("a remote that the configuration names is reached where that says, and its disk is noted", () => {
  const storeIds = acquainted();
  return withMember(
    3,
    async (three, call, ports) => {
      const four = await call(4);
      await until("a remote", () => bothWays(three, 4));
      const moved = await openEndpoint({
        id: 4,
        ports: new Map([
          [3, ports.get(3) ?? 0],
          [4, ports.get(5) ?? 0],
        ]),
        storeId: storeIdOf(4),
      });
      await closeEndpoint(four);
      try {
        await until("the remote again, from elsewhere", () => connections(three, 4, "in") > 1);
        three.transport.setPeers(0, { members: [member(4, `127.0.0.1:${ports.get(5)}`)], removed: [] });
        await until("noted", () => storeIds.count === 2);
        const before = connections(three, 4, "out");
        await until("the member is reached", () => connections(moved, 3, "in") > 0 && before > 0);
        await until("now it may ask", () => {
          moved.transport.send(0, three.id, { kind: "propose", term: toTerm(2), requestId: 1, commands: [] });
          return three.received.some(({ frame }) => frame.kind === "propose");
        });
        assert.equal(storeIds.judge(toNodeId(4), storeIdOf(4)), "same");
      } finally {
        await closeEndpoint(moved);
      }
    },
    { storeIds },
  );
});

test("a removed member stays refused as removed, whatever address it gives; a remote that is found removed is sent away", () =>
  withMember(2, async (three, call) => {
    const four = await call(4);
    await until("a remote", () => bothWays(three, 4));
    three.transport.setPeers(0, { members: [], removed: [four.id] });
    await until("told", () => refusedBy(four, 3, "removed"));
    three.transport.setPeers(0, { members: [], removed: [four.id, toNodeId(5)] });
    const five = await call(5);
    await until("refused at once", () => refusedBy(five, 3, "removed"));
    assert.equal(connections(three, 5, "in"), 0);
  }));

test("a caller that says no address, or one that nobody can dial, is refused with the reason", async () => {
  const ports = await freePorts(2);
  const one = await openEndpoint({
    id: 1,
    ports: new Map([[1, ports.get(1) ?? 0]]),
    storeIds: acquainted(),
  });
  const two = await openEndpoint({ id: 2, ports, advertise: "" });
  const three = await openEndpoint({ id: 3, ports: new Map([[1, ports.get(1) ?? 0]]), advertise: "host:0" });
  try {
    await until(
      "both refused",
      () => refusedBy(two, 1, "unknown-peer") && refusedBy(three, 1, "unknown-peer"),
    );
    const details = one.events.flatMap((event) => (event.type === "refused" ? [event.detail] : []));
    assert.ok(details.some((detail) => /member 2 .* does not say where it is reached/.test(detail)));
    assert.ok(details.some((detail) => /member 3 .* nobody can dial the address that it gives/.test(detail)));
  } finally {
    await Promise.all([one, two, three].map(closeEndpoint));
  }
});
