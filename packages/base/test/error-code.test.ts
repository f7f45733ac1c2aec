/** Codes of errors, whatever realm they come from. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { errorCode } from "@quorate/base";

test("the system's code", () => {
  assert.throws(
    () => readdirSync("/nowhere/at/all"),
    (error) => errorCode(error) === "ENOENT",
  );
});

test("an error of another realm has a code, too", () => {
  const foreign: unknown = runInNewContext('Object.assign(new Error("x"), { code: "EEXIST" })');
  assert.equal(foreign instanceof Error, false);
  assert.equal(errorCode(foreign), "EEXIST");
});

test("null for what has none", () => {
  for (const error of [new Error("x"), { code: 7 }, "ENOENT", null, undefined]) {
    assert.equal(errorCode(error), null);
  }
});
