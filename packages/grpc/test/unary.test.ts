/** Unary calls over real sockets: the wire's details, and what breaks its rules. */
import assert from "node:assert/strict";
import { createGrpcClient, GrpcError, type ServerEvent, type UnaryCall } from "@quorate/grpc";
import { both, echo, grpcHeaders, message, raw, serve, session, statusOf, until } from "./fixture.ts";

both("headers, one message, trailers", async (context) => {
  const { url } = await serve(context);
  const answer = await raw(session(context, url), grpcHeaders, message(new Uint8Array([1, 2])));
  assert.equal(answer.httpStatus, 200);
  assert.equal(answer.headers["content-type"], "application/grpc");
  assert.equal(answer.headers["grpc-accept-encoding"], "identity");
  assert.deepEqual(answer.body, Buffer.from([0, 0, 0, 0, 2, 1, 2]));
  assert.equal(answer.headers["grpc-status"], undefined);
  assert.equal(answer.trailers["grpc-status"], "0");
});

both("a failure is trailers only, its text escaped, its trailers sent", async (context) => {
  const { url } = await serve(context, {
    "/test.Echo/Say": {
      kind: "unary",
      handle: (_request, call) =>
        call.fail(9, "nö\n", { "x-why": "because", "x-why-bin": new Uint8Array([7]) }),
    },
  });
  const answer = await raw(session(context, url), grpcHeaders, message(new Uint8Array(1)));
  assert.equal(answer.httpStatus, 200);
  assert.equal(answer.headers["grpc-status"], "9");
  assert.equal(answer.headers["grpc-message"], "n%C3%B6%0A");
  assert.equal(answer.headers["x-why"], "because");
  const client = createGrpcClient(url);
  context.after(() => client.close());
  await assert.rejects(client.request("/test.Echo/Say", new Uint8Array(0)), (error) => {
    assert.ok(error instanceof GrpcError);
    assert.equal(error.code, 9);
    assert.equal(error.message, "nö\n");
    assert.deepEqual(error.trailers?.binary("x-why-bin"), new Uint8Array([7]));
    return true;
  });
});

const broken: readonly (readonly [string, Uint8Array | null, string, string])[] = [
  ["no message", null, "12", "grpc: no request on a call that takes one"],
  ["an empty body", new Uint8Array(0), "12", "grpc: no request on a call that takes one"],
  [
    "two messages",
    Buffer.concat([message(new Uint8Array(1)), message(new Uint8Array(1))]),
    "12",
    "grpc: more than one request on a call that takes one",
  ],
  [
    "bytes behind the message",
    Buffer.concat([message(new Uint8Array(1)), new Uint8Array(3)]),
    "12",
    "grpc: more than one request on a call that takes one",
  ],
  [
    "the compressed flag",
    message(new Uint8Array(1), 1),
    "13",
    "grpc: compressed flag set with identity or empty encoding",
  ],
  [
    "a length of 2^31",
    message(new Uint8Array(1), 0, 2 ** 31),
    "8",
    "grpc: received message larger than max (2147483648 vs. 2097152)",
  ],
];
for (const [name, body, code, text] of broken) {
  both(`refused: ${name}`, async (context) => {
    const { url, server } = await serve(context);
    const answer = await raw(session(context, url), grpcHeaders, body);
    assert.deepEqual(statusOf(answer), { code, message: text });
    assert.equal(server.stats().callCount, 0);
  });
}

both("a request cut at every byte is INTERNAL, never an answer", async (context) => {
  const { url } = await serve(context);
  const made = session(context, url);
  const whole = message(new Uint8Array(20));
  for (let length = 1; length < whole.length; length++) {
    const answer = await raw(made, grpcHeaders, whole.subarray(0, length));
    assert.deepEqual(statusOf(answer), { code: "13", message: "unexpected EOF" }, `length ${length}`);
  }
  const answer = await raw(made, { ...grpcHeaders, "grpc-encoding": "gzip" }, message(new Uint8Array(1), 1));
  assert.equal(statusOf(answer).code, "12");
});

