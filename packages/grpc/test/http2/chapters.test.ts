/** The small chapters below a session: cutting frames, windows, the outbox, header blocks that are remembered, stream ids. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { openSendWindow, returnCredit, useReceiveWindow } from "../../src/http2/flow-control.ts";
import { FrameReader } from "../../src/http2/frame-reader.ts";
import { HeaderBlocks } from "../../src/http2/header-blocks.ts";
import { BufferPool, Outbox } from "../../src/http2/outbox.ts";
import { connectionPreface, errorCode, windowBytesMax } from "../../src/http2/protocol.ts";
import { Http2Stream } from "../../src/http2/stream.ts";
import { ending, StreamTable } from "../../src/http2/stream-table.ts";
import { callFields, frame, literals } from "./harness.ts";

const anyFrame = fc.record(
  {
    type: fc.integer({ min: 0, max: 255 }),
    flags: fc.integer({ min: 0, max: 255 }),
    streamId: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    payload: fc.uint8Array({ maxLength: 400 }),
  },
  { noNullPrototype: true },
);

test("frames cut at any places are the same frames", () => {
  fc.assert(
    fc.property(
      fc.array(anyFrame, { maxLength: 8 }),
      fc.array(fc.nat({ max: 4000 }), { maxLength: 12 }),
      (frames, cuts) => {
        const taken: unknown[] = [];
        const reader = new FrameReader({
          takeFrame: (type, flags, streamId, bytes, start, end) =>
            taken.push({ type, flags, streamId, payload: new Uint8Array(bytes.subarray(start, end)) }),
        });
        const parts = frames.map((one) => frame(one.type, one.flags, one.streamId, one.payload));
        const bytes = Buffer.concat([connectionPreface, ...parts]);
        const ends = [...cuts.filter((at) => at < bytes.length).sort((a, b) => a - b), bytes.length];
        let from = 0;
        for (const to of ends) {
          reader.push(Buffer.from(bytes.subarray(from, to)));
          from = to;
        }
        assert.deepEqual(taken, frames);
      },
    ),
    { seed: 9113, numRuns: 300 },
  );
});

test("a frame that lies whole in its chunk is not copied, and a stopped reader hands on nothing", () => {
  const seen: Buffer[] = [];
  const reader: FrameReader = new FrameReader({
    takeFrame: (_type, _flags, _id, bytes) => {
      seen.push(bytes);
      reader.stop();
    },
  });
  const chunk = Buffer.concat([connectionPreface, frame(0, 0, 1, new Uint8Array(3)), frame(0, 0, 3)]);
  reader.push(chunk);
  assert.equal(seen.length, 1);
  assert.equal(seen[0], chunk);
});

test("the reserved bit of a stream's identifier is ignored, §4.1", () => {
  const ids: number[] = [];
  const reader = new FrameReader({ takeFrame: (_type, _flags, id) => ids.push(id) });
  reader.push(Buffer.concat([connectionPreface, Buffer.from([0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff])]));
  assert.deepEqual(ids, [2 ** 31 - 1]);
});

test("credit is announced at half of the window, and adds up to what was used", () => {
  const window = { receiveWindowBytes: 1000, receiveCreditBytes: 0 };
  let announced = 0;
  for (let i = 0; i < 30; i++) {
    assert.equal(useReceiveWindow(window, 100), true);
    const increment = returnCredit(window, 100, 1000);
    assert.ok(increment === 0 || increment === 500);
    announced += increment;
  }
  assert.equal(announced + window.receiveCreditBytes, 3000);
  assert.equal(useReceiveWindow(window, 1001), false);
});

test("no send window grows beyond 2^31-1", () => {
  const window = { sendWindowBytes: 1 };
  assert.equal(openSendWindow(window, windowBytesMax), false);
  assert.equal(openSendWindow(window, windowBytesMax - 1), true);
});

test("the outbox grows, hands out in order, and takes its buffer back", () => {
  const pool = new BufferPool();
  const outbox = new Outbox(pool);
  assert.equal(outbox.takeBytes(), null);
  const payload = new Uint8Array(30_000).fill(7);
  for (let i = 0; i < 5; i++) {
    outbox.addFrame(0, 0, i, payload);
  }
  assert.equal(outbox.length, 5 * 30_009);
  const bytes = outbox.takeBytes();
  assert.equal(bytes?.readUInt32BE(2 * 30_009 + 5), 2);
  outbox.recycle(true);
  outbox.addNumberFrame(8, 1, 5);
  const first = outbox.takeBytes()?.buffer;
  outbox.recycle(true);
  outbox.addNumberFrame(8, 1, 5);
  assert.equal(outbox.takeBytes()?.buffer, first);
  // A buffer that has not left is not lent again.
  outbox.recycle(false);
  outbox.addNumberFrame(8, 1, 5);
  assert.notEqual(outbox.takeBytes()?.buffer, first);
});

test("equal blocks on an equal table are decoded once; a changed table forgets", () => {
  const blocks = new HeaderBlocks(16_384);
  const block = literals(callFields("/a/b"));
  const first = blocks.decode(block, 0, block.length);
  assert.equal(blocks.decode(Buffer.from(block), 0, block.length), first);
  assert.equal(first.request, first.request);
  // One insertion later, index 62 means something else: nothing decoded before may be taken for it.
  const insert = Buffer.from([0x40, 1, 0x61, 1, 0x62]);
  blocks.decode(insert, 0, insert.length);
  const reference = Buffer.from([0xbe]);
  const before = blocks.decode(reference, 0, 1);
  assert.equal(blocks.decode(reference, 0, 1), before);
  const other = Buffer.from([0x40, 1, 0x63, 1, 0x64]);
  blocks.decode(other, 0, other.length);
  assert.notEqual(blocks.decode(reference, 0, 1), before);
});

test("a block in parts is bounded in number and in bytes", () => {
  const many = new HeaderBlocks(1000);
  assert.throws(
    () => {
      for (let i = 0; i < 100; i++) {
        many.addPart(Buffer.from([1]), 0, 1);
      }
    },
    { code: errorCode.enhanceYourCalm },
  );
  const long = new HeaderBlocks(1000);
  long.addPart(Buffer.alloc(4000), 0, 4000);
  assert.throws(() => long.addPart(Buffer.alloc(1), 0, 1), { code: errorCode.enhanceYourCalm });
});

test("the table of streams knows how the last ones ended, and forgets the others", () => {
  const table = new StreamTable();
  for (let id = 1; id < 2000; id += 2) {
    table.use(id);
    const stream = new Http2Stream(id, null, 100);
    table.add(stream);
    assert.equal(table.close(stream, id % 4 === 1 ? ending.complete : ending.resetHere), true);
    assert.equal(table.close(stream, ending.complete), false);
  }
  assert.equal(table.count, 0);
  assert.equal(table.endingOf(1997), ending.complete);
  assert.equal(table.endingOf(1999), ending.resetHere);
  assert.equal(table.endingOf(1), ending.unknown);
  assert.throws(() => table.use(1999), { name: "InvariantViolation" });
});

test("a table of streams holds those that live, however they come and go", () => {
  fc.assert(
    fc.property(
      // How far the next identifier is ahead, and how many of those that live end after it, the first one or any.
      fc.array(fc.tuple(fc.integer({ min: 1, max: 300 }), fc.nat({ max: 3 }), fc.nat()), { maxLength: 400 }),
      (steps) => {
        const table = new StreamTable();
        const living = new Map<number, Http2Stream>();
        let id = -1;
        for (const [ahead, ends, which] of steps) {
          id += 2 * (ahead > 250 ? ahead : 1);
          const stream = new Http2Stream(id, null, 100);
          table.use(id);
          table.add(stream);
          living.set(id, stream);
          for (let left = which % 7 === 0 ? ends : 0; left > 0 && living.size > 0; left--) {
            const [gone] = [...living.values()].slice((which * left) % living.size);
            assert.ok(gone !== undefined);
            living.delete(gone.id);
            assert.equal(table.close(gone, ending.complete), true);
            assert.equal(table.close(gone, ending.complete), false);
          }
          assert.equal(table.count, living.size);
        }
        assert.deepEqual(table.all(), [...living.values()]);
        for (let each = 1; each <= id; each += 2) {
          assert.equal(table.get(each), living.get(each) ?? null);
        }
      },
    ),
  );
});
