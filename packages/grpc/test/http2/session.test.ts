/** One session, frame by frame: RFC 9113's states and errors, answers as bytes, windows, and how connections end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { BidiCall, Method, UnaryCall } from "@quorate/grpc";
import { connectionPreface, errorCode, flag, frameType } from "../../src/http2/protocol.ts";
import {
  callFields,
  type Frame,
  frame,
  goawayCode,
  greeting,
  Harness,
  literals,
  number32,
  resetCode,
  settingsAck,
} from "./harness.ts";

const path = "/test.Echo/Say";
const echo: Method = { kind: "unary", handle: (request, call) => call.respond(request) };
const never: Method = { kind: "unary", handle: () => {} };
const whole = flag.endHeaders;
const last = flag.endHeaders | flag.endStream;
const block = literals(callFields(path));

function message(length: number): Buffer {
  const framed = Buffer.alloc(5 + length, 7);
  framed[0] = 0;
  framed.writeUInt32BE(length, 1);
  return framed;
}

function begun(methods: Readonly<Record<string, Method>> = { [path]: echo }, limits = {}): Harness {
  const harness = new Harness(methods, limits);
  harness.send(greeting, settingsAck);
  harness.frames();
  return harness;
}

function call(id: number, body: Uint8Array = message(3)): Buffer {
  return Buffer.concat([
    frame(frameType.headers, whole, id, block),
    frame(frameType.data, flag.endStream, id, body),
  ]);
}

test("the server's greeting, byte for byte", () => {
  const harness = new Harness({});
  harness.session.flush();
  assert.equal(
    Buffer.concat(harness.socket.written).toString("hex"),
    // SETTINGS: 1024 streams, windows of 1 MiB, header lists of 16 KiB; then a connection window of 4 MiB.
    "000012040000000000000300000400000400100000000600004000" + "000004080000000000003f0001",
  );
  harness.close();
});

test("a unary answer at rest, byte for byte", () => {
  const harness = begun();
  harness.send(call(1));
  const [head, data, trailers] = harness.frames();
  assert.deepEqual(harness.fields(head ?? assert.fail()), {
    ":status": "200",
    "content-type": "application/grpc",
    "grpc-accept-encoding": "identity",
  });
  assert.deepEqual(data?.payload, message(3));
  assert.deepEqual(harness.fields(trailers ?? assert.fail()), { "grpc-status": "0" });
  harness.send(call(3));
  harness.session.flush();
  assert.equal(
    Buffer.concat(harness.socket.written).toString("hex"),
    "0000030104000000038" + "8c0bf" + "000008000000000003" + "0000000003070707" + "000001010500000003be",
  );
  harness.close();
});

test("answers of a turn leave in one write", () => {
  const harness = begun();
  harness.send(call(1), call(3), call(5));
  harness.session.flush();
  assert.equal(harness.socket.written.length, 1);
  harness.close();
});

test("a request that comes byte by byte is the same request", () => {
  const harness = new Harness({ [path]: echo });
  for (const byte of Buffer.concat([greeting, settingsAck, call(1)])) {
    harness.send(Buffer.from([byte]));
  }
  const frames = harness.frames().filter((one) => one.streamId === 1);
  assert.deepEqual(frames[1]?.payload, message(3));
  harness.close();
});

const fatal: readonly (readonly [string, Buffer, number])[] = [
  ["a frame too long, §4.2", Buffer.from([0x00, 0x40, 0x01, 0, 0, 0, 0, 0, 1]), errorCode.frameSizeError],
  ["DATA on the connection, §6.1", frame(frameType.data, 0, 0), errorCode.protocolError],
  ["DATA on an idle stream, §5.1", frame(frameType.data, 0, 1), errorCode.protocolError],
  ["HEADERS on the connection, §6.2", frame(frameType.headers, last, 0, block), errorCode.protocolError],
  ["HEADERS of an even stream, §5.1.1", frame(frameType.headers, last, 2, block), errorCode.protocolError],
  [
    "HEADERS too short for its priority",
    frame(frameType.headers, last | flag.priority, 1),
    errorCode.frameSizeError,
  ],
  [
    "a frame within a header block, §6.10",
    Buffer.concat([frame(frameType.headers, 0, 1, block), frame(frameType.ping, 0, 0, new Uint8Array(8))]),
    errorCode.protocolError,
  ],
  [
    "CONTINUATION of another stream, §6.10",
    Buffer.concat([frame(frameType.headers, 0, 1), frame(frameType.continuation, whole, 3, block)]),
    errorCode.protocolError,
  ],
  ["CONTINUATION of nothing, §6.10", frame(frameType.continuation, whole, 1, block), errorCode.protocolError],
  [
    "a header block that is none, §4.3",
    frame(frameType.headers, last, 1, Buffer.from([0x80])),
    errorCode.compressionError,
  ],
  [
    "padding as long as the payload, §6.1",
    Buffer.concat([
      frame(frameType.headers, whole, 1, block),
      frame(frameType.data, flag.padded, 1, Buffer.from([2, 0])),
    ]),
    errorCode.protocolError,
  ],
  [
    "a padded frame without its length",
    Buffer.concat([frame(frameType.headers, whole, 1, block), frame(frameType.data, flag.padded, 1)]),
    errorCode.frameSizeError,
  ],
  [
    "RST_STREAM of an idle stream, §6.4",
    frame(frameType.rstStream, 0, 1, number32(8)),
    errorCode.protocolError,
  ],
  ["RST_STREAM too long", frame(frameType.rstStream, 0, 1, new Uint8Array(5)), errorCode.frameSizeError],
  ["SETTINGS on a stream, §6.5", frame(frameType.settings, 0, 1), errorCode.protocolError],
  ["SETTINGS of five bytes", frame(frameType.settings, 0, 0, new Uint8Array(5)), errorCode.frameSizeError],
  [
    "an acknowledgement with settings",
    frame(frameType.settings, flag.ack, 0, new Uint8Array(6)),
    errorCode.frameSizeError,
  ],
  [
    "push of 2, §6.5.2",
    frame(frameType.settings, 0, 0, Buffer.from([0, 2, 0, 0, 0, 2])),
    errorCode.protocolError,
  ],
  [
    "a window of 2^31, §6.5.2",
    frame(frameType.settings, 0, 0, Buffer.from([0, 4, 0x80, 0, 0, 0])),
    errorCode.flowControlError,
  ],
  [
    "frames of 100 bytes, §6.5.2",
    frame(frameType.settings, 0, 0, Buffer.from([0, 5, 0, 0, 0, 100])),
    errorCode.protocolError,
  ],
  ["PUSH_PROMISE, §8.4", frame(frameType.pushPromise, whole, 1, block), errorCode.protocolError],
  ["PING on a stream, §6.7", frame(frameType.ping, 0, 1, new Uint8Array(8)), errorCode.protocolError],
  ["PING of seven bytes", frame(frameType.ping, 0, 0, new Uint8Array(7)), errorCode.frameSizeError],
  ["GOAWAY on a stream, §6.8", frame(frameType.goaway, 0, 1, new Uint8Array(8)), errorCode.protocolError],
  ["GOAWAY too short", frame(frameType.goaway, 0, 0, new Uint8Array(7)), errorCode.frameSizeError],
  [
    "WINDOW_UPDATE of nothing, §6.9",
    frame(frameType.windowUpdate, 0, 0, number32(0)),
    errorCode.protocolError,
  ],
  [
    "WINDOW_UPDATE of three bytes",
    frame(frameType.windowUpdate, 0, 0, new Uint8Array(3)),
    errorCode.frameSizeError,
  ],
  [
    "WINDOW_UPDATE of an idle stream",
    frame(frameType.windowUpdate, 0, 1, number32(1)),
    errorCode.protocolError,
  ],
  [
    "a connection window of 2^31, §6.9.1",
    frame(frameType.windowUpdate, 0, 0, number32(0x7fffffff)),
    errorCode.flowControlError,
  ],
  [
    "HEADERS on a stream that has ended, §5.1",
    Buffer.concat([call(1), frame(frameType.headers, last, 1, block)]),
    errorCode.streamClosed,
  ],
  [
    "DATA on a stream that has ended, §5.1",
    Buffer.concat([call(1), frame(frameType.data, 0, 1)]),
    errorCode.streamClosed,
  ],
  [
    "an identifier that was passed over, §5.1.1",
    Buffer.concat([call(5), frame(frameType.headers, last, 3, block)]),
    errorCode.protocolError,
  ],
];
for (const [name, bytes, code] of fatal) {
  test(`ends the connection: ${name}`, () => {
    const harness = begun();
    harness.send(bytes);
    const frames = harness.frames();
    assert.equal(goawayCode(frames), code);
    assert.equal(frames.at(-1)?.type, frameType.goaway);
    assert.equal(harness.socket.writable, false);
    // Nothing is read any more.
    harness.send(call(7));
    assert.deepEqual(harness.frames(), []);
    assert.equal(harness.session.streamCount, 0);
    harness.close();
  });
}

test("the first frame is SETTINGS, and no acknowledgement, §3.4", () => {
  for (const bytes of [frame(frameType.ping, 0, 0, new Uint8Array(8)), settingsAck]) {
    const harness = new Harness({});
    harness.send(connectionPreface, bytes);
    assert.equal(goawayCode(harness.frames()), errorCode.protocolError);
    harness.close();
  }
});

test("bytes that are no preface end the connection without an answer", () => {
  const harness = new Harness({});
  harness.frames();
  harness.send(Buffer.from("PRI * HTTP/2.0\r\n\r\nXX"));
  assert.equal(harness.socket.destroyed, true);
});

const withFields = (fields: readonly (readonly [string, string])[]): Buffer =>
  frame(frameType.headers, last, 1, literals(fields));
const good = callFields(path);
const stream: readonly (readonly [string, Buffer, number])[] = [
  ["no :path, §8.3.1", withFields(good.filter(([name]) => name !== ":path")), errorCode.protocolError],
  [
    "an empty :path",
    withFields(good.map(([name, value]) => [name, name === ":path" ? "" : value] as const)),
    errorCode.protocolError,
  ],
  ["no :method", withFields(good.slice(1)), errorCode.protocolError],
  ["no :scheme", withFields(good.filter(([name]) => name !== ":scheme")), errorCode.protocolError],
  ["two :method", withFields([[":method", "GET"], ...good]), errorCode.protocolError],
  [
    "a pseudo-header behind others, §8.3",
    withFields([...good, [":authority", "x"]]),
    errorCode.protocolError,
  ],
  ["a pseudo-header of answers", withFields([[":status", "200"], ...good]), errorCode.protocolError],
  ["upper case, §8.2.1", withFields([...good, ["X-Up", "x"]]), errorCode.protocolError],
  ["connection, §8.2.2", withFields([...good, ["connection", "close"]]), errorCode.protocolError],
  ["te: gzip, §8.2.2", withFields([...good.slice(0, 4), ["te", "gzip"]]), errorCode.protocolError],
  ["a content-length that is none", withFields([...good, ["content-length", "x"]]), errorCode.protocolError],
  [
    "a content-length without a body, §8.1.1",
    withFields([...good, ["content-length", "1"]]),
    errorCode.protocolError,
  ],
  [
    "a body longer than its content-length",
    Buffer.concat([
      frame(frameType.headers, whole, 1, literals([...good, ["content-length", "3"]])),
      frame(frameType.data, 0, 1, message(3)),
    ]),
    errorCode.protocolError,
  ],
  [
    "a body shorter than its content-length",
    Buffer.concat([
      frame(frameType.headers, whole, 1, literals([...good, ["content-length", "9"]])),
      frame(frameType.data, flag.endStream, 1, message(3)),
    ]),
    errorCode.protocolError,
  ],
  [
    "DATA behind the end, §5.1",
    Buffer.concat([call(1), frame(frameType.data, 0, 1)]),
    errorCode.streamClosed,
  ],
  [
    "HEADERS behind the end, §5.1",
    Buffer.concat([call(1), frame(frameType.headers, last, 1, block)]),
    errorCode.streamClosed,
  ],
  [
    "trailers without the end, §8.1",
    Buffer.concat([frame(frameType.headers, whole, 1, block), frame(frameType.headers, whole, 1)]),
    errorCode.protocolError,
  ],
  [
    "trailers with pseudo-headers, §8.1",
    Buffer.concat([frame(frameType.headers, whole, 1, block), frame(frameType.headers, last, 1, block)]),
    errorCode.protocolError,
  ],
  [
    "WINDOW_UPDATE of nothing, §6.9",
    Buffer.concat([call(1), frame(frameType.windowUpdate, 0, 1, number32(0))]),
    errorCode.protocolError,
  ],
  [
    "a stream's window of 2^31, §6.9.1",
    Buffer.concat([call(1), frame(frameType.windowUpdate, 0, 1, number32(0x7fffffff))]),
    errorCode.flowControlError,
  ],
  [
    "a priority on itself",
    Buffer.concat([call(1), frame(frameType.priority, 0, 1, Buffer.from([0, 0, 0, 1, 0]))]),
    errorCode.protocolError,
  ],
  [
    "PRIORITY of four bytes",
    Buffer.concat([call(1), frame(frameType.priority, 0, 1, new Uint8Array(4))]),
    errorCode.frameSizeError,
  ],
];
for (const [name, bytes, code] of stream) {
  test(`resets the stream and nothing else: ${name}`, () => {
    const harness = begun({ [path]: never });
    harness.send(bytes);
    const frames = harness.frames();
    assert.equal(resetCode(frames, 1), code);
    assert.equal(goawayCode(frames), -1);
    assert.equal(harness.host.callCount, 0);
    harness.send(call(3));
    assert.equal(harness.host.callCount, 1);
    harness.close();
  });
}

test("what was under way to a stream that was reset here is ignored, its bytes count for the connection", () => {
  const harness = begun();
  harness.send(frame(frameType.headers, whole, 1, literals([...good, ["content-length", "1"]])));
  harness.send(frame(frameType.data, 0, 1, message(3)));
  assert.equal(resetCode(harness.frames(), 1), errorCode.protocolError);
  for (let i = 0; i < 200; i++) {
    harness.send(frame(frameType.data, 0, 1, new Uint8Array(16_384)));
  }
  const frames = harness.frames();
  assert.ok(frames.every((one) => one.type === frameType.windowUpdate && one.streamId === 0));
  const returned = frames.reduce((sum, one) => sum + one.payload.readUInt32BE(0), 0);
  assert.equal(returned > 0 && returned <= 200 * 16_384 + 8, true);
  harness.close();
});

test("trailers of a request end it", () => {
  const harness = begun();
  harness.send(frame(frameType.headers, whole, 1, block), frame(frameType.data, 0, 1, message(3)));
  assert.deepEqual(harness.frames(), []);
  harness.send(frame(frameType.headers, last, 1, literals([["x-check", "1"]])));
  assert.equal(harness.frames().length, 3);
  harness.close();
});

test("padding is taken off, and given back to the windows", () => {
  const harness = begun();
  const padded = Buffer.concat([Buffer.from([10]), message(3), new Uint8Array(10)]);
  const headers = Buffer.concat([Buffer.from([3]), block, new Uint8Array(3)]);
  harness.send(
    frame(frameType.headers, whole | flag.padded, 1, headers),
    frame(frameType.data, flag.endStream | flag.padded, 1, padded),
  );
  assert.deepEqual(harness.frames()[1]?.payload, message(3));
  harness.close();
});

test("more streams than allowed are refused, for the client to try again, §5.1.2", () => {
  const harness = begun({ [path]: never }, { concurrentStreamsMax: 2 });
  harness.send(call(1), call(3), call(5));
  const frames = harness.frames();
  assert.equal(resetCode(frames, 5), errorCode.refusedStream);
  assert.equal(harness.host.callCount, 2);
  harness.close();
});

test("an answer waits for the client's windows and comes in pieces, trailers last", () => {
  const harness = begun({ [path]: { kind: "unary", handle: (_, one) => one.respond(new Uint8Array(95)) } });
  const setting = Buffer.concat([Buffer.from([0, 4]), number32(10)]);
  harness.send(frame(frameType.settings, 0, 0, setting), call(1));
  const sizes = (): number[] =>
    harness.frames().map((one) => (one.type === frameType.data ? one.payload.length : -one.type));
  assert.deepEqual(sizes(), [-frameType.settings, -frameType.headers, 10]);
  harness.send(frame(frameType.windowUpdate, 0, 1, number32(30)));
  assert.deepEqual(sizes(), [30]);
  // A smaller setting takes back what was given, §6.9.2.
  const smaller = Buffer.concat([Buffer.from([0, 4]), number32(0)]);
  harness.send(frame(frameType.settings, 0, 0, smaller), frame(frameType.windowUpdate, 0, 1, number32(15)));
  assert.deepEqual(sizes(), [-frameType.settings, 5]);
  harness.send(frame(frameType.windowUpdate, 0, 1, number32(1000)));
  assert.deepEqual(sizes(), [55, -frameType.headers]);
  assert.equal(harness.session.streamCount, 0);
  harness.close();
});

test("streams take turns in the connection's window", () => {
  const harness = begun({
    [path]: { kind: "unary", handle: (_, one) => one.respond(new Uint8Array(60_000)) },
  });
  harness.send(frame(frameType.settings, 0, 0, Buffer.concat([Buffer.from([0, 4]), number32(1 << 20)])));
  harness.send(call(1), call(3), call(5));
  harness.frames();
  harness.send(frame(frameType.windowUpdate, 0, 0, number32(6 * 16_384)));
  const order = harness
    .frames()
    .filter((one) => one.type === frameType.data)
    .map((one) => one.streamId);
  assert.ok(order.indexOf(5) < order.lastIndexOf(3), order.join());
  harness.close();
});

test("messages of one stream share a frame, as long as nothing comes between them", () => {
  const calls: BidiCall[] = [];
  const harness = begun({ [path]: { kind: "bidi", handle: (one: BidiCall) => calls.push(one) } });
  harness.send(frame(frameType.headers, whole, 1, block), frame(frameType.headers, whole, 3, block));
  const [first = assert.fail(), second = assert.fail()] = calls;
  const looks = (): string[] =>
    harness
      .frames()
      .map((one) => `${one.streamId}:${one.type === frameType.data ? one.payload.toString("hex") : "head"}`);
  const framed = (byte: number): string => `0000000001${Buffer.from([byte]).toString("hex")}`;
  for (const [one, byte] of [
    [first, 1],
    [first, 2],
    [second, 3],
    [first, 4],
  ] as const) {
    one.write(Buffer.from([byte]));
  }
  assert.deepEqual(looks(), [
    "1:head",
    `1:${framed(1)}${framed(2)}`,
    "3:head",
    `3:${framed(3)}`,
    `1:${framed(4)}`,
  ]);
  // A frame that has left takes nothing more; nor does one with trailers behind it.
  first.write(Buffer.from([5]));
  first.end();
  second.write(Buffer.from([6]));
  assert.deepEqual(looks(), [`1:${framed(5)}`, "1:head", `3:${framed(6)}`]);
  harness.close();
});

test("a frame that messages share is never longer than the client takes", () => {
  const calls: BidiCall[] = [];
  const harness = begun({ [path]: { kind: "bidi", handle: (one: BidiCall) => calls.push(one) } });
  harness.send(frame(frameType.headers, whole, 1, block));
  const [one = assert.fail()] = calls;
  for (let i = 0; i < 40; i++) {
    one.write(new Uint8Array(995));
  }
  const sizes = harness.frames().map((each) => (each.type === frameType.data ? each.payload.length : 0));
  assert.deepEqual(sizes, [0, 16_000, 16_000, 8000]);
  harness.close();
});

test("messages that wait for a window come whole and in order, in full frames", () => {
  const calls: BidiCall[] = [];
  const harness = begun({ [path]: { kind: "bidi", handle: (one: BidiCall) => calls.push(one) } });
  const setting = Buffer.concat([Buffer.from([0, 4]), number32(8)]);
  harness.send(frame(frameType.settings, 0, 0, setting), frame(frameType.headers, whole, 1, block));
  const [one = assert.fail()] = calls;
  const sent: Buffer[] = [];
  for (let i = 0; i < 3000; i++) {
    const body = Buffer.alloc(i % 23, i);
    one.write(body);
    sent.push(Buffer.concat([Buffer.from([0, 0, 0, 0, body.length]), body]));
  }
  const got: Frame[] = [];
  const look = (): void => {
    got.push(...harness.frames().filter(({ type }) => type === frameType.data));
  };
  look();
  assert.equal(Buffer.concat(got.map(({ payload }) => payload)).length, 8);
  harness.send(frame(frameType.windowUpdate, 0, 1, number32(1 << 20)));
  look();
  assert.deepEqual(Buffer.concat(got.map(({ payload }) => payload)), Buffer.concat(sent));
  assert.deepEqual(
    got.slice(1, -1).map(({ payload }) => payload.length),
    got.slice(1, -1).map(() => 16_384),
  );
  harness.close();
});

test("a client that sends beyond a window is told so, §6.9.1", () => {
  const harness = begun({ [path]: { kind: "bidi", handle: (one: BidiCall) => one.pause() } });
  harness.send(frame(frameType.headers, whole, 1, block));
  for (let i = 0; i < 65; i++) {
    harness.send(frame(frameType.data, 0, 1, new Uint8Array(16_384)));
  }
  const frames = harness.frames();
  assert.equal(resetCode(frames, 1), errorCode.flowControlError);
  assert.equal(harness.host.callCount, 0);
  harness.close();
});

test("pings and settings are answered", () => {
  const harness = begun();
  harness.send(frame(frameType.ping, 0, 0, Buffer.from("12345678")), frame(frameType.settings, 0, 0));
  assert.deepEqual(
    harness.frames().map((one) => [one.type, one.flags, one.payload.toString()]),
    [
      [frameType.ping, flag.ack, "12345678"],
      [frameType.settings, flag.ack, ""],
    ],
  );
  harness.close();
});

test("drain: what the client sent before it knew is served, what comes later is not", () => {
  const calls: UnaryCall[] = [];
  const harness = begun({ [path]: { kind: "unary", handle: (_, one) => calls.push(one) } });
  harness.send(call(1));
  harness.session.drain();
  const [goaway, ping] = harness.frames();
  assert.equal(goaway?.payload.readUInt32BE(0), 0x7fffffff);
  harness.send(call(3), frame(frameType.ping, flag.ack, 0, ping?.payload ?? assert.fail()), call(5));
  const second = harness.frames()[0];
  assert.equal(second?.type, frameType.goaway);
  assert.equal(second?.payload.readUInt32BE(0), 3);
  assert.equal(calls.length, 2);
  calls[0]?.respond(new Uint8Array(1));
  assert.equal(harness.socket.writable, true);
  calls[1]?.respond(new Uint8Array(1));
  assert.equal(harness.frames().length, 6);
  assert.equal(harness.socket.writable, false);
  harness.close();
});

test("the client's GOAWAY ends the connection with its last stream", () => {
  const calls: UnaryCall[] = [];
  const harness = begun({ [path]: { kind: "unary", handle: (_, one) => calls.push(one) } });
  harness.send(call(1), frame(frameType.goaway, 0, 0, new Uint8Array(8)));
  assert.equal(harness.socket.writable, true);
  calls[0]?.respond(new Uint8Array(1));
  assert.equal(harness.frames().length, 3);
  assert.equal(harness.socket.writable, false);
  harness.close();
});

test("settings that are never acknowledged: SETTINGS_TIMEOUT", async () => {
  const harness = new Harness({}, { handshakeMs: 5 });
  harness.send(greeting);
  harness.frames();
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(goawayCode(harness.frames()), errorCode.settingsTimeout);
  harness.close();
});

test("an answered call whose request does not end is reset after a while, with NO_ERROR", async () => {
  const harness = begun({ [path]: { kind: "bidi", handle: (one: BidiCall) => one.end() } });
  harness.send(frame(frameType.headers, whole, 1, block));
  assert.equal(harness.frames().length, 2);
  assert.equal(harness.session.streamCount, 1);
  await new Promise((resolve) => setTimeout(resolve, 1100));
  assert.equal(resetCode(harness.frames(), 1), errorCode.noError);
  assert.equal(harness.session.streamCount, 0);
  harness.host.deadlines.clear();
  harness.close();
});