both("a request that comes one byte at a time is whole", async (context) => {
  const { url } = await serve(context);
  const stream = session(context, url).request(grpcHeaders);
  const whole = message(new Uint8Array([5, 6, 7]));
  for (const byte of whole) {
    await new Promise((resolve) => stream.write(new Uint8Array([byte]), resolve));
  }
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.end();
  await new Promise((resolve) => stream.on("close", resolve));
  assert.deepEqual(Buffer.concat(chunks), Buffer.from(whole));
});

const paths: readonly (readonly [string, string])[] = [
  ["/test.Echo/Sai", "unknown method Sai for service test.Echo"],
  ["/test.Ecco/Say", "unknown service test.Ecco"],
  ["/test.Echo/Say/", "unknown service test.Echo/Say"],
  ["/test.Echo/say", "unknown method say for service test.Echo"],
  ["/test.Echo/%53ay", "unknown method %2553ay for service test.Echo"],
  ["/nothing", 'malformed method name: "/nothing"'],
];
for (const [path, text] of paths) {
  both(`path ${path}: ${text}`, async (context) => {
    const { url } = await serve(context);
    const answer = await raw(
      session(context, url),
      { ...grpcHeaders, ":path": path },
      message(new Uint8Array(1)),
    );
    assert.deepEqual(statusOf(answer), { code: "12", message: text });
  });
}

both("content-type and method decide what is gRPC", async (context) => {
  const { url } = await serve(context);
  const made = session(context, url);
  const body = message(new Uint8Array(1));
  for (const type of ["application/grpc+proto", "application/grpc;charset=utf-8"]) {
    const answer = await raw(made, { ...grpcHeaders, "content-type": type }, body);
    assert.equal(statusOf(answer).code, "0", type);
  }
  const other = await raw(made, { ...grpcHeaders, "content-type": "application/grpcx" }, body);
  assert.equal(other.httpStatus, 415);
  const get = await raw(made, { ...grpcHeaders, ":method": "PUT" }, body);
  assert.equal(get.httpStatus, 405);
  assert.equal(get.headers["grpc-status"], "13");
  const timeout = await raw(made, { ...grpcHeaders, "grpc-timeout": "soon" }, body);
  assert.equal(timeout.httpStatus, 400);
  assert.equal(timeout.headers["grpc-status"], "13");
  assert.match(String(timeout.headers["grpc-message"]), /^malformed grpc-timeout: /);
});

both("a handler that throws is INTERNAL for the client and an event for the log", async (context) => {
  const events: ServerEvent[] = [];
  const bug = new Error("bug");
  const throws = {
    kind: "unary",
    handle: (): void => {
      throw bug;
    },
  } as const;
  const { url } = await serve(
    context,
    { "/test.Echo/Say": throws },
    { onEvent: (event) => events.push(event) },
  );
  const client = createGrpcClient(url);
  context.after(() => client.close());
  await assert.rejects(client.request("/test.Echo/Say", new Uint8Array(0)), {
    code: 13,
    message: "internal error",
  });
  assert.ok(events.some((event) => event.kind === "handler-error" && event.error === bug));
  const ended = events.find((event) => event.kind === "call-ended");
  assert.ok(ended?.kind === "call-ended" && ended.code === 13 && ended.durationMs >= 0);
});

both("what a handler sees: path, peer, metadata, timeout", async (context) => {
  const seen: UnaryCall[] = [];
  const { url } = await serve(context, {
    "/test.Echo/Say": {
      kind: "unary",
      handle: (request, call) => {
        seen.push(call);
        call.respond(request);
        call.respond(request);
        call.fail(5, "ended calls stay as they are");
      },
    },
  });
  const client = createGrpcClient(url);
  context.after(() => client.close());
  const metadata = { token: "t", "trace-bin": new Uint8Array([1, 2, 3, 4]) };
  await client.request("/test.Echo/Say", new Uint8Array(2), { metadata, timeoutMs: 30_000 });
  const call = seen[0];
  assert.equal(call?.path, "/test.Echo/Say");
  assert.match(call?.peer ?? "", /^127\.0\.0\.1:\d+$/);
  assert.equal(call?.metadata.text("token"), "t");
  assert.deepEqual(call?.metadata.binary("trace-bin"), new Uint8Array([1, 2, 3, 4]));
  assert.equal(call?.timeoutMs, 30_000);
  assert.equal(call?.ended, true);
});

