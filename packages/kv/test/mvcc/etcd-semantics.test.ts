/** etcd's documented behaviour, sentence by sentence, through the state machine. */
import assert from "node:assert/strict";
import test from "node:test";
import { InvariantViolation } from "@quorate/base";
import { encodeCommand, KvStateMachine, UnsupportedFormat } from "@quorate/kv";
import { bytes, compare, Driver, del, plain, put, range, txn } from "../support/requests.ts";

const refused = (code: string): object => ({ type: "refused", code });

test("the store starts at revision 1 and the first write gets 2", () => {
  const driver = new Driver();
  assert.equal(driver.machine.revision, 1);
  assert.deepEqual(driver.apply(put("k", "v")), { type: "put", revision: 2, prevKv: null });
});

test("a write request that changes something takes one revision, others none", () => {
  const driver = new Driver();
  driver.apply(txn([], [put("a", "1"), put("b", "1"), put("c", "1")]));
  assert.equal(driver.machine.revision, 2);
  assert.deepEqual(driver.apply(del("a", "c")), {
    type: "delete-range",
    revision: 3,
    deleted: 2,
    prevKvs: [],
  });
  assert.deepEqual(driver.apply(del("absent")), {
    type: "delete-range",
    revision: 3,
    deleted: 0,
    prevKvs: [],
  });
  driver.apply(txn([], [range("a"), del("absent")]));
  driver.compact(2);
  driver.apply({ type: "member-publish", id: 1, name: "", clientUrls: [], peerUrls: [] });
  assert.equal(driver.machine.revision, 3);
});

test("version counts puts since creation and is reset by a delete", () => {
  const driver = new Driver();
  driver.apply(put("k", "1"));
  driver.apply(put("k", "2"));
  driver.apply(del("k"));
  driver.apply(put("k", "3"));
  const at = (revision: number): unknown => driver.range(range("k", "", { revision })).kvs[0];
  const pair = { key: "k", lease: 0n };
  assert.deepEqual(at(3), { ...pair, createRevision: 2, modRevision: 3, version: 2, value: "2" });
  assert.equal(at(4), undefined);
  assert.deepEqual(at(0), { ...pair, createRevision: 5, modRevision: 5, version: 1, value: "3" });
});

test("ranges: one key, an interval, from a key on, all keys, an inverted interval", () => {
  const driver = new Driver();
  for (const key of ["\0", "a", "ab", "b", "\xff"]) {
    driver.apply(put(key, ""));
  }
  assert.deepEqual(driver.keys(range("a")), ["a"]);
  assert.deepEqual(driver.keys(range("a", "b")), ["a", "ab"]);
  assert.deepEqual(driver.keys(range("ab", "\0")), ["ab", "b", "\xc3\xbf"]);
  assert.equal(driver.keys(range("\0", "\0")).length, 5);
  assert.deepEqual(driver.keys(range("b", "a")), []);
  assert.deepEqual(driver.keys(range("b", "b")), []);
});

test("limit, more and count: count is that of the whole range", () => {
  const driver = new Driver();
  for (const key of ["a", "b", "c"]) {
    driver.apply(put(key, key));
  }
  const answer = (limit: number): unknown => {
    const { kvs, count, more } = driver.range(range("a", "z", { limit }));
    return [kvs.length, count, more];
  };
  assert.deepEqual(answer(2), [2, 3, true]);
  assert.deepEqual(answer(3), [3, 3, false]);
  assert.deepEqual(answer(0), [3, 3, false]);
  assert.deepEqual(answer(-1), [3, 3, false]);
  assert.deepEqual(answer(Number.MAX_SAFE_INTEGER), [3, 3, false]);
  const counted = driver.range(range("a", "z", { countOnly: true, limit: 1 }));
  assert.deepEqual([counted.kvs, counted.count, counted.more], [[], 3, false]);
});

