/** Looking ahead: which puts it finds, and that nothing comes of what is no put. (That it changes nothing: property/machine.test.ts.) */
import assert from "node:assert/strict";
import test from "node:test";
import { encodeCommand } from "@quorate/kv";
import { LookAhead } from "../../src/mvcc/look-ahead.ts";
import { MvccStore } from "../../src/mvcc/store.ts";
import { bytes, del, put, signed, txn } from "../support/requests.ts";

function storeOf(...keys: readonly string[]): MvccStore {
  const store = new MvccStore(7);
  for (const key of keys) {
    store.put(bytes(key), bytes("old"), 0n);
    store.finishRevision();
  }
  return store;
}

test("puts of keys that are there are found, whoever they stand for", () => {
  const ahead = new LookAhead(storeOf("a", "key of more bytes", "x".repeat(127)));
  const user = { kind: "user", name: "somebody", authRevision: 300 } as const;
  const puts = [put("a", "1"), put("key of more bytes", "", { lease: 5n }), put("x".repeat(127), "2")];
  assert.equal(ahead.see(puts.map(encodeCommand)), 3);
  assert.equal(ahead.see(puts.map((each) => signed(user, each))), 3);
  assert.equal(ahead.see(puts.map((each) => signed({ kind: "server" }, each))), 3);
  assert.equal(ahead.see(Array.from({ length: 1000 }, () => encodeCommand(put("a", "")))), 128);
});

test("a key that was deleted is found by its deletion", () => {
  const store = storeOf("a", "b");
  store.remove(store.recordOf(bytes("a"), store.revision));
  store.finishRevision();
  assert.equal(new LookAhead(store).see([encodeCommand(put("a", "1"))]), 1);
});

test("nothing comes of other commands, long keys, an empty store, damaged bytes", () => {
  const store = storeOf("a", "x".repeat(128));
  const ahead = new LookAhead(store);
  const others = [del("a"), put("x".repeat(128), "1"), txn([], [put("a", "1")])];
  assert.equal(ahead.see(others.map(encodeCommand)), 0);
  assert.equal(new LookAhead(new MvccStore()).see([encodeCommand(put("a", "1"))]), 0);
  const whole = encodeCommand(put("a", ""));
  const cut = Array.from({ length: 5 }, (_, length) => whole.subarray(0, length));
  assert.equal(ahead.see([...cut, Uint8Array.of(1, 14), Uint8Array.of(1, 14, 1, 200)]), 0);
  assert.equal(ahead.see([]), 0);
});
