/** What watch and keep-alive streams carry, against protobuf-es, and against bytes that are no message. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ByteWriter, DecodeError } from "@quorate/base";
import {
  WatchCreateRequest_FilterType as Filter,
  LeaseKeepAliveRequestSchema,
  LeaseKeepAliveResponseSchema,
  WatchRequestSchema,
  WatchResponseSchema,
} from "@quorate/etcd/messages";
import fc from "fast-check";
import { writeHeader } from "../../src/codec/header.ts";
import { decodeLeaseKeepAlive, encodeLeaseKeepAlive } from "../../src/codec/lease-response.ts";
import { decodeWatchRequest } from "../../src/codec/watch-request.ts";
import { encodeEventResponse, eventFieldBytesMax } from "../../src/codec/watch-response.ts";
import { EventRun } from "../../src/watch/event-run.ts";
import { bytes, int64, runs, saturate } from "./arbitraries.ts";
import { header, headerInit } from "./expected.ts";

const flag = fc.boolean();
const createFields = fc.record({
  key: bytes,
  rangeEnd: bytes,
  startRevision: int64,
  progressNotify: flag,
  filters: fc.array(fc.constantFrom(Filter.NOPUT, Filter.NODELETE), { maxLength: 3 }),
  prevKv: flag,
  watchId: int64,
  fragment: flag,
});

test("a request for a watcher decodes as protobuf-es encodes it", () => {
  fc.assert(
    fc.property(createFields, (value) => {
      const message = create(WatchRequestSchema, { requestUnion: { case: "createRequest", value } });
      const { filters, ...plain } = value;
      assert.deepEqual(decodeWatchRequest(toBinary(WatchRequestSchema, message)), {
        kind: "create",
        ...plain,
        startRevision: saturate(value.startRevision),
        noPut: filters.includes(Filter.NOPUT),
        noDelete: filters.includes(Filter.NODELETE),
      });
    }),
    runs,
  );
});

test("other requests of a watch stream, and none", () => {
  fc.assert(
    fc.property(int64, (watchId) => {
      const message = create(WatchRequestSchema, {
        requestUnion: { case: "cancelRequest", value: { watchId } },
      });
      assert.deepEqual(decodeWatchRequest(toBinary(WatchRequestSchema, message)), {
        kind: "cancel",
        watchId,
      });
    }),
    runs,
  );
  const decoded = (hex: string): unknown => decodeWatchRequest(Buffer.from(hex, "hex"));
  assert.deepEqual(decoded(""), { kind: "unknown" });
  assert.deepEqual(decoded("2200"), { kind: "unknown" }, "field 4 is nobody's yet");
  assert.deepEqual(decoded("1a00"), { kind: "progress" });
  assert.deepEqual(decoded("1a020801"), { kind: "progress" }, "its fields are nobody's yet");
  // A filter that is not packed, and one that nobody knows; a member of the union that comes twice is merged.
  const merged = decoded("0a03 0a0161 0a06 2800 2809 4001".replaceAll(" ", "")) as Record<string, unknown>;
  assert.deepEqual(
    [
      merged["kind"],
      Buffer.from(merged["key"] as Uint8Array).toString(),
      merged["noPut"],
      merged["fragment"],
    ],
    ["create", "a", true, true],
  );
  // Another member takes its place; nothing of the first is left when it comes again.
  assert.deepEqual(decoded("0a030a0161 12020807".replaceAll(" ", "")), { kind: "cancel", watchId: 7n });
  const again = decoded("0a030a0161 12020807 0a00".replaceAll(" ", "")) as Record<string, unknown>;
  assert.deepEqual([again["kind"], (again["key"] as Uint8Array).length], ["create", 0]);
});

test("bytes that are no request are refused, whatever they are", () => {
  for (const hex of ["0a", "0a05", "0a020a05", "1202 08ff", "0a02 2a05", "1a01 08", "00", "0f"]) {
    assert.throws(() => decodeWatchRequest(Buffer.from(hex.replaceAll(" ", ""), "hex")), DecodeError, hex);
  }
  assert.throws(() => decodeLeaseKeepAlive(Buffer.from("08", "hex")), DecodeError);
  fc.assert(
    fc.property(bytes, (input) => {
      for (const decode of [decodeWatchRequest, decodeLeaseKeepAlive]) {
        try {
          decode(input);
        } catch (error) {
          assert.ok(error instanceof DecodeError, String(error));
        }
      }
    }),
    runs,
  );
});

test("a keep-alive and its answer are as protobuf-es has them", () => {
  fc.assert(
    fc.property(int64, fc.nat(), (ID, ttlSeconds) => {
      const request = toBinary(LeaseKeepAliveRequestSchema, create(LeaseKeepAliveRequestSchema, { ID }));
      assert.equal(decodeLeaseKeepAlive(request), ID);
      const writer = new ByteWriter(1);
      encodeLeaseKeepAlive(writer, header, ID, ttlSeconds);
      const answer = create(LeaseKeepAliveResponseSchema, {
        header: headerInit,
        ID,
        TTL: BigInt(ttlSeconds),
      });
      assert.deepEqual(writer.finish(), toBinary(LeaseKeepAliveResponseSchema, answer));
    }),
    runs,
  );
});

test("a response with events is as protobuf-es has it, whole or cut", () => {
  const event = fc.record({ key: fc.uint8Array({ minLength: 1, maxLength: 40 }), value: bytes });
  fc.assert(
    fc.property(
      fc.array(event, { minLength: 1, maxLength: 9 }),
      int64,
      fc.nat(300),
      (pairs, watchId, bytesMax) => {
        const messages = pairs.map((kv) => ({ kv }));
        const encoded = messages.map((one) => {
          const whole = toBinary(WatchResponseSchema, create(WatchResponseSchema, { events: [one] }));
          return whole.subarray(2 + (whole.length - 2 >= 128 + 1 ? 1 : 0));
        });
        const run = encoded.reduce((before, one) => before.with(one), EventRun.empty());
        const written = (part: EventRun, fragment: boolean): Uint8Array => {
          const head = new ByteWriter(1);
          writeHeader(head, header);
          const writer = new ByteWriter(1);
          encodeEventResponse(writer, head.finish(), watchId, fragment, part.fields);
          return writer.finish();
        };
        const expected = create(WatchResponseSchema, { header: headerInit, watchId, events: messages });
        assert.deepEqual(written(run, false), toBinary(WatchResponseSchema, expected));
        const parts = run.cut(bytesMax);
        const back = parts.map((part) => fromBinary(WatchResponseSchema, written(part, true)));
        assert.deepEqual(
          back.flatMap(({ events }) => events),
          expected.events,
        );
        for (const part of parts) {
          const alone =
            part.fields.length <= eventFieldBytesMax(Math.max(...encoded.map(({ length }) => length)));
          assert.ok(part.bytes <= bytesMax || alone, "longer than asked for, and more than one event");
        }
      },
    ),
    runs,
  );
});

test("those who get the same events share their bytes", () => {
  const [a, b] = [Uint8Array.of(1), Uint8Array.of(2)];
  const empty = EventRun.empty();
  const one = empty.with(a).with(b);
  const other = empty.with(a).with(b);
  assert.equal(one.fields, other.fields);
  // Whoever goes another way has bytes of its own, and leaves those of the others alone.
  assert.notDeepEqual(empty.with(b).fields, one.fields);
  assert.deepEqual(empty.with(a).with(b).fields, one.fields);
});