test("keys only leaves values out; revision bounds apply after reading", () => {
  const driver = new Driver();
  driver.apply(put("a", "1"));
  driver.apply(put("b", "2"));
  driver.apply(put("a", "3"));
  assert.deepEqual(
    driver.range(range("a", "z", { keysOnly: true })).kvs.map((kv) => kv.value),
    ["", ""],
  );
  assert.deepEqual(driver.keys(range("a", "z", { minModRevision: 4 })), ["a"]);
  assert.deepEqual(driver.keys(range("a", "z", { maxModRevision: 3 })), ["b"]);
  assert.deepEqual(driver.keys(range("a", "z", { minCreateRevision: 3 })), ["b"]);
  assert.deepEqual(driver.keys(range("a", "z", { maxCreateRevision: 2 })), ["a"]);
  assert.equal(driver.range(range("a", "z", { maxModRevision: 3 })).count, 2);
  assert.deepEqual(driver.keys(range("a", "z", { maxModRevision: -1 })), []);
});

test("orders: by each target, both ways; no order with a target ascends over what the limit read", () => {
  const driver = new Driver();
  driver.apply(put("a", "z"));
  driver.apply(put("b", "y"));
  driver.apply(put("c", "x"));
  driver.apply(put("a", "z"));
  assert.deepEqual(driver.keys(range("a", "z", { sortOrder: "descend" })), ["c", "b", "a"]);
  assert.deepEqual(driver.keys(range("a", "z", { sortOrder: "descend", limit: 1 })), ["c"]);
  assert.deepEqual(driver.keys(range("a", "z", { sortOrder: "ascend", sortTarget: "value" })), [
    "c",
    "b",
    "a",
  ]);
  assert.deepEqual(driver.keys(range("a", "z", { sortOrder: "descend", sortTarget: "version" })), [
    "a",
    "b",
    "c",
  ]);
  assert.deepEqual(driver.keys(range("a", "z", { sortOrder: "ascend", sortTarget: "mod" })), ["b", "c", "a"]);
  assert.deepEqual(driver.keys(range("a", "z", { sortOrder: "descend", sortTarget: "create" })), [
    "c",
    "b",
    "a",
  ]);
  assert.deepEqual(driver.keys(range("a", "z", { sortTarget: "value" })), ["c", "b", "a"]);
  assert.deepEqual(driver.keys(range("a", "z", { sortTarget: "value", limit: 1 })), ["b"]);
});

test("revisions that cannot be read: the future, and below the compact revision but not at it", () => {
  const driver = new Driver();
  driver.apply(put("k", "1"));
  driver.apply(put("k", "2"));
  driver.apply(put("k", "3"));
  driver.compact(3);
  const read = (revision: number): unknown => plain(driver.machine.range(range("k", "", { revision })));
  assert.deepEqual(read(5), refused("KV_FUTURE_REV"));
  assert.deepEqual(read(Number.MAX_SAFE_INTEGER), refused("KV_FUTURE_REV"));
  assert.deepEqual(read(2), refused("KV_COMPACTED"));
  assert.equal(driver.range(range("k", "", { revision: 3 })).kvs[0]?.value, "2");
  assert.equal(driver.range(range("k", "", { revision: -1 })).kvs[0]?.value, "3");
  const old = plain(driver.machine.range(range("k", "", { revision: 3 }))) as { revision: number };
  assert.equal(old.revision, 4, "the header has the present revision");
});

test("compaction: not twice, not below, not in the future", () => {
  const driver = new Driver();
  assert.deepEqual(driver.compact(2), refused("KV_FUTURE_REV"));
  assert.deepEqual(driver.compact(-1), refused("KV_COMPACTED"));
  assert.deepEqual(driver.compact(0), { type: "compaction", revision: 1 });
  assert.deepEqual(driver.compact(0), refused("KV_COMPACTED"));
  driver.apply(put("k", "v"));
  assert.deepEqual(driver.compact(2), { type: "compaction", revision: 2 });
  assert.deepEqual(driver.compact(1), refused("KV_COMPACTED"));
});

