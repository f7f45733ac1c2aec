/** The HTTP side under bad input: who may ask, what is too large or too deep, who goes away or does not speak HTTP; and streams. */
import assert from "node:assert/strict";
import * as http2 from "node:http2";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import {
  create,
  fromBinary,
  PutRequestSchema,
  PutResponseSchema,
  type TxnRequest,
  TxnRequestSchema,
  TxnResponseSchema,
  toBinary,
  WatchResponseSchema,
} from "@quorate/etcd/messages";
import { type BidiCall, createGrpcServer, type GrpcServer, type Method } from "@quorate/grpc";
import { eventually } from "quorate/testing";
import { createGateway } from "../../src/gateway/gateway.ts";
import { textAnswer } from "../../src/http/http-answer.ts";
import { serveExchanges } from "../../src/http/serve-exchange.ts";

interface Served {
  readonly server: GrpcServer;
  readonly port: number;
  readonly url: string;
  readonly ended: [string, number][];
}

const put: Method = {
  kind: "unary",
  handle: (request, call) => {
    fromBinary(PutRequestSchema, request);
    call.respond(toBinary(PutResponseSchema, create(PutResponseSchema, {})));
  },
};

const txn: Method = {
  kind: "unary",
  handle: (request, call) => {
    const depthOf = (one: TxnRequest): number => {
      const inner = one.success[0]?.request;
      return inner?.case === "requestTxn" ? 1 + depthOf(inner.value) : 0;
    };
    let response = create(TxnResponseSchema, { succeeded: true });
    for (
      let depth = depthOf(fromBinary(TxnRequestSchema, request, { recursionLimit: 5000 }));
      depth > 0;
      depth--
    ) {
      const responses = [{ response: { case: "responseTxn" as const, value: response } }];
      response = create(TxnResponseSchema, { responses });
    }
    call.respond(toBinary(TxnResponseSchema, response));
  },
};

async function serve(
  context: TestContext,
  methods: Readonly<Record<string, Method>> = {},
  options: { cors?: string[]; hostWhitelist?: string[]; gateway?: boolean; identities?: boolean } = {},
): Promise<Served> {
  const ended: [string, number][] = [];
  const all = new Map<string, Method>([
    ["/etcdserverpb.KV/Put", put],
    ["/etcdserverpb.KV/Txn", txn],
    ...Object.entries(methods),
  ]);
  const gateway = createGateway({
    methods: all,
    messageBytesMax: 100_000,
    onCallEnded: (method, code) => ended.push([method, code]),
  });
  const server = createGrpcServer({
    onHttp: serveExchanges((_question, completed) => completed(textAnswer(200, "page\n")), {
      access: { cors: options.cors ?? ["*"], hostWhitelist: options.hostWhitelist ?? ["*"] },
      gateway: options.gateway === false ? null : gateway,
      certificatesAreIdentities: () => options.identities ?? false,
    }),
  });
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  context.after(() => server.close({ graceMs: 0 }));
  return { server, port, url: `http://127.0.0.1:${port}`, ended };
}

/** Writes bytes and gathers what comes until the other end closes. */
function exchange(port: number, parts: readonly (string | Uint8Array)[]): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket: Socket = connect(port, "127.0.0.1", () => {
      for (const part of parts) {
        socket.write(part);
      }
    });
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      text += chunk;
    });
    // A reset after the answer is a way to end a connection, too.
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
  });
}

const body = (text: string): RequestInit => ({ method: "POST", body: text });

test("hosts: without TLS only those on the list are answered, by etcd's words", async (context) => {
  const { port } = await serve(context, {}, { hostWhitelist: ["good.example", "::1"] });
  const ask = (host: string): Promise<string> =>
    exchange(port, [`GET /health HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`]);
  for (const host of ["good.example", "good.example:2379", "[::1]:2379"]) {
    assert.match(await ask(host), /^HTTP\/1\.1 200 /, host);
  }
  for (const host of ["evil.example", "good.example.evil", "xgood.example", ""]) {
    const answer = await ask(host);
    assert.match(answer, /^HTTP\/1\.1 421 Misdirected Request\r\n/, host);
    assert.match(answer, /CVE-2018-5702/);
    // Of etcd 3.7.3, for the host 127.0.0.1: 371 bytes.
    assert.equal(Number(/content-length: (\d+)/.exec(answer)?.[1]), 371 - "127.0.0.1".length + host.length);
    assert.doesNotMatch(answer, /access-control/i);
  }
});

test("origins: a page of another origin gets no leave to read", async (context) => {
  const { url } = await serve(context, {}, { cors: ["https://good.example"] });
  const allowed = async (origin: string, method = "GET"): Promise<string | null> =>
    (await fetch(url, { method, headers: { origin } })).headers.get("access-control-allow-origin");
  assert.equal(await allowed("https://good.example"), "https://good.example");
  assert.equal(await allowed("https://good.example", "OPTIONS"), "https://good.example");
  assert.equal(await allowed("https://evil.example"), null);
  assert.equal(await allowed("https://evil.example", "OPTIONS"), null);
});

