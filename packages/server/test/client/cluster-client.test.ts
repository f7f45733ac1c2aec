/** The client of a cluster against servers that fail in chosen ways: what is made again, what is not, and what is said then. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { utf8Encode } from "@quorate/base";
import {
  AuthenticateResponseSchema,
  create,
  fromBinary,
  KV,
  PutResponseSchema,
  RangeResponseSchema,
  toBinary,
  WatchRequestSchema,
  WatchResponseSchema,
} from "@quorate/etcd/messages";
import { type BidiCall, createGrpcServer, type UnaryCall } from "@quorate/grpc";
import { ClientFailure } from "../../src/client/client-failure.ts";
import { ClusterClient } from "../../src/client/cluster-client.ts";
import { parseEndpoint } from "../../src/client/endpoint.ts";
import { watchKeys } from "../../src/client/watch-keys.ts";

interface Served {
  readonly address: string;
  /** Names of the methods that were called, in order. */
  readonly calls: string[];
}

type Handlers = Readonly<Record<string, (call: UnaryCall, request: Uint8Array) => void>>;

async function serve(
  context: TestContext,
  handlers: Handlers,
  watch: (call: BidiCall) => void = (call) => call.fail(12, "no"),
): Promise<Served> {
  const calls: string[] = [];
  const server = createGrpcServer({});
  for (const [path, handle] of Object.entries(handlers)) {
    server.register(path, {
      kind: "unary",
      handle(request, call) {
        calls.push(path.slice(path.lastIndexOf("/") + 1));
        handle(call, request);
      },
    });
  }
  server.register("/etcdserverpb.Watch/Watch", { kind: "bidi", handle: watch });
  const address = await server.listen({ host: "127.0.0.1", port: 0 });
  context.after(() => server.close({ graceMs: 0 }));
  return { address: `127.0.0.1:${address.port}`, calls };
}

async function freeAddress(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  await new Promise((resolve) => server.close(resolve));
  return `127.0.0.1:${address.port}`;
}

function clientOf(
  context: TestContext,
  addresses: readonly string[],
  more: { commandTimeoutMs?: number; credentials?: { name: string; password: string } } = {},
): ClusterClient {
  const client = new ClusterClient({
    endpoints: addresses.map((address) => parseEndpoint(address, false)),
    dialTimeoutMs: 5000,
    commandTimeoutMs: 20_000,
    sendBytesMax: 2 ** 21,
    receiveBytesMax: 2 ** 31 - 1,
    ...more,
  });
  context.after(() => client.close());
  return client;
}

const rangeOk = (call: UnaryCall): void =>
  call.respond(toBinary(RangeResponseSchema, create(RangeResponseSchema, { count: 7n })));
const putOk = (call: UnaryCall): void =>
  call.respond(toBinary(PutResponseSchema, create(PutResponseSchema, { header: { revision: 2n } })));
const key = utf8Encode("k");

async function failureOf(promise: Promise<unknown>): Promise<ClientFailure> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof ClientFailure, String(error));
  return error;
}

test("a read goes on to the next endpoint, whatever the reason", async (context) => {
  const bad = await serve(context, {
    "/etcdserverpb.KV/Range": (call) => call.fail(14, "etcdserver: no leader"),
  });
  const good = await serve(context, { "/etcdserverpb.KV/Range": rangeOk });
  const client = clientOf(context, [await freeAddress(), bad.address, good.address]);
  assert.equal((await client.call(KV.method.range, { key })).count, 7n);
  assert.deepEqual([bad.calls, good.calls], [["Range"], ["Range"]]);
  // It stays where it found an answer.
  await client.call(KV.method.range, { key });
  assert.deepEqual([bad.calls, good.calls], [["Range"], ["Range", "Range"]]);
});