test("compaction keeps the version that is visible at its revision (K4)", () => {
  const driver = new Driver();
  driver.apply(put("k", "1"));
  driver.apply(put("other", "1"));
  driver.compact(3);
  driver.sweepAll();
  assert.equal(driver.range(range("k")).kvs[0]?.value, "1");
  driver.machine.check();
});

test("put: previous pair, kept value, kept lease, missing key, missing lease", () => {
  const driver = new Driver();
  assert.deepEqual(driver.apply(put("k", "", { ignoreValue: true })), refused("KV_KEY_NOT_FOUND"));
  assert.deepEqual(driver.apply(put("k", "v", { ignoreLease: true })), refused("KV_KEY_NOT_FOUND"));
  assert.deepEqual(driver.apply(put("k", "v", { lease: 5n })), refused("KV_LEASE_NOT_FOUND"));
  assert.equal(driver.machine.revision, 1);
  driver.apply(put("k", "v"));
  const result = driver.apply(put("k", "", { ignoreValue: true, prevKv: true })) as { prevKv: unknown };
  assert.deepEqual(result.prevKv, {
    key: "k",
    createRevision: 2,
    modRevision: 2,
    version: 1,
    value: "v",
    lease: 0n,
  });
  assert.equal(driver.range(range("k")).kvs[0]?.value, "v");
  driver.apply(del("k"));
  assert.deepEqual(driver.apply(put("k", "", { ignoreValue: true })), refused("KV_KEY_NOT_FOUND"));
});

test("delete answers with what it deleted, in key order", () => {
  const driver = new Driver();
  driver.apply(put("b", "2"));
  driver.apply(put("a", "1"));
  const result = driver.apply(del("a", "z", true)) as unknown as { prevKvs: { key: string }[] };
  assert.deepEqual(
    result.prevKvs.map((kv) => kv.key),
    ["a", "b"],
  );
});

test("txn: a missing key compares as zeros, its value with nothing", () => {
  const driver = new Driver();
  const succeeds = (...compares: Parameters<typeof txn>[0]): boolean =>
    (driver.apply(txn(compares, [])) as unknown as { succeeded: boolean }).succeeded;
  assert.ok(succeeds(compare("k", "equal", { target: "version", value: 0 })));
  assert.ok(succeeds(compare("k", "equal", { target: "create", value: 0 })));
  assert.ok(succeeds(compare("k", "less", { target: "mod", value: 1 })));
  assert.ok(succeeds(compare("k", "equal", { target: "lease", value: 0n })));
  for (const result of ["equal", "not-equal", "greater", "less", "unknown"] as const) {
    assert.ok(!succeeds(compare("k", result, { target: "value", value: bytes("") })), result);
  }
});

test("txn: a range compare holds for every key, an empty range is a missing key, all compares are needed", () => {
  const driver = new Driver();
  driver.apply(put("a", "1"));
  driver.apply(put("b", "1"));
  driver.apply(put("b", "2"));
  const succeeds = (...compares: Parameters<typeof txn>[0]): boolean =>
    (driver.apply(txn(compares, [])) as unknown as { succeeded: boolean }).succeeded;
  const versionIs1 = { target: "version", value: 1 } as const;
  assert.ok(!succeeds(compare("a", "equal", versionIs1, "z")));
  assert.ok(succeeds(compare("a", "greater", { target: "version", value: 0 }, "z")));
  assert.ok(succeeds(compare("x", "equal", { target: "version", value: 0 }, "z")));
  assert.ok(!succeeds(compare("a", "equal", versionIs1), compare("b", "equal", versionIs1)));
  assert.ok(succeeds(compare("b", "equal", { target: "value", value: bytes("2") })));
});

