import assert from "node:assert/strict";
import { test } from "node:test";
import { InvariantViolation, assert as invariant, maybe, must, unreachable } from "@quorate/base";

test("assert lets a true condition pass and never builds its message", () => {
  invariant(true, "unused");
  invariant(true, () => assert.fail("the message was built"));
});

test("assert stops with a literal or a built message", () => {
  assert.throws(() => invariant(false, "literal"), { name: "InvariantViolation", message: "literal" });
  assert.throws(() => invariant(false, () => `built ${1 + 1}`), {
    name: "InvariantViolation",
    message: "built 2",
  });
});

test("InvariantViolation is an Error of its own class", () => {
  const violation = new InvariantViolation("broken", { cause: new Error("deeper") });
  assert.ok(violation instanceof Error);
  assert.ok(violation instanceof InvariantViolation);
  assert.equal((violation.cause as Error).message, "deeper");
});

test("maybe accepts both", () => {
  assert.equal(maybe(true), undefined);
  assert.equal(maybe(false), undefined);
});

test("must returns what is there, also when it is falsy", () => {
  for (const value of [0, "", false, Number.NaN]) {
    assert.ok(Object.is(must(value, "present"), value));
  }
});

test("must stops on null and undefined", () => {
  for (const absent of [null, undefined]) {
    assert.throws(() => must(absent, "absent"), { name: "InvariantViolation", message: "absent" });
  }
});

test("unreachable stops when it is reached all the same, and names the value", () => {
  assert.throws(() => unreachable("fourth" as never), {
    name: "InvariantViolation",
    message: "unreachable: fourth",
  });
});
