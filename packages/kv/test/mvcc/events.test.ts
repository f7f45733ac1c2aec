/** Events as watches will read them, and ranges in slices. */
import assert from "node:assert/strict";
import test from "node:test";
import type { KvEvents } from "@quorate/kv";
import { Driver, del, plain, put, range, txn } from "../support/requests.ts";

type Plain = {
  nextRevision: number;
  events: { type: string; key: string; modRevision: number; prevKv: { value: string } | null }[];
};

const eventsFrom = (driver: Driver, from: number, max = 100): Plain => {
  const result = driver.machine.events(from, max);
  assert.equal(result.type, "events");
  return plain(result as KvEvents) as Plain;
};
const brief = (result: Plain): string[] =>
  result.events.map(
    (event) => `${event.modRevision} ${event.type} ${event.key} was ${event.prevKv?.value ?? "-"}`,
  );

function sample(): Driver {
  const driver = new Driver();
  driver.apply(put("a", "1"));
  driver.apply(txn([], [put("b", "1"), put("a", "2"), put("c", "1")]));
  driver.apply(del("a", "c"));
  driver.apply(put("a", "3"));
  return driver;
}

test("events come in order, with what was before, and say where to go on", () => {
  const driver = sample();
  const all = eventsFrom(driver, 1);
  assert.deepEqual(brief(all), [
    "2 put a was -",
    "3 put b was -",
    "3 put a was 1",
    "3 put c was -",
    "4 delete a was 2",
    "4 delete b was 1",
    "5 put a was -",
  ]);
  assert.equal(all.nextRevision, 6);
  assert.deepEqual(eventsFrom(driver, 6), { type: "events", events: [], nextRevision: 6 });
  assert.equal(eventsFrom(driver, 9).nextRevision, 9);
});

test("a revision's events are never torn apart", () => {
  const driver = sample();
  const collected: string[] = [];
  let next = 1;
  for (let round = 0; round < 4; round++) {
    const slice = eventsFrom(driver, next, 1);
    assert.equal(new Set(slice.events.map((event) => event.modRevision)).size, 1);
    collected.push(...brief(slice));
    next = slice.nextRevision;
  }
  assert.deepEqual(collected, brief(eventsFrom(driver, 1)));
  assert.equal(next, 6);
});

test("compaction keeps events of its own revision, tombstones too (K5), and hides what was before", () => {
  for (const sweeps of [false, true]) {
    const driver = sample();
    driver.compact(4);
    if (sweeps) {
      driver.sweepAll();
    }
    assert.deepEqual(driver.machine.events(3, 10), { type: "refused", code: "KV_COMPACTED" });
    assert.deepEqual(brief(eventsFrom(driver, 4)), ["4 delete a was -", "4 delete b was -", "5 put a was -"]);
    driver.machine.check();
  }
});

test("a range in slices answers as the whole one, whatever is written and swept meanwhile", () => {
  const driver = new Driver();
  for (let i = 0; i < 200; i++) {
    driver.apply(put(`k${String(i % 90).padStart(2, "0")}`, String(i)));
  }
  for (const fields of [{}, { limit: 7 }, { sortOrder: "descend", sortTarget: "mod", limit: 20 } as const]) {
    const request = range("k05", "k80", fields);
    const expected = plain(driver.machine.range(request));
    const reader = driver.machine.beginRange(request);
    assert.ok("step" in reader);
    for (let round = 0; !reader.step(5); round++) {
      driver.apply(put(`k${10 + round}`, "later"));
      driver.apply(del("k70", "k75"));
      driver.compact(driver.machine.revision);
      driver.sweepAll();
    }
    assert.deepEqual(plain(reader.result()), expected);
    assert.equal(reader.length, (expected as { kvs: unknown[] }).kvs.length);
    reader.close();
    driver.sweepAll();
    driver.machine.check();
  }
  assert.deepEqual(driver.machine.beginRange(range("k", "", { revision: 1 })), {
    type: "refused",
    code: "KV_COMPACTED",
  });
});
