/** What a failed call says about whether it may have happened: whoever may not do a thing twice decides by it. */
import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { test } from "node:test";
import { createGrpcClient, GrpcError } from "@quorate/grpc";
import { both, serve } from "./fixture.ts";

async function failureOf(url: string, timeoutMs = 10_000): Promise<GrpcError> {
  const client = createGrpcClient(url, { connectTimeoutMs: timeoutMs });
  try {
    await client.request("/test.Echo/Say", new Uint8Array(1), { timeoutMs });
  } catch (error) {
    assert.ok(error instanceof GrpcError);
    return error;
  } finally {
    client.close();
  }
  throw new assert.AssertionError({ message: "the call did not fail" });
}

test("nobody listens: certainly not sent", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  await new Promise((resolve) => server.close(resolve));
  const error = await failureOf(`http://127.0.0.1:${address.port}`);
  assert.equal(error.code, 14);
  assert.equal(error.maybeSent, false);
});

test("a connection that answers no more is given up", async (context) => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => {}); // The client destroys the connection, which is the point.
    sockets.push(socket);
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const client = createGrpcClient(`http://127.0.0.1:${address.port}`, {
    keepalive: { timeMs: 50, timeoutMs: 100 },
  });
  context.after(() => {
    client.close();
    for (const socket of sockets) {
      socket.destroy();
    }
    server.close();
  });
  await assert.rejects(client.request("/test.Echo/Say", new Uint8Array(1)), (error) => {
    assert.ok(error instanceof GrpcError);
    assert.equal(error.code, 14);
    assert.match(error.message, /keepalive: no answer/);
    return error.maybeSent;
  });
});

both("a connection that answers is kept, however long a call takes", async (context) => {
  const { url } = await serve(context, {
    "/test.Echo/Say": {
      kind: "unary",
      handle: (_request, call) => void setTimeout(() => call.respond(new Uint8Array(3)), 600),
    },
  });
  const client = createGrpcClient(url, { keepalive: { timeMs: 100, timeoutMs: 10_000 } });
  context.after(() => client.close());
  assert.equal((await client.request("/test.Echo/Say", new Uint8Array(1))).length, 3);
});

both("the server answered with a failure, or not in time: maybe sent", async (context) => {
  const { url } = await serve(context, {
    "/test.Echo/Say": { kind: "unary", handle: (_request, call) => call.fail(14, "later") },
  });
  assert.equal((await failureOf(url)).maybeSent, true);
  const silent = await serve(context, { "/test.Echo/Say": { kind: "unary", handle: () => {} } });
  const late = await failureOf(silent.url, 500);
  assert.equal(late.code, 4);
  assert.equal(late.maybeSent, true);
});

test("a connection that is given up in the moment in which it stands fails its call, and nothing else", async (context) => {
  const { url } = await serve(context);
  for (let busyMs = 0; busyMs < 24; busyMs++) {
    const client = createGrpcClient(url, { connectTimeoutMs: 5 });
    const answer = client.request("/test.Echo/Say", new Uint8Array(1)).then(
      () => "answered",
      (error: { readonly code: number }) => `failed with ${error.code}`,
    );
    // The timer and the connection are then due in the same turn. What nobody catches fails this test.
    setImmediate(() => {
      for (const began = performance.now(); performance.now() - began < busyMs; ) {}
    });
    assert.match(await answer, /^(answered|failed with 14)$/);
    client.close();
  }
});
