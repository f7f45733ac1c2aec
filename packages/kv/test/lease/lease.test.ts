/** Leases in the replicated state: attaching, revoking, checkpoints, fences; their table, also while an image is read. */
import assert from "node:assert/strict";
import test from "node:test";
import { encodeCommand, type KvLease, KvStateMachine } from "@quorate/kv";
import fc from "fast-check";
import { LeaseTable } from "../../src/lease/lease-table.ts";
import { Driver, del, plain, put, range, readImage, restored } from "../support/requests.ts";

const grant = (id: bigint, ttlSeconds = 10) => ({ type: "lease-grant", id, ttlSeconds }) as const;
const revoke = (id: bigint, fenceTerm = 0) => ({ type: "lease-revoke", id, fenceTerm }) as const;
const refused = (code: string): object => ({ type: "refused", code });
const keysOf = (driver: Driver, id: bigint): unknown => plain(driver.machine.leaseKeys(id));

test("grants: chosen ids of both signs, once each, within bounds, without a revision", () => {
  const driver = new Driver();
  assert.deepEqual(driver.apply(grant(7n, 2)), { type: "lease-grant", revision: 1, id: 7n, ttlSeconds: 2 });
  assert.equal(driver.apply(grant(-7n, 9_000_000_000)).type, "lease-grant");
  assert.deepEqual(driver.apply(grant(7n)), refused("KV_LEASE_EXIST"));
  assert.deepEqual(driver.apply(grant(0n)), refused("KV_LEASE_NOT_FOUND"));
  assert.deepEqual(driver.apply(grant(7n, 9_000_000_001)), refused("KV_LEASE_TTL_TOO_LARGE"));
  assert.equal(driver.machine.revision, 1);
  assert.equal(driver.machine.leaseCount, 2);
  assert.equal(driver.machine.lease(8n), null);
});

test("a revocation deletes the keys in key order and in one revision; without keys it takes none", () => {
  const driver = new Driver();
  driver.apply(grant(7n));
  for (const key of ["c", "a", "b", "d"]) {
    driver.apply(put(key, "1", { lease: 7n }));
  }
  driver.apply(put("d", "2"));
  assert.deepEqual(keysOf(driver, 7n), ["a", "b", "c"]);
  assert.deepEqual(driver.apply(revoke(7n)), { type: "lease-revoke", revision: 7 });
  const events = plain(driver.machine.events(7, 10)) as { events: { type: string; key: string }[] };
  assert.deepEqual(
    events.events.map((event) => `${event.type} ${event.key}`),
    ["delete a", "delete b", "delete c"],
  );
  assert.deepEqual(driver.keys(range("\0", "\0")), ["d"]);
  assert.deepEqual(driver.apply(revoke(7n)), refused("KV_LEASE_NOT_FOUND"));
  driver.apply(grant(7n));
  assert.deepEqual(driver.apply(revoke(7n)), { type: "lease-revoke", revision: 7 });
});

test("a key belongs to the lease of its newest put, and to none after a put without or a delete", () => {
  const driver = new Driver();
  driver.apply(grant(1n));
  driver.apply(grant(2n));
  driver.apply(put("k", "1", { lease: 1n }));
  driver.apply(put("k", "2", { lease: 2n }));
  assert.deepEqual([keysOf(driver, 1n), keysOf(driver, 2n)], [[], ["k"]]);
  driver.apply(put("k", "3", { ignoreLease: true }));
  assert.deepEqual(keysOf(driver, 2n), ["k"]);
  driver.apply(put("k", "4"));
  assert.deepEqual(keysOf(driver, 2n), []);
  driver.apply(put("k", "5", { lease: 2n }));
  driver.apply(del("k"));
  assert.deepEqual(keysOf(driver, 2n), []);
  driver.apply(put("k", "6"));
  driver.apply(revoke(2n));
  assert.deepEqual(driver.keys(range("k")), ["k"]);
  assert.deepEqual(driver.apply(put("k", "7", { lease: 2n })), refused("KV_LEASE_NOT_FOUND"));
});

test("what a leader decided is refused in an entry of a later term (K14)", () => {
  const machine = new KvStateMachine();
  let index = 0;
  const apply = (command: Parameters<typeof encodeCommand>[0], term: number) =>
    machine.apply(encodeCommand(command), { index: ++index, term });
  const checkpoint = {
    type: "lease-checkpoint",
    fenceTerm: 3,
    remaining: [{ id: 7n, remainingSeconds: 1 }],
  } as const;
  apply(grant(7n), 3);
  assert.deepEqual(apply(revoke(7n, 3), 4), refused("KV_LEADER_CHANGED"));
  assert.deepEqual(apply(checkpoint, 4), refused("KV_LEADER_CHANGED"));
  assert.deepEqual(machine.lease(7n), { id: 7n, ttlSeconds: 10, remainingSeconds: 0 });
  assert.equal(apply(revoke(7n, 4), 4).type, "lease-revoke");
  apply(grant(8n), 4);
  assert.equal(apply(revoke(8n), 5).type, "lease-revoke");
});

