import assert from "node:assert/strict";
import { test } from "node:test";
import { InvariantViolation } from "@quorate/base";
import fc from "fast-check";
import { Inflights } from "../../src/tracker/inflights.ts";
import { at } from "../support/group.ts";

test("the window does what a plain list does", () => {
  const step = fc.oneof(
    fc.record({ op: fc.constant("add" as const), gap: fc.integer({ min: 1, max: 4 }), bytes: fc.nat(30) }),
    fc.record({ op: fc.constant("free" as const), back: fc.integer({ min: 0, max: 12 }) }),
    fc.record({ op: fc.constant("reset" as const) }),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 100 }),
      fc.array(step, { maxLength: 80 }),
      (countMax, bytesMax, steps) => {
        const window = new Inflights(countMax, bytesMax);
        let model: { index: number; bytes: number }[] = [];
        let last = 0;
        for (const one of steps) {
          if (one.op === "add" && !window.full) {
            last += one.gap;
            window.add(at(last), one.bytes);
            model.push({ index: last, bytes: one.bytes });
          } else if (one.op === "free") {
            const to = Math.max(0, last - one.back);
            window.freeTo(at(to));
            model = model.filter(({ index }) => index > to);
          } else if (one.op === "reset") {
            window.reset();
            model = [];
          }
          const bytes = model.reduce((sum, item) => sum + item.bytes, 0);
          assert.equal(window.count, model.length);
          assert.equal(window.bytes, bytes);
          assert.equal(window.full, model.length >= countMax || bytes >= bytesMax);
        }
      },
    ),
    { seed: 20_262, numRuns: 300 },
  );
});

test("bytes under way return to zero on reset", () => {
  const window = new Inflights(10, 100);
  window.add(at(1), 60);
  window.add(at(2), 60);
  assert.equal(window.full, true);
  window.reset();
  assert.equal(window.bytes, 0);
  assert.equal(window.full, false);
});

test("nothing enters a full window", () => {
  const window = new Inflights(1, 100);
  window.add(at(1), 1);
  assert.throws(() => window.add(at(2), 1), InvariantViolation);
});
