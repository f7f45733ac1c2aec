/** When the end of a peer's process is evident, and when it is not: over real sockets, with relays that die, refuse and flap. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { TransportLimits } from "@quorate/raft-node";
import { freePorts as portsForTests } from "@quorate/raft-node/testing";
import { LinkProxy } from "../../src/testing/link-proxy.ts";
import { closeEndpoint, type Endpoint, freePorts, openEndpoint, until } from "./cluster-of-transports.ts";

const loopback = "127.0.0.1";

/** Two members, each of which reaches the other through a relay. */
class RelayedPair {
  readonly a: Endpoint;
  b: Endpoint;
  readonly toB: LinkProxy;
  readonly toA: LinkProxy;
  readonly #own: ReadonlyMap<number, number>;
  readonly #relayPorts: { readonly toA: number; readonly toB: number };

  private constructor(
    own: ReadonlyMap<number, number>,
    relayPorts: { readonly toA: number; readonly toB: number },
    relays: { readonly toA: LinkProxy; readonly toB: LinkProxy },
    endpoints: { readonly a: Endpoint; readonly b: Endpoint },
  ) {
    this.#own = own;
    this.#relayPorts = relayPorts;
    this.toA = relays.toA;
    this.toB = relays.toB;
    this.a = endpoints.a;
    this.b = endpoints.b;
  }

  static async open(limits: Partial<TransportLimits> = {}): Promise<RelayedPair> {
    const own = await freePorts(2);
    const farEnd = (id: number) => () => ({ host: loopback, port: own.get(id) ?? 0 });
    const relays = { toA: new LinkProxy(farEnd(1)), toB: new LinkProxy(farEnd(2)) };
    const ports = { toA: await relays.toA.listen(), toB: await relays.toB.listen() };
    const a = await openEndpoint({ id: 1, ports: portsOf(1, own, ports.toB), limits });
    const b = await openEndpoint({ id: 2, ports: portsOf(2, own, ports.toA) });
    const pair = new RelayedPair(own, ports, relays, { a, b });
    await pair.connected();
    return pair;
  }

  /** Both directions stand, seen by both sides. */
  connected(): Promise<void> {
    return until("both directions stand", () =>
      [this.a, this.b].every((one) => standing(one, "in") && standing(one, "out")),
    );
  }

  /** All that a dying machine's kernel does: the connections end, the port refuses. */
  async killB(): Promise<void> {
    await Promise.all([this.toB.close(), this.toA.close()]);
  }