test("a write goes on only where it certainly was not sent", async (context) => {
  const good = await serve(context, { "/etcdserverpb.KV/Put": putOk });
  const client = clientOf(context, [await freeAddress(), good.address]);
  assert.equal((await client.call(KV.method.put, { key })).header?.revision, 2n);
  assert.deepEqual(good.calls, ["Put"]);
});

test("a write that may have happened is not made again, and says so", async (context) => {
  const bad = await serve(context, {
    "/etcdserverpb.KV/Put": (call) => call.fail(14, "etcdserver: request timed out"),
  });
  const good = await serve(context, { "/etcdserverpb.KV/Put": putOk });
  const client = clientOf(context, [bad.address, good.address]);
  const failure = await failureOf(client.call(KV.method.put, { key }));
  assert.equal(failure.outcomeUnknown, true);
  assert.equal(failure.message, "etcdserver: request timed out");
  assert.deepEqual([bad.calls, good.calls], [["Put"], []]);
});

test("an answer in time is no condition of an effect: a late write's outcome is unknown, a late read's is not", async (context) => {
  const silent = await serve(context, {
    "/etcdserverpb.KV/Put": () => {},
    "/etcdserverpb.KV/Range": () => {},
  });
  const client = clientOf(context, [silent.address], { commandTimeoutMs: 300 });
  const write = await failureOf(client.call(KV.method.put, { key }));
  assert.deepEqual([write.message, write.outcomeUnknown], ["context deadline exceeded", true]);
  const read = await failureOf(client.call(KV.method.range, { key }));
  assert.deepEqual([read.message, read.outcomeUnknown], ["context deadline exceeded", false]);
});

test("what the cluster refuses is told as it is, without another attempt", async (context) => {
  const one = await serve(context, {
    "/etcdserverpb.KV/Put": (call) => call.fail(5, "etcdserver: requested lease not found"),
  });
  const client = clientOf(context, [one.address]);
  const failure = await failureOf(client.call(KV.method.put, { key }));
  assert.deepEqual(
    [failure.code, failure.message, failure.outcomeUnknown],
    [5, "etcdserver: requested lease not found", false],
  );
  assert.deepEqual(one.calls, ["Put"]);
});

test("nobody listens: the deadline ends the attempts, and every endpoint's reason is told", async (context) => {
  const addresses = [await freeAddress(), await freeAddress()];
  const client = clientOf(context, addresses, { commandTimeoutMs: 500 });
  const failure = await failureOf(client.call(KV.method.put, { key }));
  assert.equal(failure.message, "context deadline exceeded");
  assert.equal(failure.outcomeUnknown, false, "it was never sent");
  assert.deepEqual(
    failure.unreachable.map((line) => /ECONNREFUSED/.test(line)),
    [true, true],
  );
});

test("a request above the limit is refused here", async (context) => {
  const one = await serve(context, { "/etcdserverpb.KV/Put": putOk });
  const client = clientOf(context, [one.address]);
  const failure = await failureOf(client.call(KV.method.put, { key, value: new Uint8Array(2 ** 21) }));
  assert.match(
    failure.message,
    /^rpc error: code = ResourceExhausted desc = trying to send message larger than max/,
  );
  assert.deepEqual(one.calls, []);
});

test("a token is fetched once, shown with every call, and renewed when it is refused", async (context) => {
  let issued = 0;
  const shown: (string | null)[] = [];
  const one = await serve(context, {
    "/etcdserverpb.Auth/Authenticate": (call) => {
      issued++;
      call.respond(
        toBinary(AuthenticateResponseSchema, create(AuthenticateResponseSchema, { token: `t${issued}` })),
      );
    },
    "/etcdserverpb.KV/Put": (call) => {
      const token = call.metadata.text("token");
      shown.push(token);
      if (token === "t1" && shown.length === 2) {
        call.fail(16, "etcdserver: invalid auth token");
      } else {
        putOk(call);
      }
    },
  });
  const client = clientOf(context, [one.address], { credentials: { name: "root", password: "x" } });
  for (let i = 0; i < 3; i++) {
    await client.call(KV.method.put, { key });
  }
  assert.deepEqual(shown, ["t1", "t1", "t2", "t2"]);
  assert.equal(issued, 2);
});

