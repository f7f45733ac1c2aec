import assert from "node:assert/strict";
import { test } from "node:test";
import { RingBuffer } from "@quorate/base";
import fc from "fast-check";
import { check } from "./check.ts";

type Step = "push" | "shift" | "clear";

function expectSame(queue: RingBuffer<number>, model: readonly number[]): void {
  assert.equal(queue.length, model.length);
  assert.equal(queue.peek(), model[0]);
  assert.deepEqual([...queue], model);
  for (let i = 0; i <= model.length; i++) {
    assert.equal(queue.at(i), model[i]);
  }
}

test("property: agrees with an array, through growth and wrap-around", () => {
  const step = fc.constantFrom<Step>("push", "push", "push", "shift", "shift", "clear");
  const mostly = fc.array(
    fc.oneof({ weight: 40, arbitrary: fc.constantFrom<Step>("push", "push", "shift") }, step),
    {
      maxLength: 150,
      size: "max",
    },
  );
  check(
    fc.property(mostly, (steps) => {
      const queue = new RingBuffer<number>();
      const model: number[] = [];
      steps.forEach((one, i) => {
        if (one === "push") {
          queue.push(i);
          model.push(i);
        } else if (one === "shift") {
          assert.equal(queue.shift(), model.shift());
        } else {
          queue.clear();
          model.length = 0;
        }
        expectSame(queue, model);
      });
    }),
    100,
  );
});

test("grows while its content wraps around the end", () => {
  for (let shifted = 0; shifted <= 16; shifted++) {
    const queue = new RingBuffer<number>();
    const model: number[] = [];
    for (let i = 0; i < 60; i++) {
      queue.push(i);
      model.push(i);
      if (i < shifted) {
        assert.equal(queue.shift(), model.shift());
      }
    }
    expectSame(queue, model);
  }
});

test("a negative position is a bug", () => {
  assert.throws(() => new RingBuffer<number>().at(-1), { name: "InvariantViolation" });
});

test("lets go of what was taken out", () => {
  const queue = new RingBuffer<object>();
  queue.push({});
  queue.push({});
  queue.shift();
  assert.equal(queue.at(1), undefined);
  queue.clear();
  assert.equal(queue.shift(), undefined);
});