test("switched off there is no gateway; what is below /v3/ is a page like any other", async (context) => {
  const { url } = await serve(context, {}, { gateway: false });
  assert.equal(await (await fetch(`${url}/v3/kv/put`, body("{}"))).text(), "page\n");
});

test("over HTTP/2 without gRPC it is the same", async (context) => {
  const { url } = await serve(context);
  const session = http2.connect(url);
  context.after(() => session.destroy());
  const answer = await new Promise<string>((resolve, reject) => {
    const stream = session.request({
      ":method": "POST",
      ":path": "/v3/kv/put",
      "content-type": "application/json",
    });
    let text = "";
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    stream.on("error", reject);
    stream.on("end", () => resolve(text));
    stream.end('{"key":"Zm9v"}');
  });
  assert.equal(answer, "{}");
});

test("a message that is too large, a body that is too large, a body without end", async (context) => {
  const { port, url, ended } = await serve(context);
  const large = await fetch(`${url}/v3/kv/put`, body(`{"key":"${"A".repeat(140_000)}"}`));
  assert.equal(large.status, 429);
  assert.match(await large.text(), /"code":8.*received message larger than max \(105004 vs\. 100000\)/);
  const larger = await fetch(`${url}/v3/kv/put`, body(" ".repeat(200_001)));
  assert.equal(larger.status, 429);
  await larger.text();
  const head = "POST /v3/kv/put HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
  const chunk = `10000\r\n${" ".repeat(65_536)}\r\n`;
  const answer = await exchange(port, [head, ...Array.from({ length: 10 }, () => chunk)]);
  assert.match(answer, /^(HTTP\/1\.1 429 |$)/, "refused, and the connection ended");
  assert.deepEqual(new Set(ended.map(([, code]) => code)), new Set([8]));
});

test("nesting: hundreds of transactions in each other are answered as deep, more are refused; so are brackets without end", async (context) => {
  const { url } = await serve(context);
  const nested = (depth: number): string =>
    `${'{"success":[{"request_txn":'.repeat(depth)}{}${"}]}".repeat(depth)}`;
  const shallow = await fetch(`${url}/v3/kv/txn`, body(nested(499)));
  const answered = await shallow.text();
  assert.equal(answered.split('{"response_txn":').length, 500, answered.slice(0, 200));
  const deep = await fetch(`${url}/v3/kv/txn`, body(nested(600)));
  assert.deepEqual([deep.status, /exceeded max recursion depth/.test(await deep.text())], [400, true]);
  for (const bomb of [
    "[".repeat(190_000),
    '{"a":'.repeat(30_000),
    '{"key":'.repeat(20_000),
    '"\\'.repeat(50_000),
  ]) {
    const answer = await fetch(`${url}/v3/kv/put`, body(bomb));
    assert.equal(answer.status, 400);
    await answer.text();
  }
  const names = Array.from({ length: 10_000 }, (_, i) => `"x${i}":{}`).join(",");
  assert.equal((await fetch(`${url}/v3/kv/put`, body(`{${names},"key":"Zm9v"}`))).status, 200);
});

test("names of objects' own machinery are unknown fields", async (context) => {
  const { url } = await serve(context);
  const answer = await fetch(
    `${url}/v3/kv/put`,
    body('{"__proto__":{"x":1},"constructor":{"prototype":{"x":1}},"key":"Zm9v"}'),
  );
  assert.equal(await answer.text(), "{}");
  assert.equal(Object.hasOwn(Object.prototype, "x"), false);
  for (const path of ["__proto__", "constructor", "toString", "kv/../kv/put", "kv%2fput", "kv//put"]) {
    assert.equal(
      (await fetch(`${url}/v3/${path}`, body("{}"))).status === 200,
      path === "kv/../kv/put",
      path,
    );
  }
});

test("what is no HTTP, half of it, or too much of its head ends that connection alone", async (context) => {
  const { port, server, url } = await serve(context);
  const post = "POST /v3/kv/put HTTP/1.1\r\nhost: x\r\n";
  for (const [parts, expected] of [
    [["GARBAGE\r\n\r\n"], /^HTTP\/1\.1 400 /],
    [[`${post}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`], /^HTTP\/1\.1 400 /],
    [[`${post}content-length: 5\r\ncontent-length: 6\r\n\r\n`], /^HTTP\/1\.1 400 /],
    [[`${post}transfer-encoding: chunked\r\n\r\nzz\r\n`], /^(HTTP\/1\.1 400 |$)/],
    [[`${post}x: ${"y".repeat(20_000)}\r\n\r\n`], /^HTTP\/1\.1 431 /],
    [[`${post}${"x: y\r\n".repeat(10_000)}\r\n`], /^HTTP\/1\.1 431 /],
    [["GET /health HTTP/1.0\r\n\r\n"], /^HTTP\/1\.1 200 OK\r\n[\s\S]*connection: close/i],
    [["POST /v3/kv/put HTTP/1.0\r\ncontent-length: 14\r\n\r\n", '{"key":"Zm9v"}'], /^HTTP\/1\.1 200 OK/],
    [[Buffer.from([22, 3, 1, 1, 0, 1, 0, 0, 252, 3, 3])], /^(HTTP\/1\.1 400 |$)/],
  ] as const) {
    assert.match(await exchange(port, parts), expected, String(parts[0]).slice(0, 60));
  }
  await eventually("the connections to be gone", 60_000, () =>
    server.stats().connectionCount === 0 ? true : undefined,
  );
  assert.equal((await fetch(`${url}/health`)).status, 200);
});

