/** The clients' own history: one that has an order, and some that have none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Message, MessageWriter } from "../../src/etcd/protobuf.ts";
import type { Answer } from "../../src/workloads/client.ts";
import { KeyHistory } from "../../src/workloads/single-keys.ts";

const pair = (value: string, version: number): MessageWriter =>
  new MessageWriter().text(1, "k").number(4, version).text(5, value);

function done(write: (message: MessageWriter) => MessageWriter): Answer {
  const message = new Message(write(new MessageWriter()).finish());
  return { kind: "done", message, revision: 1, text: "" };
}

const got = (value: string, version: number): Answer =>
  done((message) => message.message(2, pair(value, version)));
const put = (before: readonly [string, number] | null): Answer =>
  done((message) => (before === null ? message : message.message(2, pair(...before))));
const swapped: Answer = done((message) => message.flag(2, true));
const lost: Answer = { kind: "lost" };

const check = (history: KeyHistory): void => history.check(10_000, () => true);
const hasNone = (history: KeyHistory): void => assert.throws(() => check(history), /linearizability/);

test("operations one after the other, and two at once", () => {
  const history = new KeyHistory();
  history.begin({ kind: "put", key: "k", value: "1" })(put(null), true);
  const slow = history.begin({ kind: "put", key: "k", value: "2" });
  history.begin({ kind: "get", key: "k" })(got("2", 2), false);
  slow(put(["1", 1]), true);
  history.begin({ kind: "swap", key: "k", expected: "2", value: "3" })(swapped, true);
  check(history);
});

test("a read misses what was acknowledged before", () => {
  const history = new KeyHistory();
  history.begin({ kind: "put", key: "k", value: "1" })(put(null), true);
  history.begin({ kind: "put", key: "k", value: "2" })(put(["1", 1]), true);
  history.begin({ kind: "get", key: "k" })(got("1", 1), false);
  hasNone(history);
});

test("a write was done twice: the version tells", () => {
  const history = new KeyHistory();
  history.begin({ kind: "put", key: "k", value: "1" })(put(null), true);
  history.begin({ kind: "get", key: "k" })(got("1", 2), false);
  hasNone(history);
});

test("a swap that fits no value", () => {
  const history = new KeyHistory();
  history.begin({ kind: "put", key: "k", value: "1" })(put(null), true);
  history.begin({ kind: "swap", key: "k", expected: "other", value: "2" })(swapped, true);
  hasNone(history);
});

test("a write of unknown outcome explains what is read later; one that certainly was not done explains nothing", () => {
  const unknown = new KeyHistory();
  unknown.begin({ kind: "put", key: "k", value: "1" })(lost, true);
  unknown.begin({ kind: "get", key: "k" })(got("1", 1), false);
  check(unknown);
  const refused = new KeyHistory();
  refused.begin({ kind: "put", key: "k", value: "1" })({ kind: "refused", code: "KV_NO_LEADER" }, false);
  refused.begin({ kind: "get", key: "k" })(got("1", 1), false);
  hasNone(refused);
});
