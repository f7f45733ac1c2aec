/** One port for all: HTTP/1.1 beside gRPC, floods, slow clients, limits, the end of the server. */
import assert from "node:assert/strict";
import { constants } from "node:http2";
import { connect } from "node:net";
import {
  createGrpcClient,
  createGrpcServer,
  type HttpExchange,
  type ServerEvent,
  type UnaryCall,
} from "@quorate/grpc";
import {
  both,
  close,
  echo,
  exchange,
  grpcHeaders,
  message,
  raw,
  serve,
  session,
  statusOf,
  until,
} from "./fixture.ts";

const path = "/test.Echo/Say";

const onHttp = (one: HttpExchange): void => {
  if (one.method === "POST") {
    one.readBody(10, (body) =>
      body === null
        ? one.respond(413, {}, "too long")
        : one.respond(200, { "x-size": String(body.length) }, body),
    );
    return;
  }
  one.respond(
    200,
    { "content-type": "text/plain" },
    `${one.method} ${one.target} ${one.header("x-ask") ?? "-"}`,
  );
};

both("HTTP/1.1 on the port of gRPC: GET, POST, keep-alive, a body that is too long", async (context) => {
  const { url } = await serve(context, { [path]: echo }, { onHttp });
  const get = await fetch(`${url}/health?x=1`, { headers: { "x-ask": "me" } });
  assert.equal(await get.text(), "GET /health?x=1 me");
  const post = await fetch(url, { method: "POST", body: "12345" });
  assert.equal(post.headers.get("x-size"), "5");
  assert.equal(await post.text(), "12345");
  const long = await fetch(url, { method: "POST", body: "12345678901" });
  assert.equal(long.status, 413);
  await long.text();
});

both(
  "HTTP/1.1 connections are kept for the next request, but not behind a body that nobody reads",
  async (context) => {
    const { port } = await serve(
      context,
      {},
      { onHttp: (one) => one.respond(200, {}, "x"), limits: { handshakeMs: 200 } },
    );
    const get = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    const head = "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n";
    const answers = (await exchange(port, [get, get, head])).toString();
    assert.equal(answers.match(/HTTP\/1\.1 200 OK\r\n/g)?.length, 3, answers);
    assert.deepEqual(
      answers.match(/^connection: .*(?=\r$)/gim)?.map((line) => line.toLowerCase()),
      ["connection: keep-alive", "connection: keep-alive", "connection: close"],
    );
  },
);

both("plain requests over HTTP/2 get the same answers", async (context) => {
  const { url } = await serve(context, { [path]: echo }, { onHttp });
  const made = session(context, url);
  const get = await raw(made, { ":method": "GET", ":path": "/version", "x-ask": "me" }, null);
  assert.equal(get.httpStatus, 200);
  assert.equal(get.body.toString(), "GET /version me");
  const post = await raw(
    made,
    { ":method": "POST", ":path": "/", "content-type": "application/json" },
    Buffer.from("{}"),
  );
  assert.equal(post.body.toString(), "{}");
  const rpc = await raw(made, grpcHeaders, message(new Uint8Array(1)));
  assert.equal(statusOf(rpc).code, "0");
});

both("without a handler plain requests are not found", async (context) => {
  const { url } = await serve(context);
  assert.equal((await fetch(url)).status, 404);
});