test("a client that goes away within its body, or before its answer, ends its call", async (context) => {
  let waiting = 0;
  let cancelled = 0;
  const slow: Method = {
    kind: "unary",
    handle: (_request, call) => {
      waiting++;
      call.onCancel(() => {
        cancelled++;
      });
    },
  };
  const { port, ended } = await serve(context, { "/etcdserverpb.KV/Range": slow });
  const half = connect(port, "127.0.0.1", () =>
    half.write("POST /v3/kv/range HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{", () => half.destroy()),
  );
  await eventually("the cut body to be noticed", 60_000, () => (ended.length === 1 ? true : undefined));
  assert.equal(waiting, 0, "no half request reaches a method");
  const gone = connect(port, "127.0.0.1", () =>
    gone.write("POST /v3/kv/range HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}"),
  );
  await eventually("the call", 60_000, () => (waiting === 1 ? true : undefined));
  gone.destroy();
  await eventually("its end", 60_000, () => (cancelled === 1 ? true : undefined));
  assert.deepEqual(ended.at(-1), ["/etcdserverpb.KV/Range", 1]);
});

test("a deadline of the client's ends the call, and says so", async (context) => {
  let reason = "";
  const slow: Method = {
    kind: "unary",
    handle: (_request, call) => {
      assert.equal(call.timeoutMs, 20);
      call.onCancel((why) => {
        reason = why;
      });
    },
  };
  const { url } = await serve(context, { "/etcdserverpb.KV/Range": slow });
  const answer = await fetch(`${url}/v3/kv/range`, { ...body("{}"), headers: { "grpc-timeout": "20m" } });
  assert.deepEqual(
    [answer.status, await answer.text()],
    [504, '{"code":4,"message":"context deadline exceeded"}'],
  );
  assert.equal(reason, "deadline");
});

test("streams: requests come one by one and are held while the method pauses; errors are lines; slow clients are waited for", async (context) => {
  const seen: number[] = [];
  let stalled = 0;
  let drained = 0;
  const message = toBinary(
    WatchResponseSchema,
    create(WatchResponseSchema, { cancelReason: "x".repeat(60_000) }),
  );
  const watch: Method = {
    kind: "bidi",
    handle: (call: BidiCall) => {
      call.onMessage((request) => {
        seen.push(request.length);
        call.pause();
        setImmediate(() => call.resume());
      });
      call.onDrain(() => {
        drained++;
        call.fail(14, "enough");
      });
      call.onEnd(() => {
        while (call.write(message)) {
          stalled++;
        }
      });
    },
  };
  const { url, ended } = await serve(context, { "/etcdserverpb.Watch/Watch": watch });
  const answer = await fetch(
    `${url}/v3/watch`,
    body('{"create_request":{}}{"cancel_request":{}} {"progress_request":{}}'),
  );
  await eventually("the client's buffers to be full", 60_000, () => (stalled > 0 ? true : undefined));
  const lines = (await answer.text()).trimEnd().split("\n");
  assert.deepEqual(seen, [2, 2, 2]);
  assert.equal(drained, 1);
  assert.ok(
    lines.length > 1 && lines.slice(0, -1).every((line) => line.startsWith('{"result":{"cancel_reason":"x')),
  );
  assert.equal(lines.at(-1), '{"error":{"code":14,"message":"enough"}}');
  assert.deepEqual(ended, [["/etcdserverpb.Watch/Watch", 14]]);
});

test("the token and marked headers reach the method; nothing else does", async (context) => {
  const texts: (string | null)[] = [];
  const look: Method = {
    kind: "unary",
    handle: (_request, call) => {
      for (const name of ["authorization", "token", "hasleader", "user-agent", "cookie"]) {
        texts.push(call.metadata.text(name));
      }
      assert.equal(call.peerCertificateCommonName, null);
      call.fail(16, "etcdserver: invalid auth token");
    },
  };
  const { url } = await serve(context, { "/etcdserverpb.KV/Range": look });
  const answer = await fetch(`${url}/v3/kv/range`, {
    ...body("{}"),
    headers: { authorization: "a.1", "grpc-metadata-hasleader": "true", cookie: "token=x" },
  });
  assert.deepEqual(texts, ["a.1", null, "true", null, null]);
  assert.deepEqual(
    [answer.status, answer.headers.get("www-authenticate")],
    [401, "etcdserver: invalid auth token"],
  );
});
