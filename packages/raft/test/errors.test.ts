import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError, noNode, RaftError, StorageError } from "@quorate/raft";

test("an error's text is its code with its facts, and its cause is kept", () => {
  const cause = new Error("EIO");
  const error = new StorageError({ code: "STORAGE_IO", syscall: "fdatasync", file: "wal/1" }, cause);
  assert.equal(error.message, "STORAGE_IO syscall=fdatasync file=wal/1");
  assert.equal(error.code, "STORAGE_IO");
  assert.equal(error.cause, cause);
  assert.equal(new ConfigError(["a", "b"]).message, "invalid configuration: a; b");
});

test("only an error that says so leaves the outcome open", () => {
  assert.equal(new RaftError({ code: "RAFT_NOT_LEADER", leader: noNode }).maybeCommitted, false);
  assert.equal(new RaftError({ code: "RAFT_DEADLINE", maybeCommitted: true }).maybeCommitted, true);
  assert.equal(new RaftError({ code: "RAFT_STOPPED", maybeCommitted: false }).maybeCommitted, false);
  assert.equal(new RaftError({ code: "RAFT_LEADER_CHANGED", maybeCommitted: false }).maybeCommitted, false);
});
