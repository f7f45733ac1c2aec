/** Images: golden bytes, refusal of anything damaged or newer, pinning while writes and sweeps go on. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { crc32c, DecodeError } from "@quorate/base";
import { KvStateMachine } from "@quorate/kv";
import {
  assertImageRefused,
  Driver,
  del,
  plain,
  put,
  range,
  readImage,
  restored,
  txn,
} from "../support/requests.ts";

/** A state with everything an image can hold: old versions, tombstones, versions at the compact revision, members. */
function sampleDriver(): Driver {
  const driver = new Driver();
  driver.apply({
    type: "member-publish",
    id: 7,
    name: "n1",
    clientUrls: ["http://c:1"],
    peerUrls: ["http://p:2"],
  });
  driver.apply(put("old", "kept"));
  driver.apply(put("hot", "1"));
  driver.apply(put("hot", "2"));
  driver.apply(put("gone", "x"));
  driver.apply(del("gone"));
  driver.apply(txn([], [put("hot", "3"), put("new", "1"), del("old")]));
  driver.compact(5);
  driver.apply(put("hot", "4"));
  driver.apply(put("old", "again"));
  return driver;
}

test("the image is the golden one", () => {
  const golden = readFileSync(new URL("../golden/image.hex", import.meta.url), "utf8").trim();
  assert.equal(Buffer.from(readImage(sampleDriver().machine, 1 << 20)).toString("hex"), golden);
});

/** The sample with leases: of every sign, with keys, without, and with a checkpoint. */
function leasedDriver(): Driver {
  const driver = sampleDriver();
  for (const id of [9n, -(2n ** 63n), 2n ** 63n - 1n]) {
    driver.apply({ type: "lease-grant", id, ttlSeconds: 60 });
  }
  driver.apply({ type: "lease-checkpoint", fenceTerm: 1, remaining: [{ id: 9n, remainingSeconds: 20 }] });
  driver.apply(put("leased", "1", { lease: 9n }));
  driver.apply(put("hot", "5", { lease: -(2n ** 63n) }));
  return driver;
}

test("the image with leases is the golden one", () => {
  const golden = readFileSync(new URL("../golden/image-leases.hex", import.meta.url), "utf8").trim();
  assert.equal(Buffer.from(readImage(leasedDriver().machine, 1 << 20)).toString("hex"), golden);
});

test("a restored machine equals the imaged one, history, members and leases included", () => {
  const source = leasedDriver().machine;
  for (const chunkBytes of [1, 13, 1 << 20]) {
    const copy = restored(readImage(source), chunkBytes);
    copy.check();
    assert.deepEqual(copy.hashKv(), source.hashKv());
    assert.deepEqual(copy.members(), source.members());
    assert.deepEqual(copy.leasesAfter(null, 9), source.leasesAfter(null, 9));
    assert.deepEqual(plain(copy.leaseKeys(9n)), ["leased"]);
    assert.equal(copy.appliedIndex, source.appliedIndex);
    for (let revision = 5; revision <= source.revision; revision++) {
      const request = range("\0", "\0", { revision });
      assert.deepEqual(plain(copy.range(request)), plain(source.range(request)));
    }
    assert.deepEqual(plain(copy.range(range("\0", "\0", { revision: 4 }))), {
      type: "refused",
      code: "KV_COMPACTED",
    });
  }
});

test("every flipped bit and every cut is refused, and leaves the present state", () => {
  const image = readImage(leasedDriver().machine);
  const target = new Driver();
  target.apply(put("mine", "1"));
  const before = target.machine.hashKv();
  for (let bit = 0; bit < image.length * 8; bit++) {
    const damaged = image.slice();
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
    assertImageRefused(target.machine, damaged);
  }
  for (let length = 0; length < image.length; length++) {
    assertImageRefused(target.machine, image.subarray(0, length));
  }
  assert.deepEqual(target.machine.hashKv(), before);
});

/** A block with a valid checksum. */
function block(tag: number, version: number, payload: Uint8Array): Uint8Array {
  const head = Buffer.alloc(8);
  head.writeUInt16LE(tag, 0);
  head.writeUInt16LE(version, 2);
  head.writeUInt32LE(payload.length, 4);
  const body = Buffer.concat([head, payload]);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(crc32c(body), 0);
  return Buffer.concat([body, checksum]);
}

test("sections of a newer version are refused by name", () => {
  const write = (bytes: Uint8Array): void => new KvStateMachine().restore().write(bytes);
  assert.throws(() => write(block(8, 1, Buffer.alloc(0))), /section 8 \(sessions\)/);
  assert.throws(() => write(block(77, 1, Buffer.alloc(0))), /section 77 \(unnamed\)/);
  assert.throws(() => write(block(1, 2, Buffer.alloc(0))), /section head version 2/);
});

