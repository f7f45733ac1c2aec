/** Sweeping: what is freed, how it is paced, that space is used again, and reads of a key with many versions. */
import assert from "node:assert/strict";
import test from "node:test";
import { emptyBytes, Prng, utf8Encode } from "@quorate/base";
import { Sweeper } from "../../src/mvcc/compaction.ts";
import { noRecord } from "../../src/mvcc/record-table.ts";
import { MvccStore } from "../../src/mvcc/store.ts";
import { toRevision } from "../../src/revision.ts";
import { Driver, del, put, range } from "../support/requests.ts";

const key = utf8Encode("hot");

test("a key with 100,000 versions is read at any of them in few steps, before and after compaction", () => {
  const store = new MvccStore();
  for (let i = 2; i <= 100_001; i++) {
    store.put(key, utf8Encode(String(i)), 0n);
    store.finishRevision();
  }
  const random = new Prng(5);
  const expectReads = (lowest: number): number => {
    const start = process.threadCpuUsage().user;
    for (let i = 0; i < 20_000; i++) {
      const revision = random.integer(lowest, 100_002);
      assert.equal(store.records.modRevision(store.recordOf(key, revision)), revision);
    }
    return (process.threadCpuUsage().user - start) / 1000;
  };
  // Milliseconds of CPU; a walk through half the chain for each would take 10⁹ steps and 10 seconds.
  assert.ok(expectReads(2) < 2_000);
  const sweeper = new Sweeper(store);
  store.setCompactRevision(toRevision(77_777));
  while (sweeper.sweep(1_000, store.compactRevision)) {}
  store.check();
  assert.equal(store.records.liveCount, 100_001 - 77_777 + 1);
  assert.ok(expectReads(77_777) < 2_000);
  // Freed numbers are used again, by another key and by this one: no jump may lead to another key, nor forward.
  for (let i = 0; i < 30_000; i++) {
    store.put(utf8Encode("other"), utf8Encode("x"), 0n);
    store.finishRevision();
  }
  store.check();
  expectReads(77_777);
  for (let i = 0; i < 40_000; i++) {
    store.put(key, utf8Encode("again"), 0n);
    store.finishRevision();
  }
  store.check();
  expectReads(77_777);
  for (let revision = 130_002; revision < 170_002; revision++) {
    assert.equal(store.records.modRevision(store.recordOf(key, revision)), revision);
  }
});

test("versions go on behind any that compaction took, jump targets among them", () => {
  const append = (store: MvccStore, count: number): void => {
    for (let i = 0; i < count; i++) {
      store.put(key, emptyBytes, 0n);
      store.finishRevision();
    }
  };
  for (let before = 2; before <= 40; before++) {
    for (let compacted = 3; compacted <= before + 1; compacted++) {
      const store = new MvccStore();
      append(store, before);
      store.setCompactRevision(toRevision(compacted));
      const sweeper = new Sweeper(store);
      while (sweeper.sweep(1_000, store.compactRevision)) {}
      append(store, 20);
      store.check();
      for (let revision = compacted; revision <= before + 21; revision++) {
        assert.equal(store.records.modRevision(store.recordOf(key, revision)), revision);
      }
    }
  }
});

test("a sweep looks at no more than its budget and says when it is done", () => {
  const driver = new Driver();
  for (let i = 0; i < 100; i++) {
    driver.apply(put("k", String(i)));
  }
  assert.equal(driver.machine.sweep(10), false, "nothing is compacted yet");
  driver.compact(101);
  let slices = 1;
  while (driver.machine.sweep(10)) {
    slices++;
  }
  assert.ok(slices >= 10, String(slices));
  assert.equal(driver.machine.sweep(10), false);
  driver.machine.check();
});

test("deleted keys leave nothing behind once compacted beyond their tombstone", () => {
  const driver = new Driver();
  for (let i = 0; i < 5_000; i++) {
    driver.apply(put(`key ${i}`, "value"));
  }
  driver.apply(del("\0", "\0"));
  const deletedAt = driver.machine.revision;
  driver.compact(deletedAt);
  driver.sweepAll();
  // The tombstones of the compact revision itself stay: a watch may start there.
  driver.machine.check();
  driver.apply(put("x", "1"));
  driver.compact(deletedAt + 1);
  const before = driver.machine.liveBytes;
  driver.sweepAll();
  driver.machine.check();
  assert.ok(driver.machine.liveBytes < before - 5_000 * 16);
  assert.deepEqual(driver.keys(range("\0", "\0")), ["x"]);
});

test("overwriting and compacting for ever does not grow the store", () => {
  const store = new MvccStore();
  const sweeper = new Sweeper(store);
  const random = new Prng(3);
  const value = new Uint8Array(1_000);
  const overwrite = (count: number): void => {
    for (let i = 0; i < count; i++) {
      store.put(utf8Encode(`key ${random.integer(0, 5_000)}`), value, 0n);
      store.finishRevision();
      if (i % 100 === 0) {
        store.setCompactRevision(store.revision);
        sweeper.sweep(1_000, store.compactRevision);
      }
    }
  };
  overwrite(50_000);
  const before = store.allocatedBytes;
  overwrite(100_000);
  store.check();
  assert.ok(store.allocatedBytes <= before * 1.3, `${before} then ${store.allocatedBytes}`);
  assert.ok(store.allocatedBytes < 5_000 * 1_100 * 3 + (8 << 20));
});

test("leases of all 64 bits stay with their versions", () => {
  const store = new MvccStore();
  const leases = [1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 0n, 0x1234_5678_9abc_def0n];
  for (const lease of leases) {
    store.put(key, utf8Encode(String(lease)), lease);
    store.finishRevision();
  }
  leases.forEach((lease, i) => {
    const record = store.recordOf(key, i + 2);
    assert.notEqual(record, noRecord);
    const pair = store.keyValue(record);
    assert.deepEqual([pair.lease, pair.version, pair.createRevision], [lease, i + 1, 2]);
    assert.deepEqual(pair.value, utf8Encode(String(lease)));
  });
});