both("a deadline ends the call for the client and for the handler", async (context) => {
  const reasons: string[] = [];
  const { url, server } = await serve(context, {
    "/test.Echo/Say": {
      kind: "unary",
      handle: (_request, call) => call.onCancel((reason) => reasons.push(reason)),
    },
  });
  const answer = await raw(
    session(context, url),
    { ...grpcHeaders, "grpc-timeout": "30m" },
    message(new Uint8Array(1)),
  );
  assert.deepEqual(statusOf(answer), { code: "4", message: "context deadline exceeded" });
  assert.deepEqual(reasons, ["deadline"]);
  assert.equal(server.stats().callCount, 0);
});

both("a client's deadline ends its call even when the server does not answer", async (context) => {
  const { url } = await serve(context, { "/test.Echo/Say": { kind: "unary", handle: () => {} } });
  const client = createGrpcClient(url);
  context.after(() => client.close());
  await assert.rejects(client.request("/test.Echo/Say", new Uint8Array(0), { timeoutMs: 20 }), { code: 4 });
});

both("a cancel reaches the handler once, and its later answer goes nowhere", async (context) => {
  const reasons: string[] = [];
  let held: UnaryCall | null = null;
  const { url, server } = await serve(context, {
    "/test.Echo/Say": {
      kind: "unary",
      handle: (_request, call) => {
        held = call;
        call.onCancel((reason) => reasons.push(reason));
      },
    },
  });
  const client = createGrpcClient(url);
  context.after(() => client.close());
  const codes: number[] = [];
  const call = client.unary("/test.Echo/Say", new Uint8Array(0), {}, (error) => codes.push(error?.code ?? 0));
  await until(() => held !== null, "the call to arrive");
  call.cancel();
  await until(() => reasons.length > 0, "the cancel to arrive");
  (held as UnaryCall | null)?.respond(new Uint8Array(1));
  assert.deepEqual(reasons, ["cancelled"]);
  assert.deepEqual(codes, [1]);
  assert.equal(server.stats().callCount, 0);
});

both("1000 calls at once, answered in another order than asked", async (context) => {
  const waiting: { readonly request: Uint8Array; readonly call: UnaryCall }[] = [];
  const { url } = await serve(context, {
    "/test.Echo/Say": {
      kind: "unary",
      handle: (request, call) => {
        waiting.push({ request, call });
        if (waiting.length === 1000) {
          for (const one of waiting.reverse()) {
            one.call.respond(one.request);
          }
        }
      },
    },
  });
  const client = createGrpcClient(url);
  context.after(() => client.close());
  const requests = Array.from({ length: 1000 }, (_, i) => new Uint8Array([i & 255, i >> 8]));
  const answers = await Promise.all(requests.map((request) => client.request("/test.Echo/Say", request)));
  for (const [i, answer] of answers.entries()) {
    assert.deepEqual([answer[0], answer[1]], [i & 255, i >> 8]);
  }
});

both("a megabyte there and back", async (context) => {
  const { url } = await serve(context, { "/test.Echo/Say": echo });
  const client = createGrpcClient(url);
  context.after(() => client.close());
  const request = new Uint8Array(2 ** 20).map((_, i) => i % 251);
  assert.deepEqual(new Uint8Array(await client.request("/test.Echo/Say", request)), request);
});

both("the caller may use its buffer again as soon as respond has returned", async (context) => {
  const shared = new Uint8Array(3);
  const { url } = await serve(context, {
    "/test.Echo/Say": {
      kind: "unary",
      handle: (request, call) => {
        shared.set(request);
        call.respond(shared);
        shared.fill(99);
      },
    },
  });
  const client = createGrpcClient(url);
  context.after(() => client.close());
  assert.deepEqual([...(await client.request("/test.Echo/Say", new Uint8Array([1, 2, 3])))], [1, 2, 3]);
});

both("nobody listens: UNAVAILABLE", async (context) => {
  const client = createGrpcClient("http://127.0.0.1:1", { connectTimeoutMs: 500 });
  context.after(() => client.close());
  await assert.rejects(client.request("/test.Echo/Say", new Uint8Array(0)), { code: 14 });
});
