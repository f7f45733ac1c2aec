/** One session, frame by frame: answers as bytes, what a request may look like, and how connections end well. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { BidiCall, UnaryCall } from "@quorate/grpc";
import { errorCode, flag, frameType } from "../../src/http2/protocol.ts";
import { begun, block, call, echo, last, message, never, path, whole } from "./calls.ts";
import {
  frame,
  goawayCode,
  greeting,
  Harness,
  literals,
  number32,
  resetCode,
  settingsAck,
} from "./harness.ts";

const ping = frame(frameType.ping, 0, 0, Buffer.from("12345678"));

/** Type and flags of what the session wrote by itself. */
function written(harness: Harness): number[][] {
  assert.ok(harness.socket.written.length <= 1, "one write");
  return harness.socket.written.length === 0
    ? []
    : harness.frames().map(({ type, flags }): number[] => [type, flags]);
}

/** Until all that was deferred to the end of this turn is done. */
function aTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
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

test("pings and settings are answered", () => {
  const harness = begun();
  harness.send(frame(frameType.ping, 0, 0, Buffer.from("12345678")), frame(frameType.settings, 0, 0));
  assert.deepEqual(
    harness.frames().map((one) => [one.type, one.flags, one.payload.toString()]),
    [
      [frameType.settings, flag.ack, ""],
      [frameType.ping, flag.ack, "12345678"],
    ],
  );
  harness.close();
});

test("a ping is acknowledged at once while no call is under way", async () => {
  const harness = begun();
  await aTurn();
  harness.send(ping);
  await aTurn();
  assert.deepEqual(written(harness), [[frameType.ping, flag.ack]]);
  harness.close();
});

test("a ping is acknowledged together with the answer that is due", async () => {
  const calls: UnaryCall[] = [];
  const harness = begun({ [path]: { kind: "unary", handle: (_, one) => calls.push(one) } });
  await aTurn();
  harness.send(ping, call(1));
  await aTurn();
  assert.deepEqual(written(harness), []);
  calls[0]?.respond(new Uint8Array(1));
  await new Promise((resolve) => process.nextTick(resolve));
  assert.equal(harness.socket.written.length, 1);
  const types = [frameType.headers, frameType.data, frameType.headers, frameType.ping];
  assert.deepEqual(
    written(harness).map(([type]) => type),
    types,
  );
  harness.close();
});

test("a ping is acknowledged soon when the answer that is due does not come", async () => {
  const harness = begun({ [path]: never });
  await aTurn();
  for (let round = 0; round < 2; round++) {
    harness.send(...(round === 0 ? [call(1), ping] : [ping]));
    await aTurn();
    assert.deepEqual(written(harness), []);
    while (harness.socket.written.length === 0) {
      await delay(1);
    }
    assert.deepEqual(written(harness), [[frameType.ping, flag.ack]]);
  }
  harness.close();
});

test("after acknowledgements that left with an answer, the next ones leave with one when they have rested", async () => {
  const calls: UnaryCall[] = [];
  const harness = begun({ [path]: { kind: "unary", handle: (_, one) => calls.push(one) } });
  await aTurn();
  const opaque = (n: number): string => `ping ${String(n).padStart(3, "0")}`;
  const acknowledged: string[] = [];
  const answerBehindPing = (n: number): void => {
    harness.send(frame(frameType.ping, 0, 0, Buffer.from(opaque(n))), call(2 * n + 1));
    calls[n]?.respond(new Uint8Array(1));
  };
  let n = 0;
  for (; acknowledged.length < 4; n++) {
    answerBehindPing(n);
    await aTurn();
    const frames = harness.frames();
    assert.ok(
      frames.some(({ type }) => type === frameType.headers),
      "each answer leaves at once",
    );
    const pings = frames.filter(({ flags, type }) => type === frameType.ping && flags === flag.ack);
    acknowledged.push(...pings.map(({ payload }) => payload.toString()));
    if (n === 0) {
      assert.deepEqual(acknowledged, [opaque(0)]);
    } else if (n === 1) {
      assert.deepEqual(pings, [], "the second rests");
    }
    await delay(1);
  }
  const sent = Array.from({ length: acknowledged.length }, (_, i) => opaque(i));
  assert.deepEqual(acknowledged, sent, "each once, in the order in which they came");
  harness.close();
});

test("sixteen pings are acknowledged at once, whatever is due", async () => {
  const harness = begun({ [path]: never });
  await aTurn();
  harness.send(call(1), ...Array.from({ length: 16 }, () => ping));
  await aTurn();
  const one = [frameType.ping, flag.ack];
  assert.deepEqual(
    written(harness),
    Array.from({ length: 16 }, () => one),
  );
  harness.close();
});

test("a connection that was ended for a broken rule acknowledges no ping behind its goodbye", async () => {
  const harness = begun({ [path]: never });
  await aTurn();
  harness.send(call(1), ping, frame(frameType.ping, 0, 1, Buffer.from("12345678")));
  await aTurn();
  assert.deepEqual(
    written(harness).map(([type]) => type),
    [frameType.goaway],
  );
  harness.close();
});

test("what a turn wrote beyond a megabyte goes on behind a write that the system took whole: it tells no drain", async () => {
  const calls: BidiCall[] = [];
  const harness = begun({ [path]: { kind: "bidi", handle: (one) => calls.push(one) } });
  const wideWindows = Buffer.concat([Buffer.from([0, 4]), number32(2 ** 24)]);
  harness.send(
    frame(frameType.settings, 0, 0, wideWindows),
    frame(frameType.windowUpdate, 0, 0, number32(2 ** 24)),
    call(1),
  );
  await aTurn();
  harness.frames();
  const messageCount = 200;
  for (let i = 0; i < messageCount; i++) {
    calls[0]?.write(new Uint8Array(16_000));
  }
  assert.equal(harness.socket.writableNeedDrain, false);
  await aTurn();
  const data = harness.frames().filter(({ type }) => type === frameType.data);
  const sentBytes = data.reduce((sum, { payload }) => sum + payload.length, 0);
  assert.equal(sentBytes, messageCount * 16_005);
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
