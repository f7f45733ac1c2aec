/** Streams: order, back-pressure both ways, half-close, cancel. */
import assert from "node:assert/strict";
import {
  type BidiCall,
  type ClientStream,
  createGrpcClient,
  type GrpcClient,
  type GrpcError,
  type Method,
  type ServerStreamCall,
} from "@quorate/grpc";
import { both, grpcHeaders, message, raw, serve, session, statusOf, until } from "./fixture.ts";

const path = "/test.Echo/Say";

interface Opened {
  readonly stream: ClientStream;
  readonly received: Uint8Array[];
  readonly end: Promise<GrpcError | null>;
}

function open(client: GrpcClient): Opened {
  const received: Uint8Array[] = [];
  let settle: (error: GrpcError | null) => void = () => {};
  const end = new Promise<GrpcError | null>((resolve) => {
    settle = resolve;
  });
  const stream = client.stream(path, {}, { message: (one) => received.push(one.slice()), ended: settle });
  return { stream, received, end };
}

const echoBidi: Method = {
  kind: "bidi",
  handle: (call) => {
    call.onMessage((one) => call.write(one));
    call.onEnd(() => call.end());
  },
};

both("bidi: messages come back in order, the half-close ends the stream", async (context) => {
  const { url } = await serve(context, { [path]: echoBidi });
  const client = createGrpcClient(url);
  context.after(() => client.close());
  const { stream, received, end } = open(client);
  for (let i = 0; i < 100; i++) {
    stream.write(new Uint8Array([i]));
  }
  stream.end();
  assert.equal(await end, null);
  assert.deepEqual(
    received.map((one) => one[0]),
    Array.from({ length: 100 }, (_, i) => i),
  );
});

both("bidi: a stream that ends within a message is INTERNAL", async (context) => {
  const { url } = await serve(context, { [path]: echoBidi });
  const body = Buffer.concat([message(new Uint8Array([1])), message(new Uint8Array(5)).subarray(0, 7)]);
  const answer = await raw(session(context, url), grpcHeaders, body);
  assert.deepEqual(statusOf(answer), { code: "13", message: "unexpected EOF" });
  assert.deepEqual(answer.body, Buffer.from(message(new Uint8Array([1]))));
});

both("bidi: a listener that throws ends the stream with INTERNAL", async (context) => {
  const throws: Method = {
    kind: "bidi",
    handle: (call) =>
      call.onMessage(() => {
        throw new Error("bug");
      }),
  };
  const { url } = await serve(context, { [path]: throws });
  const answer = await raw(session(context, url), grpcHeaders, message(new Uint8Array([1])));
  assert.deepEqual(statusOf(answer), { code: "13", message: "internal error" });
});

both("a failure after messages comes in the trailers", async (context) => {
  const { url } = await serve(context, {
    [path]: {
      kind: "server-stream",
      handle: (request, call) => {
        call.write(request);
        call.fail(11, "enough");
      },
    },
  });
  const answer = await raw(session(context, url), grpcHeaders, message(new Uint8Array([1])));
  assert.equal(answer.headers["grpc-status"], undefined);
  assert.equal(answer.trailers["grpc-status"], "11");
  assert.deepEqual(answer.body, Buffer.from(message(new Uint8Array([1]))));
});

both(
  "server stream: write says false when the client does not read, and drain when it does again",
  async (context) => {
    let writtenCount = 0;
    let drainCount = 0;
    const total = 400;
    const { url } = await serve(context, {
      [path]: {
        kind: "server-stream",
        handle: (_request, call: ServerStreamCall) => {
          const pump = (): void => {
            while (writtenCount < total) {
              writtenCount++;
              if (!call.write(new Uint8Array(64 * 1024))) {
                return;
              }
            }
            call.end();
          };
          call.onDrain(() => {
            drainCount++;
            pump();
          });
          pump();
        },
      },
    });
    const client = createGrpcClient(url);
    context.after(() => client.close());
    const { stream, received, end } = open(client);
    stream.pause();
    stream.write(new Uint8Array(0));
    stream.end();
    await until(() => writtenCount > 0, "the stream to begin");
    await new Promise((resolve) => setTimeout(resolve, 50));
    // A client that reads nothing holds the server at the windows, 25 MiB are not buffered.
    assert.ok(writtenCount < total, `${writtenCount} messages written to a client that does not read`);
    stream.resume();
    assert.equal(await end, null);
    assert.equal(received.length, total);
    assert.ok(drainCount > 0);
  },
);

both(
  "bidi: a paused call holds the client back, and what was sent comes after the resume",
  async (context) => {
    let held: BidiCall | null = null;
    const receivedSizes: number[] = [];
    const { url } = await serve(context, {
      [path]: {
        kind: "bidi",
        handle: (call) => {
          held = call;
          call.onMessage((one) => receivedSizes.push(one.length));
          call.onEnd(() => call.end());
          call.pause();
        },
      },
    });
    const client = createGrpcClient(url);
    context.after(() => client.close());
    const { stream, end } = open(client);
    let refused = false;
    const total = 200;
    for (let i = 0; i < total; i++) {
      refused = !stream.write(new Uint8Array(64 * 1024)) || refused;
    }
    stream.end();
    await until(() => held !== null, "the call to arrive");
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(receivedSizes.length, 0);
    assert.equal(refused, true);
    (held as BidiCall | null)?.resume();
    assert.equal(await end, null);
    assert.equal(receivedSizes.length, total);
    assert.ok(receivedSizes.every((size) => size === 64 * 1024));
  },
);

both("bidi: pausing from within the listener stops after that message", async (context) => {
  const seen: number[] = [];
  let held: BidiCall | null = null;
  const { url } = await serve(context, {
    [path]: {
      kind: "bidi",
      handle: (call) => {
        held = call;
        call.onMessage((one) => {
          seen.push(one[0] ?? -1);
          call.pause();
        });
        call.onEnd(() => call.end());
      },
    },
  });
  const made = session(context, url);
  const three = Buffer.concat([1, 2, 3].map((value) => message(new Uint8Array([value]))));
  const answer = raw(made, grpcHeaders, three);
  for (let count = 1; count <= 3; count++) {
    await until(() => seen.length === count, `message ${count}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(seen.length, count);
    (held as BidiCall | null)?.resume();
  }
  assert.equal(statusOf(await answer).code, "0");
});

both("a cancelled stream tells its handler once", async (context) => {
  const reasons: string[] = [];
  const { url } = await serve(context, {
    [path]: {
      kind: "bidi",
      handle: (call) => {
        call.onCancel((reason) => reasons.push(reason));
        call.onMessage((one) => call.write(one));
      },
    },
  });
  const client = createGrpcClient(url);
  context.after(() => client.close());
  const { stream, received, end } = open(client);
  stream.write(new Uint8Array([1]));
  await until(() => received.length === 1, "the echo");
  stream.cancel();
  assert.equal((await end)?.code, 1);
  await until(() => reasons.length === 1, "the cancel");
  assert.deepEqual(reasons, ["cancelled"]);
});