both("the first bytes may come one by one, in both protocols", async (context) => {
  const { port } = await serve(context, { [path]: echo }, { onHttp });
  const request = "PUT /a HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
  const answer = await exchange(port, [...request.slice(0, 5), request.slice(5)]);
  assert.match(answer.toString(), /^HTTP\/1\.1 200 OK\r\n[\s\S]*PUT \/a -$/);
  const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  const goaway = Buffer.from([0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  const frames = await exchange(port, [...preface.slice(0, 4), preface.slice(4), settings, goaway]);
  // The server's first frame is SETTINGS.
  assert.equal(frames[3], 4);
});

both("bytes of neither protocol end the connection and nothing else", async (context) => {
  const events: ServerEvent[] = [];
  const { port, url } = await serve(
    context,
    { [path]: echo },
    { onHttp, onEvent: (event) => events.push(event) },
  );
  for (const garbage of [
    new Uint8Array(1000).fill(255),
    "PRI * HTTP/1.9\r\n\r\nxxxxxxxxxxxxxxxxxx",
    "\0\0\0\0",
  ]) {
    await exchange(port, [garbage]);
  }
  const errors = events.flatMap((event) => (event.kind === "connection-error" ? [event.error] : []));
  assert.ok(errors.length > 0);
  assert.equal(new Set(errors).size, errors.length);
  assert.equal((await fetch(url)).status, 200);
});

both("a client that shows no protocol, or half a request, is disconnected", async (context) => {
  const { port, server } = await serve(context, {}, { limits: { handshakeMs: 50 } });
  await Promise.all([exchange(port, []), exchange(port, ["P"]), exchange(port, ["GET / HTTP/1.1\r\nhost:"])]);
  await until(() => server.stats().connectionCount === 0, "the connections to be gone");
});

both("connections above the limit are closed, those below serve", async (context) => {
  const events: ServerEvent[] = [];
  const options = { limits: { connectionsMax: 1 }, onEvent: (event: ServerEvent) => events.push(event) };
  const { port, url } = await serve(context, { [path]: echo }, options);
  const client = createGrpcClient(url);
  context.after(() => client.close());
  await client.request(path, new Uint8Array(1));
  assert.equal((await exchange(port, [])).length, 0);
  assert.ok(
    events.some((event) => event.kind === "connection-refused" && event.reason === "connections-max"),
  );
  await client.request(path, new Uint8Array(1));
});

both("calls above the stream limit wait on the client and are all answered", async (context) => {
  let peak = 0;
  let running = 0;
  const slow = {
    kind: "unary",
    handle: (request: Uint8Array, call: UnaryCall): void => {
      running++;
      peak = Math.max(peak, running);
      setImmediate(() => {
        running--;
        call.respond(request);
      });
    },
  } as const;
  const { url } = await serve(context, { [path]: slow }, { limits: { concurrentStreamsMax: 4 } });
  const client = createGrpcClient(url);
  context.after(() => client.close());
  await client.request(path, new Uint8Array(1));
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => client.request(path, new Uint8Array(1))),
  );
  assert.equal(answers.length, 50);
  assert.ok(peak <= 4, `${peak} at once`);
});

