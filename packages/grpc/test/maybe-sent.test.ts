/** What a failed call says about whether it may have happened: whoever may not do a thing twice decides by it. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
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