test("txn: inner compares see the state before the whole transaction, operations see earlier ones (K2)", () => {
  const driver = new Driver();
  const absent = compare("k", "equal", { target: "version", value: 0 });
  const inner = txn([absent], [put("inner", "absent")], [put("inner", "present")]);
  const result = driver.apply(
    txn([], [put("k", "v"), inner, range("k"), del("inner", "", true)]),
  ) as unknown as {
    revision: number;
    responses: { revision: number; succeeded?: boolean; count?: number; prevKvs?: { value: string }[] }[];
  };
  assert.equal(result.responses[1]?.succeeded, true);
  assert.equal(result.responses[2]?.count, 1);
  assert.equal(result.responses[3]?.prevKvs?.[0]?.value, "absent");
  assert.equal(result.revision, 2);
  assert.deepEqual(
    result.responses.map((response) => response.revision),
    [2, 2, 2, 2],
  );
});

test("txn: a failing operation on any level leaves no trace", () => {
  const driver = new Driver();
  driver.apply(put("k", "v"));
  driver.apply(put("k", "w"));
  driver.compact(3);
  const hash = driver.machine.hashKv();
  const fails = (op: Parameters<typeof txn>[1][number], code: string): void => {
    assert.deepEqual(driver.apply(txn([], [put("x", "1"), txn([], [put("y", "1"), op])])), refused(code));
  };
  fails(range("k", "", { revision: 100 }), "KV_FUTURE_REV");
  fails(range("k", "", { revision: 4 }), "KV_FUTURE_REV");
  fails(range("k", "", { revision: 2 }), "KV_COMPACTED");
  fails(range("k", "", { revision: -5 }), "KV_COMPACTED");
  fails(put("absent", "", { ignoreValue: true }), "KV_KEY_NOT_FOUND");
  fails(put("absent", "", { lease: 9n }), "KV_LEASE_NOT_FOUND");
  fails({ type: "none" }, "KV_KEY_NOT_FOUND");
  assert.deepEqual(driver.machine.hashKv(), hash);
  // The branch that does not run is not checked.
  const result = driver.apply(txn([], [], [range("k", "", { revision: 100 })])) as unknown as {
    succeeded: boolean;
  };
  assert.equal(result.succeeded, true);
});

test("a key put and deleted by two inner transactions is gone, both events at one revision", () => {
  const driver = new Driver();
  driver.apply(txn([], [txn([], [put("a", "1")]), txn([], [del("a")])]));
  assert.equal(driver.machine.revision, 2);
  assert.deepEqual(driver.keys(range("a")), []);
  driver.apply(put("b", "1"));
  driver.compact(2);
  driver.sweepAll();
  driver.machine.check();
  driver.compact(3);
  driver.sweepAll();
  driver.machine.check();
});

test("members publish themselves, the newest word counts, ids ascend", () => {
  const driver = new Driver();
  const publish = (id: number, name: string): void => {
    driver.apply({ type: "member-publish", id, name, clientUrls: [`http://${name}`], peerUrls: [] });
  };
  publish(9, "nine");
  publish(2, "two");
  publish(9, "neun");
  assert.deepEqual(driver.machine.members(), [
    { id: 2, name: "two", clientUrls: ["http://two"], peerUrls: [] },
    { id: 9, name: "neun", clientUrls: ["http://neun"], peerUrls: [] },
  ]);
});

test("a command of a newer version stops the machine, one applied twice too", () => {
  const machine = new KvStateMachine();
  assert.throws(() => machine.apply(Uint8Array.of(1, 200), { index: 1, term: 1 }), UnsupportedFormat);
  const command = encodeCommand(put("k", "v"));
  machine.apply(command, { index: 4, term: 2 });
  assert.deepEqual([machine.appliedIndex, machine.appliedTerm], [4, 2]);
  assert.throws(() => machine.apply(command, { index: 4, term: 2 }), InvariantViolation);
  assert.throws(() => machine.apply(command, { index: 5, term: 1 }), InvariantViolation);
});