both("headers above 16 KiB are refused", async (context, implementation) => {
  const { url } = await serve(context);
  const made = session(context, url);
  const ask = (bytes: number) =>
    raw(made, { ...grpcHeaders, "x-large": "x".repeat(bytes) }, message(new Uint8Array(1)));
  // Before the settings are acknowledged, and after.
  assert.equal((await ask(16 * 1024)).httpStatus, 431);
  const second = await ask(16 * 1024);
  if (implementation === "own") {
    assert.equal(second.httpStatus, 431);
  } else {
    assert.equal(second.rstCode, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }
  assert.equal(statusOf(await ask(15 * 1024)).code, "0");
});

both("rapid reset: a client that opens and resets is told to go away, others are served", async (context) => {
  const events: ServerEvent[] = [];
  let handled = 0;
  const counted = {
    kind: "unary",
    handle: (request: Uint8Array, call: UnaryCall): void => {
      handled++;
      call.respond(request);
    },
  } as const;
  const { url, server } = await serve(
    context,
    { [path]: counted },
    { limits: { resetsPerSecondMax: 20 }, onEvent: (event) => events.push(event) },
  );
  const made = session(context, url);
  let closed = false;
  made.on("close", () => {
    closed = true;
  });
  let opened = 0;
  while (!closed && opened < 2000) {
    for (let i = 0; i < 10 && !made.destroyed && !made.closed; i++) {
      opened++;
      const stream = made.request(grpcHeaders);
      stream.on("error", () => {});
      stream.close(constants.NGHTTP2_CANCEL);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => closed, "the server to close the connection");
  assert.ok(opened < 2000, `${opened} streams opened`);
  assert.ok(events.some((event) => event.kind === "connection-refused" && event.reason === "flood"));
  await until(() => server.stats().callCount === 0, "the calls to be gone");
  const client = createGrpcClient(url);
  context.after(() => client.close());
  await client.request(path, new Uint8Array(1));
  assert.equal(handled, 1);
});

both("a flood of pings ends the connection; a few are answered", async (context) => {
  const { url } = await serve(context, { [path]: echo }, { limits: { controlFramesPerSecondMax: 20 } });
  const made = session(context, url);
  await new Promise((resolve) => made.once("connect", resolve));
  await new Promise<void>((resolve, reject) => {
    made.ping((error) => (error === null ? resolve() : reject(error)));
  });
  let closed = false;
  made.on("close", () => {
    closed = true;
  });
  for (let round = 0; round < 200 && !closed; round++) {
    if (!made.destroyed) {
      made.ping(() => {});
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => closed, "the connection to end");
});

both("a silent connection is probed: a live client stays, a dead one goes", async (context) => {
  const limits = { keepaliveIntervalMs: 30, keepaliveTimeoutMs: 500 };
  const { port, url, server } = await serve(context, { [path]: echo }, { limits });
  const client = createGrpcClient(url);
  context.after(() => client.close());
  await client.request(path, new Uint8Array(1));
  // Speaks the preface, then never answers a ping.
  const dead = connect(port, "127.0.0.1");
  dead.on("error", () => {});
  context.after(() => dead.destroy());
  dead.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  dead.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
  dead.resume();
  await until(() => server.stats().connectionCount === 2, "both connections");
  await new Promise((resolve) => dead.on("close", resolve));
  await until(() => server.stats().connectionCount === 1, "the server to notice");
  await client.request(path, new Uint8Array(1));
});

both("close lets running calls finish and takes no new ones", async (context) => {
  let held: UnaryCall | null = null;
  const { server, url, port } = await serve(context, {
    [path]: {
      kind: "unary",
      handle: (_request, call) => {
        held = call;
      },
    },
  });
  const client = createGrpcClient(url);
  context.after(() => client.close());
  const running = client.request(path, new Uint8Array(1));
  await until(() => held !== null, "the call to arrive");
  const closing = close(server, 5000);
  await assert.rejects(exchange(port, []), { code: "ECONNREFUSED" });
  (held as UnaryCall | null)?.respond(new Uint8Array([7]));
  assert.deepEqual([...(await running)], [7]);
  await closing;
  assert.deepEqual(server.stats(), { connectionCount: 0, callCount: 0 });
  await assert.rejects(client.request(path, new Uint8Array(1)), { code: 14 });
});

both("close ends what is still running when the grace is over", async (context) => {
  const reasons: string[] = [];
  let arrived = false;
  const { server, url } = await serve(context, {
    [path]: {
      kind: "unary",
      handle: (_request, call) => {
        arrived = true;
        call.onCancel((reason) => reasons.push(reason));
      },
    },
  });
  const client = createGrpcClient(url);
  context.after(() => client.close());
  const running = assert.rejects(client.request(path, new Uint8Array(1)), { code: 14 });
  await until(() => arrived, "the call to arrive");
  const beganMs = performance.now();
  await close(server, 50);
  assert.ok(performance.now() - beganMs < 4000);
  await running;
  assert.deepEqual(reasons, ["closing"]);
  assert.deepEqual(server.stats(), { connectionCount: 0, callCount: 0 });
});

both("close does not wait for connections on which nothing runs", async (context) => {
  const { server, url, port } = await serve(context, { [path]: echo }, { onHttp });
  const client = createGrpcClient(url);
  context.after(() => client.close());
  await client.request(path, new Uint8Array(1));
  await (await fetch(url)).text();
  const silent = exchange(port, []);
  await until(() => server.stats().connectionCount === 3, "the three connections");
  const beganMs = performance.now();
  await close(server, 30_000);
  assert.ok(performance.now() - beganMs < 10_000);
  await silent;
});

both("a client comes back after the server did", async (context) => {
  const first = await serve(context);
  const client = createGrpcClient(first.url);
  context.after(() => client.close());
  await client.request(path, new Uint8Array(1));
  await close(first.server, 100);
  const second = createGrpcServer({});
  second.register(path, echo);
  await second.listen({ host: "127.0.0.1", port: first.port });
  context.after(() => second.close({ graceMs: 0 }));
  assert.equal((await client.request(path, new Uint8Array(4))).length, 4);
});

both(
  "one server listens on several addresses; a taken port is told by the system's error",
  async (context) => {
    const { server, port } = await serve(context);
    const other = await server.listen({ host: "127.0.0.1", port: 0 });
    const client = createGrpcClient(`http://127.0.0.1:${other.port}`);
    context.after(() => client.close());
    await client.request(path, new Uint8Array(1));
    await assert.rejects(server.listen({ host: "127.0.0.1", port }), { code: "EADDRINUSE" });
  },
);

both("limits that make no sense are refused at once", () => {
  for (const limits of [{ messageBytesMax: 0 }, { connectionsMax: 1.5 }, { messageBytesMax: 2 ** 31 }]) {
    assert.throws(() => createGrpcServer({ limits }), { name: "InvariantViolation" });
  }
});
