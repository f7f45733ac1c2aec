/** Connections that hang, more than there are places for: they do not keep peers out. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import type { TransportLimits } from "@quorate/raft-node";
import { closeEndpoint, type Endpoint, freePorts, openEndpoint, until } from "./cluster-of-transports.ts";

/** A place that is given up only by its time would outlast the test. */
const limits: Partial<TransportLimits> = { handshakeTimeoutMs: 60_000 };

/** Sockets that are connected and say nothing. */
class Hanging {
  readonly #sockets: Socket[] = [];
  endedCount = 0;

  async open(port: number, count: number, localAddress = "127.0.0.1"): Promise<void> {
    await Promise.all(
      Array.from(
        { length: count },
        () =>
          new Promise<void>((resolve) => {
            const socket = connect({ port, host: "127.0.0.1", localAddress }, resolve);
            socket.on("error", () => {});
            socket.on("close", () => {
              this.endedCount++;
              resolve();
            });
            this.#sockets.push(socket);
          }),
      ),
    );
  }

  get standing(): readonly Socket[] {
    return this.#sockets.filter(({ destroyed }) => !destroyed);
  }

  close(): void {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }
}

const comes = (endpoint: Endpoint, times: number): boolean =>
  endpoint.events.filter((event) => event.type === "connected" && event.direction === "in").length >= times;

test("more hanging connections than there are places: a peer that comes is heard at once, and the places stay bounded", async () => {
  const ports = await freePorts(2);
  const one = await openEndpoint({ id: 1, ports, limits });
  const hanging = new Hanging();
  let two: Endpoint | null = null;
  try {
    await hanging.open(ports.get(1) ?? 0, 100);
    await until("the oldest give their places", () => hanging.standing.length <= 64);
    const startMs = performance.now();
    two = await openEndpoint({ id: 2, ports, limits });
    await until("the peer is heard", () => comes(one, 1), 5000);
    assert.ok(performance.now() - startMs < 5000);
    assert.ok(hanging.standing.length <= 63, "one more gave its place");
    await hanging.open(ports.get(1) ?? 0, 100);
    await until("bounded", () => hanging.standing.length <= 64);
    assert.ok(
      one.events.every((event) => event.type !== "disconnected"),
      "a peer that is known keeps its place",
    );
  } finally {
    hanging.close();
    await closeEndpoint(one);
    if (two !== null) {
      await closeEndpoint(two);
    }
  }
});

test("connections from where a peer was found go before those from elsewhere", async () => {
  const ports = await freePorts(2);
  const one = await openEndpoint({ id: 1, ports, limits: { ...limits, strangersMax: 4 } });
  const two = await openEndpoint({ id: 2, ports, limits });
  const near = new Hanging();
  const far = new Hanging();
  try {
    await until("found", () =>
      one.events.some((event) => event.type === "connected" && event.direction === "out"),
    );
    await near.open(ports.get(1) ?? 0, 2);
    await far.open(ports.get(1) ?? 0, 6, "127.0.0.2");
    await until("the oldest from elsewhere gave their places", () => far.endedCount === 4);
    assert.equal(near.standing.length, 2, "the older ones from the peer's address stay");
    await near.open(ports.get(1) ?? 0, 2);
    await until("the last from elsewhere", () => far.endedCount === 6);
    assert.equal(near.standing.length, 4);
    await far.open(ports.get(1) ?? 0, 1, "127.0.0.2");
    await until("nobody gives way to one from elsewhere", () => far.endedCount === 7);
    assert.equal(near.standing.length, 4);
    await near.open(ports.get(1) ?? 0, 1);
    await until("the oldest of their own", () => near.endedCount === 1);
  } finally {
    near.close();
    far.close();
    await Promise.all([one, two].map(closeEndpoint));
  }
});
