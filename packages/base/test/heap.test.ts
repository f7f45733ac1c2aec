import assert from "node:assert/strict";
import { test } from "node:test";
import { Heap } from "@quorate/base";
import fc from "fast-check";
import { check } from "./check.ts";

const ascending = (left: number, right: number): number => left - right;

test("an empty heap has nothing", () => {
  const heap = new Heap<number>(ascending);
  assert.equal(heap.length, 0);
  assert.equal(heap.peek(), undefined);
  assert.equal(heap.pop(), undefined);
  assert.equal(heap.length, 0);
});

test("property: pushes and pops in any order agree with a sorted list", () => {
  // A number is pushed, null pops.
  const steps = fc.array(fc.option(fc.integer({ min: -20, max: 20 })), { maxLength: 200 });
  check(
    fc.property(steps, (list) => {
      const heap = new Heap<number>(ascending);
      const model: number[] = [];
      for (const step of list) {
        if (step === null) {
          assert.equal(heap.pop(), model.shift());
        } else {
          heap.push(step);
          model.push(step);
          model.sort(ascending);
        }
        assert.equal(heap.length, model.length);
        assert.equal(heap.peek(), model[0]);
      }
      while (model.length > 0) {
        assert.equal(heap.pop(), model.shift());
      }
      assert.equal(heap.pop(), undefined);
    }),
  );
});

test("the order is the caller's, over any items", () => {
  const heap = new Heap<{ at: number; name: string }>((a, b) => b.at - a.at || (a.name < b.name ? -1 : 1));
  for (const [at, name] of [
    [1, "a"],
    [3, "c"],
    [3, "b"],
    [2, "d"],
  ] as const) {
    heap.push({ at, name });
  }
  assert.deepEqual(
    [heap.pop(), heap.pop(), heap.pop(), heap.pop()].map((item) => item?.name),
    ["b", "c", "d", "a"],
  );
});
