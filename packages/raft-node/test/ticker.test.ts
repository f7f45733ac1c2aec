import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { Ticker } from "@quorate/raft-node";

const stall = (ms: number): void => {
  const until = performance.now() + ms;
  while (performance.now() < until) {
    // Holds the event loop on purpose.
  }
};

test("a stall of the event loop is one late tick, never a burst", async () => {
  const gaps: number[] = [];
  await new Promise<void>((resolve) => {
    const ticker = new Ticker(20, ({ gapMs }) => {
      gaps.push(gapMs);
      if (gaps.length === 2) {
        stall(200);
      }
      if (gaps.length === 6) {
        ticker.stop();
        resolve();
      }
    });
  });
  assert.ok((gaps[2] ?? 0) >= 200, `the stall shows in the gap: ${gaps}`);
  const afterStall = gaps.slice(3).filter((gap) => gap < 10);
  assert.deepEqual(afterStall, [], `missed ticks were replayed: ${gaps}`);
});

test("what arrived during a stall is taken in before the tick", async () => {
  const order: string[] = [];
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address !== null && typeof address !== "string");
  const accepted = once(server, "connection");
  const client = connect(address.port, "127.0.0.1");
  const [socket] = (await accepted) as [import("node:net").Socket];
  socket.on("data", () => order.push("input"));
  const ticked = new Promise<void>((resolve) => {
    const ticker = new Ticker(20, () => {
      order.push("tick");
      ticker.stop();
      resolve();
    });
  });
  client.write("x");
  stall(60);
  await ticked;
  assert.deepEqual(order, ["input", "tick"]);
  client.destroy();
  server.close();
});

test("a stopped ticker ticks no more, whenever it is stopped", async () => {
  let ticks = 0;
  const ticker = new Ticker(1, () => ticks++);
  stall(5);
  await new Promise((resolve) => setTimeout(resolve, 1)); // Its timer has fired, its turn has not come.
  ticker.stop();
  ticker.stop();
  const seen = ticks;
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(ticks, seen);
});