test("a checkpoint notes what is left, never more than was granted, and passes over what is gone", () => {
  const driver = new Driver();
  driver.apply(grant(7n, 10));
  const checkpoint = (remainingSeconds: number): number | undefined => {
    const remaining = [
      { id: 6n, remainingSeconds },
      { id: 7n, remainingSeconds },
    ];
    assert.deepEqual(driver.apply({ type: "lease-checkpoint", fenceTerm: 1, remaining }), {
      type: "lease-checkpoint",
      revision: 1,
    });
    return driver.machine.lease(7n)?.remainingSeconds;
  };
  assert.equal(checkpoint(4), 4);
  assert.equal(checkpoint(40), 10);
  assert.equal(checkpoint(0), 0);
  assert.equal(driver.machine.leaseCount, 1);
});

test("observers are told of leases, revisions, and of history before it goes", () => {
  const driver = new Driver();
  const told: string[] = [];
  driver.machine.observe({
    revised: () => told.push(`revised ${driver.machine.revision}`),
    forgetting: () => told.push(`forgetting ${driver.machine.compactRevision}`),
    leaseSet: (lease) => told.push(`set ${lease.id} ${lease.ttlSeconds} ${lease.remainingSeconds}`),
    leaseRemoved: (id) => told.push(`removed ${id}`),
    restored: () => told.push(`restored ${driver.machine.revision}`),
    tokenIssued: () => told.push("token"),
    tokensRevoked: () => told.push("no token"),
  });
  driver.apply(grant(7n));
  driver.apply(grant(7n));
  driver.apply({ type: "lease-checkpoint", fenceTerm: 1, remaining: [{ id: 7n, remainingSeconds: 4 }] });
  driver.apply(put("k", "v", { lease: 7n }));
  driver.apply(revoke(7n));
  driver.compact(2);
  const image = readImage(driver.machine);
  const restore = driver.machine.restore();
  restore.write(image);
  restore.finish();
  assert.deepEqual(told, [
    "set 7 10 0",
    "set 7 10 4",
    "revised 2",
    "removed 7",
    "revised 3",
    "forgetting -1",
    "forgetting 2",
    "restored 3",
  ]);
});

test("the table of leases is a sorted map, and what was pinned stays as it was", () => {
  const id = fc.integer({ min: -400, max: 400 }).filter((n) => n !== 0);
  const step = fc.record({ id, do: fc.constantFrom("set", "set", "remove", "pin") });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 1_500, minLength: 900 }), (steps) => {
      const table = new LeaseTable();
      const model = new Map<bigint, KvLease>();
      let pinned = table.pin();
      let expected: KvLease[] = [];
      const sorted = (): KvLease[] => [...model.values()].sort((a, b) => Number(a.id - b.id));
      steps.forEach((next, i) => {
        const key = BigInt(next.id);
        if (next.do === "pin") {
          pinned = table.pin();
          expected = sorted();
        } else if (next.do === "set" || !model.has(key)) {
          const lease = { id: key, ttlSeconds: i + 1, remainingSeconds: 0 };
          table.set(lease);
          model.set(key, lease);
        } else {
          table.remove(key);
          model.delete(key);
        }
      });
      table.check();
      assert.equal(table.count, model.size);
      assert.deepEqual(table.after(null, 10_000), sorted());
      assert.deepEqual(
        table.after(3n, 5),
        sorted()
          .filter((lease) => lease.id > 3n)
          .slice(0, 5),
      );
      assert.deepEqual(pinned.flat(), expected);
    }),
    { seed: 20_260_110, numRuns: 30 },
  );
});

test("an image of many leases, cut anywhere, read while they change, is that of its moment", () => {
  const driver = new Driver();
  for (let i = 1; i <= 1_000; i++) {
    driver.apply(grant(BigInt((i * 7_919) % 100_003), i));
  }
  const expected = readImage(driver.machine, 500);
  const image = driver.machine.snapshot();
  const chunks: Uint8Array[] = [];
  for (let chunk = image.read(500); chunk !== null; chunk = image.read(500)) {
    chunks.push(chunk);
    const lease = driver.machine.leasesAfter(BigInt(chunks.length * 50), 1)[0];
    driver.apply(revoke(lease?.id ?? 1n));
    driver.apply(grant(200_000n + BigInt(chunks.length)));
  }
  image.close();
  assert.deepEqual(Buffer.concat(chunks), Buffer.from(expected));
  const copy = restored(expected);
  assert.equal(copy.leaseCount, 1_000);
  assert.deepEqual(readImage(copy, 500), expected);
});
