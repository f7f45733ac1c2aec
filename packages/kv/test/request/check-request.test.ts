/** What etcd refuses before it proposes. */
import assert from "node:assert/strict";
import test from "node:test";
import { checkRequest, type KvErrorCode, type KvRequest, type RequestOp } from "@quorate/kv";
import { compare, del, put, range, txn } from "../support/requests.ts";

const expectCheck = (request: KvRequest, code: KvErrorCode | null): void => {
  assert.equal(checkRequest(request), code);
};
const exists = compare("a", "greater", { target: "version", value: 0 });
const many = (count: number): RequestOp[] => Array.from({ length: count }, (_, i) => put(`k${i}`, ""));

test("a key must be given", () => {
  expectCheck(range(""), "KV_EMPTY_KEY");
  expectCheck(put("", "v"), "KV_EMPTY_KEY");
  expectCheck(del(""), "KV_EMPTY_KEY");
  expectCheck(txn([compare("", "equal", { target: "version", value: 0 })], []), "KV_EMPTY_KEY");
  expectCheck(txn([], [txn([], [], [put("", "")])]), "KV_EMPTY_KEY");
  expectCheck(range("\0", "\0"), null);
});

test("ignore_value excludes a value, ignore_lease a lease", () => {
  expectCheck(put("k", "v", { ignoreValue: true }), "KV_VALUE_PROVIDED");
  expectCheck(put("k", "", { ignoreValue: true }), null);
  expectCheck(put("k", "v", { ignoreLease: true, lease: 1n }), "KV_LEASE_PROVIDED");
  expectCheck(put("k", "v", { ignoreLease: true }), null);
});

test("orders and targets without a name are refused", () => {
  expectCheck(range("k", "", { sortOrder: "unknown" }), "KV_INVALID_SORT_OPTION");
  expectCheck(range("k", "", { sortTarget: "unknown" }), "KV_INVALID_SORT_OPTION");
});

test("128 operations, the longest list counting, and inner ones on what is left", () => {
  expectCheck(txn([], many(128)), null);
  expectCheck(txn([], many(129)), "KV_TOO_MANY_OPS");
  expectCheck(txn(Array(129).fill(exists), []), "KV_TOO_MANY_OPS");
  expectCheck(txn([], many(100), many(128)), null);
  expectCheck(txn([], [txn([], many(127))]), null);
  expectCheck(txn([], [txn([], many(128))]), "KV_TOO_MANY_OPS");
  expectCheck(txn(Array(100).fill(exists), [txn([], many(29))]), "KV_TOO_MANY_OPS");
  assert.equal(checkRequest(txn([], many(3)), { txnOpCountMax: 2 }), "KV_TOO_MANY_OPS");
});

test("an operation that carries nothing is answered with key not found", () => {
  expectCheck(txn([], [{ type: "none" }]), "KV_KEY_NOT_FOUND");
});

test("one path puts a key once and does not delete what it puts", () => {
  const duplicate = (ops: RequestOp[]): void => {
    expectCheck(txn([], ops), "KV_DUPLICATE_KEY");
    expectCheck(txn([], [], ops), "KV_DUPLICATE_KEY");
  };
  duplicate([put("a", "1"), put("a", "2")]);
  duplicate([put("a", "1"), del("a")]);
  duplicate([del("a", "c"), put("b", "1")]);
  duplicate([del("a", "\0"), put("z", "1")]);
  duplicate([put("a", "1"), txn([], [put("a", "2")])]);
  duplicate([del("a"), txn([], [], [put("a", "2")])]);
  duplicate([txn([], [put("a", "1")]), txn([], [], [put("a", "2")])]);
  duplicate([txn([], [del("a")]), txn([], [put("a", "2")])]);
  duplicate([txn([], [del("a")]), put("a", "2")]);
});

test("what does not meet on one path is no duplicate", () => {
  expectCheck(txn([], [put("a", "1")], [put("a", "2")]), null);
  expectCheck(txn([], [txn([], [put("a", "1")], [put("a", "2")])]), null);
  expectCheck(txn([], [txn([], [put("a", "1")], [del("a")])]), null);
  expectCheck(txn([], [del("a", "c"), del("b")]), null);
  expectCheck(txn([], [del("a", "c"), put("c", "1")]), null);
  expectCheck(txn([], [del("b", "a"), put("a", "1"), put("b", "1")]), null);
  expectCheck(txn([], [put("a", "1"), range("a")]), null);
});

test("an inner transaction may delete what an earlier one put, as in etcd", () => {
  expectCheck(txn([], [txn([], [put("a", "1")]), txn([], [del("a")])]), null);
});
