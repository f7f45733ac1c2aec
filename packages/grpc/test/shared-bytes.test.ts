/** What is kept for all clients together is bounded, and who loses its place when it becomes too much. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Method } from "@quorate/grpc";
import { errorCode, flag, frameType } from "../src/http2/protocol.ts";
import { type BytesHolder, SharedBytes } from "../src/shared-bytes.ts";
import {
  callFields,
  frame,
  greeting,
  Harness,
  literals,
  number32,
  resetCode,
  settingsAck,
} from "./http2/harness.ts";

/** Holds bytes and nothing else. */
class Holder implements BytesHolder {
  readonly #shared: SharedBytes;
  held = 0;
  evictions = 0;

  constructor(shared: SharedBytes) {
    this.#shared = shared;
  }

  hold(bytes: number): boolean {
    const room = this.#shared.makeRoom(this, bytes);
    if (room) {
      this.change(bytes);
    }
    return room;
  }

  change(bytes: number): void {
    this.held += bytes;
    this.#shared.count(this, bytes, this.held);
  }

  evict(): void {
    this.evictions++;
    this.change(-this.held);
  }
}

test("whoever has held something longest loses its place; whoever held nothing meanwhile begins anew", () => {
  const shared = new SharedBytes(100);
  const [a, b, c] = [new Holder(shared), new Holder(shared), new Holder(shared)] as const;
  assert.ok(a.hold(40) && b.hold(40));
  a.change(-40);
  assert.ok(a.hold(10), "a has read everything in between");
  assert.ok(c.hold(60));
  assert.deepEqual([a.evictions, b.evictions, c.evictions], [0, 1, 0]);
  assert.equal(shared.bytes, 70);
});

test("whoever would be the next to go gets no more; one piece is always taken, however long", () => {
  const shared = new SharedBytes(100);
  const [a, b] = [new Holder(shared), new Holder(shared)] as const;
  assert.ok(a.hold(300));
  assert.equal(a.hold(1), false);
  assert.ok(b.hold(1));
  assert.deepEqual([a.evictions, a.held, shared.bytes], [1, 0, 1]);
});

const path = "/test.Echo/Say";
const block = literals(callFields(path));
const whole = Buffer.from([0, 0, 0, 0, 1, 7]);
const call = (id: number): Buffer =>
  Buffer.concat([
    frame(frameType.headers, flag.endHeaders, id, block),
    frame(frameType.data, flag.endStream, id, whole),
  ]);
const zeroWindow = frame(frameType.settings, 0, 0, Buffer.concat([Buffer.from([0, 4]), number32(0)]));
const large: Method = { kind: "unary", handle: (_, one) => one.respond(new Uint8Array(1000)) };

test("a connection with a closed window gives way to others: it ends, and with it all that was kept", () => {
  const harness = new Harness({ [path]: large }, { unreadBytesMax: 10_000 });
  harness.send(greeting, settingsAck, zeroWindow);
  for (let i = 0; i < 9; i++) {
    harness.send(call(2 * i + 1));
  }
  const { unread } = harness.host;
  assert.ok(unread.bytes > 9000, `${unread.bytes} bytes kept`);
  const other = new Holder(unread);
  assert.ok(other.hold(5000));
  assert.equal(unread.bytes, 5000);
  assert.equal(harness.socket.destroyed, true);
  assert.equal(harness.session.streamCount, 0);
  assert.ok(
    harness.events.some((event) => event.kind === "connection-refused" && event.reason === "too-slow"),
  );
});

test("a connection alone gets what fits, and RESOURCE_EXHAUSTED for the rest", () => {
  const harness = new Harness({ [path]: large }, { unreadBytesMax: 10_000 });
  harness.send(greeting, settingsAck, zeroWindow);
  for (let i = 0; i < 50; i++) {
    harness.send(call(2 * i + 1));
  }
  const refused = harness.events.filter((event) => event.kind === "call-ended" && event.code === 8);
  assert.equal(refused.length, 41);
  assert.equal(harness.socket.destroyed, false);
  harness.close();
  assert.equal(harness.host.unread.bytes, 0);
});

const postFields = literals([
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/v3/kv/put"],
]);

test("bodies over HTTP/2 without gRPC count like unfinished calls", () => {
  const harness = new Harness({}, { sessionMemoryMebibytesMax: 1 });
  harness.send(greeting, settingsAck);
  for (let i = 0; i < 200; i++) {
    harness.send(
      frame(frameType.headers, flag.endHeaders, 2 * i + 1, postFields),
      frame(frameType.data, 0, 2 * i + 1, new Uint8Array(16_000)),
    );
  }
  assert.ok(harness.host.unfinished.bytes <= 2 ** 20, `${harness.host.unfinished.bytes} bytes kept`);
  assert.ok(harness.host.unfinished.bytes > 2 ** 19, "some are kept");
  harness.close();
  assert.equal(harness.host.unfinished.bytes, 0);
});

test("a body that has come is not counted any longer", () => {
  const harness = new Harness({});
  harness.send(
    greeting,
    settingsAck,
    frame(frameType.headers, flag.endHeaders, 1, postFields),
    frame(frameType.data, 0, 1, new Uint8Array(1000)),
  );
  assert.equal(harness.host.unfinished.bytes, 1000);
  harness.send(frame(frameType.data, flag.endStream, 1, new Uint8Array(1000)));
  assert.equal(harness.host.unfinished.bytes, 0);
  const answer = harness.frames().filter((one) => one.type === frameType.data);
  assert.match(String(answer[0]?.payload), /2000$/, "the body was whole");
});

test("answers over HTTP/2 without gRPC to a closed window are bounded, too", () => {
  const harness = new Harness({}, { unreadBytesMax: 10_000 });
  harness.send(greeting, settingsAck, zeroWindow);
  for (let i = 0; i < 200; i++) {
    harness.send(frame(frameType.headers, flag.endHeaders | flag.endStream, 2 * i + 1, postFields));
  }
  assert.ok(harness.host.unread.bytes <= 10_000, `${harness.host.unread.bytes} bytes kept`);
  assert.equal(resetCode(harness.frames(), 399), errorCode.enhanceYourCalm);
});

test("long header fields of streams that stay open count, too", () => {
  const harness = new Harness(
    { [path]: { kind: "unary", handle: () => {} } },
    { sessionMemoryMebibytesMax: 1 },
  );
  const long = literals([...callFields(path), ["x-long", "y".repeat(15_000)]]);
  harness.send(greeting, settingsAck);
  for (let i = 0; i < 200; i++) {
    harness.send(frame(frameType.headers, flag.endHeaders, 2 * i + 1, long));
  }
  assert.equal(harness.session.streamCount, Math.floor(2 ** 20 / 15_253));
  assert.equal(resetCode(harness.frames(), 399), errorCode.enhanceYourCalm);
  harness.close();
  assert.equal(harness.host.unfinished.bytes, 0);
});