test("who had no need of a token when it began gets one when access control is switched on", async (context) => {
  let isOn = false;
  const one = await serve(context, {
    "/etcdserverpb.Auth/Authenticate": (call) => {
      if (isOn) {
        call.respond(
          toBinary(AuthenticateResponseSchema, create(AuthenticateResponseSchema, { token: "t" })),
        );
      } else {
        call.fail(9, "etcdserver: authentication is not enabled");
      }
    },
    "/etcdserverpb.KV/Put": (call) => {
      if (isOn && call.metadata.text("token") !== "t") {
        call.fail(3, "etcdserver: user name is empty");
      } else {
        putOk(call);
      }
    },
  });
  const client = clientOf(context, [one.address], { credentials: { name: "root", password: "x" } });
  await client.call(KV.method.put, { key });
  isOn = true;
  await client.call(KV.method.put, { key });
  const stranger = clientOf(context, [one.address]);
  const failure = await failureOf(stranger.call(KV.method.put, { key }));
  assert.match(failure.message, /user name is empty/);
});

test("a watch goes on at the next endpoint behind the last revision that it gave out", async (context) => {
  const starts: bigint[] = [];
  const serving = (revisions: readonly bigint[], end: (call: BidiCall) => void) => (call: BidiCall) => {
    call.onMessage((bytes) => {
      const { requestUnion } = fromBinary(WatchRequestSchema, bytes.slice());
      assert.equal(requestUnion.case, "createRequest");
      starts.push(requestUnion.case === "createRequest" ? requestUnion.value.startRevision : -1n);
      call.write(
        toBinary(
          WatchResponseSchema,
          create(WatchResponseSchema, { created: true, header: { revision: 9n } }),
        ),
      );
      for (const modRevision of revisions) {
        const events = [{ kv: { key, modRevision } }];
        call.write(
          toBinary(
            WatchResponseSchema,
            create(WatchResponseSchema, { events, header: { revision: modRevision } }),
          ),
        );
      }
      end(call);
    });
  };
  const first = await serve(
    context,
    {},
    serving([10n, 11n], (call) => call.fail(14, "etcdserver: server stopped")),
  );
  const second = await serve(
    context,
    {},
    serving([12n], () => {}),
  );
  const client = clientOf(context, [first.address, second.address]);
  const seen: bigint[] = [];
  for await (const answer of watchKeys(client, { key })) {
    seen.push(answer.events[0]?.kv?.modRevision ?? -1n);
    if (seen.length === 3) {
      break;
    }
  }
  assert.deepEqual(seen, [10n, 11n, 12n]);
  assert.deepEqual(starts, [0n, 12n]);
});

test("a watch that broke before anything happened still begins where it began", async (context) => {
  const starts: bigint[] = [];
  const server = await serve(context, {}, (call) => {
    call.onMessage((bytes) => {
      const { requestUnion } = fromBinary(WatchRequestSchema, bytes.slice());
      starts.push(requestUnion.case === "createRequest" ? requestUnion.value.startRevision : -1n);
      call.write(
        toBinary(
          WatchResponseSchema,
          create(WatchResponseSchema, { created: true, header: { revision: 41n } }),
        ),
      );
      if (starts.length === 1) {
        call.fail(14, "gone");
      } else {
        call.write(
          toBinary(
            WatchResponseSchema,
            create(WatchResponseSchema, { canceled: true, compactRevision: 50n }),
          ),
        );
      }
    });
  });
  const client = clientOf(context, [server.address]);
  const answers: boolean[] = [];
  for await (const { canceled } of watchKeys(client, { key })) {
    answers.push(canceled);
  }
  assert.deepEqual([starts, answers], [[0n, 42n], [true]]);
});
