/** Node's own client against our server: large messages, tiny windows, trailers, cancels, pings, goodbyes. */
import assert from "node:assert/strict";
import * as http2 from "node:http2";
import { type TestContext, test } from "node:test";
import type { Method } from "@quorate/grpc";
import { close, echo, grpcHeaders, message, raw, serve, session, statusOf, until } from "../fixture.ts";

const path = "/test.Echo/Say";
const large = 10 * 1024 * 1024;
const limits = { messageBytesMax: 16 * 1024 * 1024 };

const echoBidi: Method = {
  kind: "bidi",
  handle: (call) => {
    call.onMessage((one) => {
      if (!call.write(one)) {
        call.pause();
      }
    });
    call.onDrain(() => call.resume());
    call.onEnd(() => call.end());
  },
};

function pattern(bytes: number): Uint8Array {
  return new Uint8Array(bytes).map((_, i) => (i * 31 + (i >> 8)) & 255);
}

function narrow(context: TestContext, url: string, settings: http2.Settings): http2.ClientHttp2Session {
  const made = http2.connect(url, { settings });
  made.on("error", () => {});
  context.after(() => made.destroy());
  return made;
}

for (const [name, method] of [
  ["unary", echo],
  ["bidi", echoBidi],
] as const) {
  test(`${name}: 10 MiB there and back`, async (context) => {
    const { url } = await serve(context, { [path]: method }, { limits });
    const body = message(pattern(large));
    const answer = await raw(session(context, url), grpcHeaders, body);
    assert.equal(statusOf(answer).code, "0");
    assert.equal(answer.body.equals(body), true);
  });
}

test("ten large messages at once on one connection", async (context) => {
  const { url } = await serve(context, { [path]: echo }, { limits });
  const made = session(context, url);
  const body = message(pattern(1024 * 1024));
  const answers = await Promise.all(Array.from({ length: 10 }, () => raw(made, grpcHeaders, body)));
  for (const answer of answers) {
    assert.equal(answer.body.equals(body), true);
  }
});

test("windows of 1 and of 7 bytes, frames of every size", async (context) => {
  const { url } = await serve(context, { [path]: echo });
  for (const initialWindowSize of [1, 7, 16_385]) {
    const made = narrow(context, url, { initialWindowSize });
    const body = message(pattern(initialWindowSize === 1 ? 300 : 40_000));
    const answer = await raw(made, grpcHeaders, body);
    assert.equal(statusOf(answer).code, "0", `window ${initialWindowSize}`);
    assert.equal(answer.body.equals(body), true);
  }
});

test("a client without a dynamic table", async (context) => {
  const { url } = await serve(context);
  const made = narrow(context, url, { headerTableSize: 0 });
  for (let i = 0; i < 3; i++) {
    assert.equal(statusOf(await raw(made, grpcHeaders, message(pattern(10)))).code, "0");
  }
});

test("header blocks in several frames, trailers longer than a frame", async (context) => {
  const fails: Method = {
    kind: "unary",
    handle: (_, call) => call.fail(9, "x".repeat(40_000), { "x-more": "y".repeat(10_000) }),
  };
  const { url } = await serve(context, { [path]: fails }, { limits: { headerListBytesMax: 100_000 } });
  const made = http2.connect(url, { maxHeaderListPairs: 1000, settings: { maxHeaderListSize: 200_000 } });
  made.on("error", () => {});
  context.after(() => made.destroy());
  const answer = await raw(made, { ...grpcHeaders, "x-long": "z".repeat(50_000) }, message(pattern(1)));
  assert.equal(statusOf(answer).code, "9");
  assert.equal(statusOf(answer).message.length, 40_000);
});

test("10,000 calls on one connection leave nothing behind", async (context) => {
  const { url, server } = await serve(context);
  const made = session(context, url);
  for (let round = 0; round < 20; round++) {
    const answers = await Promise.all(
      Array.from({ length: 500 }, () => raw(made, grpcHeaders, message(pattern(round)))),
    );
    assert.ok(answers.every((answer) => statusOf(answer).code === "0"));
  }
  assert.equal(server.stats().callCount, 0);
});

test("pings are answered; a cancelled call is told, others go on", async (context) => {
  const reasons: string[] = [];
  const holds: Method = {
    kind: "bidi",
    handle: (call) => {
      call.onCancel((reason) => reasons.push(reason));
      call.onMessage((one) => call.write(one));
    },
  };
  const { url, server } = await serve(context, { [path]: holds, "/test.Echo/Now": echo });
  const made = session(context, url);
  const stream = made.request(grpcHeaders);
  stream.on("error", () => {});
  stream.write(message(pattern(5)));
  await new Promise((resolve) => stream.once("data", resolve));
  await new Promise<void>((resolve, reject) => {
    made.ping(Buffer.from("12345678"), (error, _, payload) =>
      error === null && payload.toString() === "12345678" ? resolve() : reject(error),
    );
  });
  stream.close(http2.constants.NGHTTP2_CANCEL);
  await until(() => reasons.length === 1, "the cancel");
  assert.deepEqual(reasons, ["cancelled"]);
  const other = await raw(made, { ...grpcHeaders, ":path": "/test.Echo/Now" }, message(pattern(3)));
  assert.equal(statusOf(other).code, "0");
  assert.equal(server.stats().callCount, 0);
});

test("the server's goodbye: a GOAWAY without error, and the connection ends with its last call", async (context) => {
  let release: () => void = () => {};
  const held: Method = {
    kind: "unary",
    handle: (bytes, call) => {
      release = () => call.respond(bytes);
    },
  };
  const { url, server } = await serve(context, { [path]: held });
  const made = session(context, url);
  const codes: number[] = [];
  made.on("goaway", (code) => codes.push(code));
  const answer = raw(made, grpcHeaders, message(pattern(3)));
  await until(() => server.stats().callCount === 1, "the call");
  const closing = close(server, 5000);
  await until(() => codes.length > 0, "the goodbye");
  release();
  assert.equal(statusOf(await answer).code, "0");
  await closing;
  assert.ok(codes.every((code) => code === http2.constants.NGHTTP2_NO_ERROR));
  assert.deepEqual(server.stats(), { connectionCount: 0, callCount: 0 });
});

test("plain requests: HEAD has no body, a large answer comes whole, a client that leaves is told", async (context) => {
  let left = false;
  const page = Buffer.from(pattern(3_000_000));
  const { url } = await serve(
    context,
    {},
    {
      onHttp: (one) => {
        if (one.target === "/endless") {
          one.onClose(() => {
            left = true;
          });
          one.start(200, {});
          one.write("begins");
          return;
        }
        one.respond(200, { "content-type": "text/plain" }, page);
      },
    },
  );
  const made = session(context, url);
  const head = await raw(made, { ":method": "HEAD", ":path": "/" }, null);
  assert.equal(head.headers["content-length"], "3000000");
  assert.equal(head.body.length, 0);
  const get = await raw(made, { ":method": "GET", ":path": "/" }, null);
  assert.equal(get.body.equals(page), true);
  const endless = made.request({ ":path": "/endless" });
  endless.on("error", () => {});
  await new Promise((resolve) => endless.once("data", resolve));
  endless.close(http2.constants.NGHTTP2_CANCEL);
  await until(() => left, "the handler to learn it");
});
