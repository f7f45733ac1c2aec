/** What waits for a client's window: in order, whole, and in no more memory than it counts for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SendQueue } from "../../src/http2/send-queue.ts";

const piece = fc.oneof(
  fc.record({ framed: fc.constant(true), bytes: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({ framed: fc.constant(false), bytes: fc.uint8Array({ minLength: 1, maxLength: 300 }) }),
);

test("messages and bytes leave in order, cut anywhere", () => {
  const parameters = { seed: 20261122, numRuns: 300 };
  const steps = fc.array(fc.oneof(piece, fc.nat(2000)), { maxLength: 40 });
  fc.assert(
    fc.property(steps, (all) => {
      const queue = new SendQueue();
      let expected = Buffer.alloc(0);
      let left = Buffer.alloc(0);
      const take = (most: number): void => {
        const bytes = Math.min(most, queue.bytes);
        if (bytes > 0) {
          const out = Buffer.alloc(bytes + 3);
          queue.shiftTo(out, 3, bytes);
          left = Buffer.concat([left, out.subarray(3)]);
        }
      };
      for (const step of all) {
        if (typeof step === "number") {
          take(step);
        } else if (step.framed) {
          const prefix = Buffer.alloc(5);
          prefix.writeUInt32BE(step.bytes.length, 1);
          expected = Buffer.concat([expected, prefix, step.bytes]);
          queue.pushMessage(step.bytes);
        } else {
          expected = Buffer.concat([expected, step.bytes]);
          queue.push(step.bytes.slice());
        }
        assert.equal(queue.bytes, expected.length - left.length);
      }
      take(Number.POSITIVE_INFINITY);
      assert.deepEqual(left, expected);
    }),
    parameters,
  );
});

test("short messages take no more memory than twice what they count for", (context) => {
  let allocated = 0;
  const { allocUnsafeSlow } = Buffer;
  context.mock.method(Buffer, "allocUnsafeSlow", (bytes: number) => {
    allocated += bytes;
    return allocUnsafeSlow(bytes);
  });
  for (const count of [1, 2, 3, 10, 1000]) {
    allocated = 0;
    const queue = new SendQueue();
    for (let i = 0; i < count; i++) {
      queue.pushMessage(new Uint8Array(20));
    }
    assert.equal(queue.bytes, count * 25);
    assert.ok(allocated >= queue.bytes && allocated <= 2 * queue.bytes, `${allocated} for ${queue.bytes}`);
  }
});
