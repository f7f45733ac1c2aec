/** Which failures are the disk's. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { InvariantViolation } from "@quorate/base";
import { StorageError } from "@quorate/raft";
import { FileError } from "@quorate/wal";
import { isStorageFailure } from "../../src/process/fatal.ts";

test("a failed sync is, also as the cause of another error", () => {
  const failed = new FileError("EIO", "fdatasync", "wal/1");
  const storage = new StorageError({ code: "STORAGE_IO", syscall: "fdatasync", file: "wal/1" }, failed);
  for (const error of [failed, storage, new Error("stopped", { cause: storage })]) {
    assert.equal(isStorageFailure(error), true, error.message);
  }
});

test("a bug is not", () => {
  for (const error of [new InvariantViolation("x"), new TypeError("y"), "text", undefined]) {
    assert.equal(isStorageFailure(error), false, String(error));
  }
});
