/** What RFC 9113 forbids: what ends the connection, what resets its stream and nothing else, and with which code. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connectionPreface, errorCode, flag, frameType } from "../../src/http2/protocol.ts";
import { begun, block, call, last, message, never, path, whole } from "./calls.ts";
import {
  callFields,
  frame,
  goawayCode,
  Harness,
  literals,
  number32,
  resetCode,
  settingsAck,
} from "./harness.ts";

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
