import assert from "node:assert/strict";
import { test } from "node:test";
import { toLogIndex } from "@quorate/raft";
import { History } from "../../src/checkers/history.ts";
import { fires } from "./trio.ts";

function acknowledgedPut(history: History, key: string, value: string, index: number): void {
  const put = history.begin("put", key, value, 0);
  history.applied(toLogIndex(index), key, value);
  history.putApplied(put, toLogIndex(index));
}

test("linearizable-reads fires when a read misses an acknowledged put", () => {
  const history = new History();
  acknowledgedPut(history, "k", "a", 1);
  acknowledgedPut(history, "k", "b", 2);
  const read = history.begin("read", "k", null, 0);
  fires("linearizable-reads", () => history.readReturned(read, "a"));
});

test("linearizable-reads lets a read that began before the put miss it", () => {
  const history = new History();
  acknowledgedPut(history, "k", "a", 1);
  const read = history.begin("read", "k", null, 0);
  acknowledgedPut(history, "k", "b", 2);
  history.readReturned(read, "a");
});

test("linearizable-reads fires when reads go back", () => {
  const history = new History();
  acknowledgedPut(history, "k", "a", 1);
  const slow = history.begin("put", "k", "b", 0);
  history.applied(toLogIndex(2), "k", "b");
  history.unknown(slow);
  history.readReturned(history.begin("read", "k", null, 0), "b");
  fires("linearizable-reads", () => history.readReturned(history.begin("read", "k", null, 0), "a"));
});

test("linearizable-reads fires on a key that is absent after an acknowledged put, and on a value nobody committed", () => {
  const history = new History();
  acknowledgedPut(history, "k", "a", 1);
  fires("linearizable-reads", () => history.readReturned(history.begin("read", "k", null, 0), null));
  fires("linearizable-reads", () => history.readReturned(history.begin("read", "k", null, 0), "z"));
});

test("linearizable-reads fires when a put takes place before what had been read when it began", () => {
  const history = new History();
  acknowledgedPut(history, "k", "a", 5);
  const put = history.begin("put", "k", "b", 0);
  history.applied(toLogIndex(4), "k", "b");
  fires("linearizable-reads", () => history.putApplied(put, toLogIndex(4)));
});

test("acknowledged-writes fires when an acknowledged put is not in the log, or elsewhere in it", () => {
  const history = new History();
  const lost = history.begin("put", "k", "a", 0);
  fires("acknowledged-writes", () => history.putApplied(lost, toLogIndex(1)));
  const moved = history.begin("put", "k", "b", 0);
  history.applied(toLogIndex(2), "k", "b");
  fires("acknowledged-writes", () => history.putApplied(moved, toLogIndex(3)));
});

test("acknowledged-writes fires when the final state lacks the last applied put", () => {
  const history = new History();
  acknowledgedPut(history, "k", "a", 1);
  history.checkFinal(1, () => "a");
  fires("acknowledged-writes", () => history.checkFinal(1, () => null));
});

test("refused-never-applied fires in either order", () => {
  const early = new History();
  const first = early.begin("put", "k", "a", 0);
  early.refused(first);
  fires("refused-never-applied", () => early.applied(toLogIndex(1), "k", "a"));
  const late = new History();
  const second = late.begin("put", "k", "a", 0);
  late.applied(toLogIndex(1), "k", "a");
  fires("refused-never-applied", () => late.refused(second));
});

test("at-most-once fires when one put stands at two places", () => {
  const history = new History();
  history.begin("put", "k", "a", 0);
  history.applied(toLogIndex(1), "k", "a");
  history.applied(toLogIndex(1), "k", "a");
  fires("at-most-once", () => history.applied(toLogIndex(2), "k", "a"));
});

test("exactly-once fires when a put of a session is answered with another revision than it made", () => {
  const history = new History();
  const operation = history.begin("put", "k", "v", 0);
  history.applied(toLogIndex(4), "k", "v");
  history.made("v", 7);
  history.made("v", 7);
  assert.throws(() => history.sessionPutApplied(operation, 8), /exactly-once/);
  history.sessionPutApplied(operation, 7);
  const lost = history.begin("put", "k", "w", 0);
  assert.throws(() => history.sessionPutApplied(lost, null), /never applied/);
});

test("linearizability is found out from what the clients saw alone", () => {
  const history = new History();
  const first = history.begin("put", "k", "a", 0);
  history.applied(toLogIndex(1), "k", "a");
  history.putApplied(first, toLogIndex(1));
  const early = history.begin("read", "k", null, 1);
  const second = history.begin("put", "k", "b", 1);
  history.applied(toLogIndex(2), "k", "b");
  history.putApplied(second, toLogIndex(2));
  const late = history.begin("read", "k", null, 2);
  history.readReturned(late, "b");
  history.readReturned(early, "a"); // It overlaps the second put.
  history.checkLinearizable(1_000);
  // What no member would report here: the clients' own times say that a read missed a put.
  late.value = "a";
  assert.throws(() => history.checkLinearizable(1_000), /linearizability/);
});