  /** Another process in the place of member 2, with the same disk. */
  async restartB(boot: number): Promise<void> {
    await closeEndpoint(this.b);
    this.b = await openEndpoint({ id: 2, ports: portsOf(2, this.#own, this.#relayPorts.toA), boot });
  }

  async close(): Promise<void> {
    await Promise.all([this.toB.close(), this.toA.close()]);
    await Promise.all([closeEndpoint(this.a), closeEndpoint(this.b)]);
  }
}

function portsOf(id: number, own: ReadonlyMap<number, number>, other: number): ReadonlyMap<number, number> {
  return new Map([
    [id, own.get(id) ?? 0],
    [3 - id, other],
  ]);
}

function standing(endpoint: Endpoint, direction: "in" | "out"): boolean {
  const last = endpoint.events.findLast(
    (event) => (event.type === "connected" || event.type === "disconnected") && event.direction === direction,
  );
  return last?.type === "connected";
}

async function withPair(body: (pair: RelayedPair) => Promise<void>): Promise<void> {
  const pair = await RelayedPair.open();
  try {
    await body(pair);
  } finally {
    await pair.close();
  }
}

test("a peer whose connections end and whose port refuses is gone, and that is told once", async () => {
  await withPair(async (pair) => {
    const atMs = performance.now();
    await pair.killB();
    await until("gone", () => pair.a.gone.length > 0);
    assert.ok(performance.now() - atMs < 500, "found out at once, not by a time-out");
    // Several further attempts are refused in this time.
    await delay(150);
    assert.deepEqual(pair.a.gone, [{ peer: 2, reason: "refused" }]);
    assert.ok(pair.a.events.some((event) => event.type === "peer-gone" && event.reason === "refused"));
  });
});

test("a peer that says goodbye and then refuses is gone", async () => {
  const ports = await freePorts(2);
  const a = await openEndpoint({ id: 1, ports });
  const b = await openEndpoint({ id: 2, ports });
  try {
    await until("connected", () => standing(a, "in") && standing(a, "out"));
    await closeEndpoint(b);
    await until("gone", () => a.gone.length > 0);
    assert.deepEqual(a.gone, [{ peer: 2, reason: "refused" }]);
  } finally {
    await Promise.all([closeEndpoint(a), closeEndpoint(b)]);
  }
});

test("a peer that answers with another boot id was restarted", async () => {
  await withPair(async (pair) => {
    await pair.restartB(99);
    await until("gone", () => pair.a.gone.length > 0);
    assert.deepEqual(pair.a.gone, [{ peer: 2, reason: "restarted" }]);
    await pair.connected();
    await pair.killB();
    await until("gone again", () => pair.a.gone.length > 1);
    assert.deepEqual(pair.a.gone[1], { peer: 2, reason: "refused" }, "a second death is news again");
  });
});

test("a peer of the same boot id is not gone, however often its connections are reset", async () => {
  await withPair(async (pair) => {
    for (let round = 0; round < 20; round++) {
      pair.toB.cut();
      pair.toA.cut();
      await until("the cut is noticed", () => !standing(pair.a, "out") && !standing(pair.a, "in"));
      pair.toB.mend();
      pair.toA.mend();
      await pair.connected();
    }
    assert.deepEqual(pair.a.gone, []);
    assert.deepEqual(pair.b.gone, []);
  });
});

test("a refused connection proves nothing while the peer's own one stands", async () => {
  await withPair(async (pair) => {
    await pair.toB.close();
    await until("the way to the peer is lost", () => !standing(pair.a, "out"));
    // Several further attempts are refused in this time.
    await delay(150);
    assert.ok(standing(pair.a, "in"), "the peer still speaks");
    assert.deepEqual(pair.a.gone, []);
  });
});

test("what this side ends itself proves nothing, though the address then refuses", async () => {
  const [own] = await portsForTests(1);
  assert.ok(own !== undefined);
  const b = await openEndpoint({
    id: 2,
    ports: new Map([
      [1, 1],
      [2, own],
    ]),
  });
  const proxy = new LinkProxy(() => ({ host: loopback, port: own }));
  const ports = new Map([
    [1, 0],
    [2, await proxy.listen()],
  ]);
  // No ping is sent within the time, so no pong comes either; and it dials again only when nobody listens any more.
  const limits = { silenceMs: 60, pingIntervalMs: 10_000, reconnectMsMin: 100, reconnectMsMax: 100 };
  const a = await openEndpoint({ id: 1, ports, limits });
  try {
    await until("this side gave up", () =>
      a.events.some((event) => event.type === "disconnected" && event.why === "no sign of life"),
    );
    await proxy.close();
    await delay(150);
    assert.deepEqual(a.gone, []);
  } finally {
    await Promise.all([closeEndpoint(a), closeEndpoint(b)]);
  }
});

test("an address that refuses from the beginning is nobody who died", async () => {
  const ports = await freePorts(2);
  const a = await openEndpoint({ id: 1, ports });
  try {
    await delay(100);
    assert.deepEqual(a.gone, []);
  } finally {
    await closeEndpoint(a);
  }
});

test("bad frames end a connection without speaking of death", async () => {
  const ports = await freePorts(2);
  const listener = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.resume();
    socket.write(new Uint8Array(64).fill(0xff));
  });
  await new Promise<void>((resolve) => listener.listen(ports.get(2), loopback, resolve));
  const a = await openEndpoint({ id: 1, ports });
  try {
    await until("a bad frame", () => a.events.some((event) => event.type === "bad-frame"));
    await new Promise((resolve) => listener.close(resolve));
    await delay(100);
    assert.deepEqual(a.gone, []);
  } finally {
    await closeEndpoint(a);
  }
});
