/** Flow control: answers wait for the client's windows, streams take turns in them, and the server's own are kept. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { BidiCall } from "@quorate/grpc";
import { errorCode, frameType } from "../../src/http2/protocol.ts";
import { begun, block, call, path, whole } from "./calls.ts";
import { type Frame, frame, number32, resetCode } from "./harness.ts";

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
