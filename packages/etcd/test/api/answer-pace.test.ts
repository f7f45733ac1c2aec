/** Large answers are given in slices, in the order in which they were due. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AnswerPace } from "../../src/api/answer-pace.ts";

test("thousands of large answers that are due at once leave room for other work between them", () => {
  const deferred: (() => void)[] = [];
  const pace = new AnswerPace({ defer: (work) => void deferred.push(work) });
  const order: number[] = [];
  const answer = (place: number): void => {
    if (pace.isDue) {
      pace.later({}, () => answer(place));
      return;
    }
    order.push(place);
    pace.wrote(400_000);
  };
  for (let place = 0; place < 100; place++) {
    answer(place);
  }
  let slices = 1;
  for (let done = order.length; deferred.length > 0; done = order.length) {
    assert.equal(deferred.length, 1, "one slice is planned at a time");
    deferred.shift()?.();
    slices++;
    assert.ok(order.length - done <= 3, `${order.length - done} answers in one slice`);
  }
  assert.deepEqual(
    order,
    Array.from({ length: 100 }, (_, place) => place),
  );
  assert.ok(slices >= 33, `${slices} slices`);
  assert.equal(pace.isDue, false);
});

test("small answers never wait", () => {
  let planned = 0;
  const pace = new AnswerPace({ defer: () => void planned++ });
  for (let i = 0; i < 1000; i++) {
    assert.equal(pace.isDue, false);
    pace.wrote(1000);
  }
  assert.equal(planned, 0);
});

test("whoever asks for one large answer does not wait for the thousand of another connection", () => {
  const deferred: (() => void)[] = [];
  const pace = new AnswerPace({ defer: (work) => void deferred.push(work) });
  const order: string[] = [];
  pace.wrote(2 ** 20);
  for (const peer of [...Array.from({ length: 1000 }, () => "many"), "one"]) {
    pace.later({ peer }, () => {
      order.push(peer);
      pace.wrote(2 ** 20);
    });
  }
  deferred.shift()?.();
  deferred.shift()?.();
  assert.deepEqual(order, ["many", "one"]);
  for (let work = deferred.shift(); work !== undefined; work = deferred.shift()) {
    work();
  }
  assert.equal(order.length, 1001);
});