test("leases that are out of order, or of no time, are refused", () => {
  const whole = readImage(leasedDriver().machine, 1 << 20);
  const endBytes = 8 + 16 + 4;
  const leaseBytes = 3 * 8 + 3 * 2;
  const at = whole.length - endBytes - 4 - leaseBytes;
  const restoreWith = (change: (leases: Buffer) => void): void => {
    const leases = Buffer.from(whole.subarray(at, at + leaseBytes));
    change(leases);
    const restore = new KvStateMachine().restore();
    restore.write(whole.subarray(0, at - 8));
    restore.write(block(5, 1, leases));
    restore.write(whole.subarray(whole.length - endBytes));
    restore.finish();
  };
  restoreWith(() => {});
  assert.throws(() => restoreWith((leases) => leases.writeBigInt64LE(10n, 0)), DecodeError);
  assert.throws(() => restoreWith((leases) => leases.writeBigInt64LE(0n, 10)), DecodeError);
  assert.throws(() => restoreWith((leases) => leases.writeUInt8(0, 8)), DecodeError);
  assert.throws(() => restoreWith((leases) => leases.writeUInt8(61, 9)), DecodeError);
});

test("sections out of order are refused", () => {
  const whole = readImage(sampleDriver().machine, 1 << 20);
  const headBytes = 8 + 38 + 4;
  const head = whole.subarray(0, headBytes);
  const rest = whole.subarray(headBytes);
  const restoreOf = (...parts: Uint8Array[]): void => {
    const restore = new KvStateMachine().restore();
    restore.write(Buffer.concat(parts));
    restore.finish();
  };
  restoreOf(head, rest);
  assert.throws(() => restoreOf(rest), DecodeError);
  assert.throws(() => restoreOf(head, head, rest), DecodeError);
  assert.throws(() => restoreOf(head, rest, rest), DecodeError);
});

test("an image and a hash show the pinned state, whatever is written, compacted and swept meanwhile", () => {
  const driver = new Driver();
  for (let i = 0; i < 300; i++) {
    driver.apply(put(`k${i % 40}`, `value ${i}`));
  }
  driver.compact(100);
  const expected = readImage(driver.machine, 1 << 20);
  const expectedHash = driver.machine.hashKv();
  const image = driver.machine.snapshot();
  const hash = driver.machine.beginHash(0);
  assert.ok("step" in hash);
  const chunks: Uint8Array[] = [];
  let hashed = hash.step(3);
  for (let i = 0; ; i++) {
    const chunk = image.read(150);
    if (chunk === null) {
      break;
    }
    chunks.push(chunk);
    hashed ??= hash.step(3);
    driver.apply(del("k0", "l"));
    driver.apply(put(`k${i % 50}`, "later"));
    driver.compact(driver.machine.revision);
    driver.sweepAll();
  }
  while (hashed === null) {
    hashed = hash.step(3);
  }
  image.close();
  assert.deepEqual(hashed, expectedHash);
  const copy = restored(Buffer.concat(chunks));
  assert.deepEqual(readImage(copy, 1 << 20), expected);
  // With the pins gone the sweep frees what they held.
  const before = driver.machine.liveBytes;
  driver.sweepAll();
  assert.ok(driver.machine.liveBytes < before);
  driver.machine.check();
});

test("hashing asks for a readable revision, and tells apart what differs", () => {
  const driver = sampleDriver();
  assert.deepEqual(driver.machine.hashKv(4), { type: "refused", code: "KV_COMPACTED" });
  assert.deepEqual(driver.machine.hashKv(100), { type: "refused", code: "KV_FUTURE_REV" });
  const other = sampleDriver();
  assert.deepEqual(other.machine.hashKv(7), driver.machine.hashKv(7));
  other.apply(put("x", "1"));
  driver.apply(put("x", "2"));
  const at = driver.machine.revision;
  const hashOf = (machine: KvStateMachine, revision: number): unknown => {
    const result = machine.hashKv(revision);
    return result.type === "hash-kv" ? result.hash : result;
  };
  assert.notEqual(hashOf(other.machine, at), hashOf(driver.machine, at));
  assert.equal(hashOf(other.machine, at - 1), hashOf(driver.machine, at - 1));
});

test("a store that was never compacted says −1, as etcd does", () => {
  const hash = new KvStateMachine().hashKv();
  assert.deepEqual(hash, { type: "hash-kv", revision: 1, compactRevision: -1, hashRevision: 1, hash: 0 });
});
