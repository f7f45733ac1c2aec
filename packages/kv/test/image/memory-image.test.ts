/** The last image of a machine, its store as it lies in memory: golden bytes, refusal of what is damaged, and that nothing moves under it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import test from "node:test";
import { ByteWriter, crc32c, DecodeError } from "@quorate/base";
import { encodeCommand, KvStateMachine, UnsupportedFormat } from "@quorate/kv";
import {
  assertImageRefused,
  Driver,
  del,
  plain,
  put,
  range,
  readImage,
  readLastImage,
  restored,
} from "../support/requests.ts";

/** Everything a store can hold: keys with a history, deleted ones, leased ones, freed records, a large value. */
function sampleDriver(keys = 300): Driver {
  const driver = new Driver(new KvStateMachine({ hashSeed: 5 }));
  driver.apply({ type: "lease-grant", id: -9n, ttlSeconds: 60 });
  driver.apply({ type: "lease-grant", id: 2n ** 60n, ttlSeconds: 60 });
  for (let i = 0; i < 2 * keys; i++) {
    driver.apply(put(`key ${(i * 7) % keys}`, `value ${i}`, { lease: i % 50 === 0 ? -9n : 0n }));
  }
  driver.apply(put("large", "x".repeat(3_000_000), { lease: 2n ** 60n }));
  driver.apply(del("key 1", "key 2"));
  driver.compact(keys);
  driver.machine.sweep(keys);
  return driver;
}

test("the image is the golden one", () => {
  const golden = readFileSync(new URL("../golden/image-memory.sha256", import.meta.url), "utf8").trim();
  const image = readLastImage(sampleDriver().machine, 1 << 20);
  assert.equal(`${image.length} ${createHash("sha256").update(image).digest("hex")}`, golden);
});

test("a restored machine is the imaged one, and goes on as it would have", () => {
  for (const chunkBytes of [1 << 10, 65_537, 1 << 22]) {
    const [ended, other] = [sampleDriver(), sampleDriver()];
    const history = readImage(ended.machine, 1 << 20);
    const copy = new Driver(restored(readLastImage(ended.machine, 50_000), chunkBytes));
    copy.machine.check();
    assert.deepEqual(readImage(copy.machine, 1 << 20), history);
    assert.deepEqual(plain(copy.machine.leaseKeys(-9n)), plain(other.machine.leaseKeys(-9n)));
    assert.equal(copy.machine.liveBytes, other.machine.liveBytes);
    for (let i = 0; i < 2000; i++) {
      assert.deepEqual(copy.apply(put(`more ${i}`, "1")), other.apply(put(`more ${i}`, "1")));
    }
    assert.deepEqual(copy.apply(del("key", "l")), other.apply(del("key", "l")));
    for (const driver of [copy, other]) {
      driver.compact(driver.machine.revision);
      driver.sweepAll();
      driver.machine.check();
    }
    assert.deepEqual(copy.machine.hashKv(), other.machine.hashKv());
    assert.deepEqual(copy.range(range("\0", "\0")), other.range(range("\0", "\0")));
  }
});

test("an empty machine has one, too", () => {
  const copy = restored(readLastImage(new KvStateMachine()), 1 << 16);
  copy.check();
  assert.equal(copy.revision, 1);
});

test("nothing is applied behind it", () => {
  const driver = sampleDriver();
  const image = driver.machine.lastSnapshot();
  assert.ok(image.read(100) !== null);
  const command = encodeCommand(put("late", "1"));
  assert.throws(
    () => driver.machine.apply(command, { index: driver.index + 1, term: 1 }),
    /applied behind the last image/,
  );
});

/** Much to sweep: of a thousand revisions of large values nearly all are compacted, so that most chunks are sparse. */
function sweepable(): Driver {
  const driver = new Driver(new KvStateMachine({ hashSeed: 5 }));
  for (let i = 0; i < 1200; i++) {
    // Some stay among many that go: what is alive must be moved out of its chunk.
    driver.apply(put(i % 20 === 0 ? `stays ${i}` : `key ${i % 50}`, `value ${i} ${"x".repeat(4_000)}`));
  }
  driver.compact(driver.machine.revision);
  return driver;
}

test("what is swept while the last image is read moves nothing in it", () => {
  const twin = sweepable();
  assert.ok(twin.machine.sweep(100), "there is something to sweep");
  const expected = readImage(twin.machine, 1 << 20);
  for (const swept of [0, 100, 2_000]) {
    const [still, busy] = [sweepable(), sweepable()];
    for (const { machine } of [still, busy]) {
      // How far sweeping has come when the end begins.
      machine.sweep(swept + 1);
    }
    const image = busy.machine.lastSnapshot();
    const chunks: Uint8Array[] = [];
    const answers = new Set<boolean>();
    for (let chunk = image.read(100_000); chunk !== null; chunk = image.read(100_000)) {
      chunks.push(chunk);
      answers.add(busy.machine.sweep(500));
    }
    const bytes = Buffer.concat(chunks);
    assert.ok(bytes.equals(readLastImage(still.machine, 100_000)), `${swept} records swept before`);
    const copy = new Driver(restored(bytes));
    copy.machine.check();
    assert.deepEqual(readImage(copy.machine, 1 << 20), expected);
    assert.deepEqual([...answers], [false], "there is nothing to come back for");
  }
});

test("cut or damaged it is refused, and leaves the present state; the arrays' own bytes are under the seal of the host", () => {
  const image = readLastImage(sampleDriver(20).machine);
  const target = new Driver();
  target.apply(put("mine", "1"));
  const before = target.machine.hashKv();
  for (let i = 0; i < 200; i++) {
    assertImageRefused(target.machine, image.subarray(0, Math.floor((image.length / 200) * i)));
  }
  let begin = 0;
  for (const { bytes, tag } of blocksOf(image)) {
    const end = begin + bytes.length;
    const places = [0, 1, 2, 4, 7, ...(tag === 11 ? [] : [8, bytes.length - 5]), bytes.length - 4];
    for (const place of places) {
      const damaged = new Uint8Array(image);
      damaged[begin + place] = (damaged[begin + place] as number) ^ 1;
      assertImageRefused(target.machine, damaged);
    }
    begin = end;
  }
  assert.deepEqual(target.machine.hashKv(), before);
});

/** A block with a valid checksum. */
function block(tag: number, payload: Uint8Array): Uint8Array {
  const writer = new ByteWriter();
  writer.u16(tag);
  writer.u16(1);
  writer.u32(payload.length);
  writer.bytes(payload);
  writer.u32(crc32c(writer.view()));
  return writer.finish();
}

/** Blocks of an image: where each begins. */
function blocksOf(image: Uint8Array): { tag: number; bytes: Uint8Array }[] {
  const view = new DataView(image.buffer, image.byteOffset, image.length);
  const blocks: { tag: number; bytes: Uint8Array }[] = [];
  for (let at = 0; at < image.length; ) {
    const length = 12 + view.getUint32(at + 4, true);
    blocks.push({ tag: view.getUint16(at, true), bytes: image.subarray(at, at + length) });
    at += length;
  }
  return blocks;
}

test("memory that does not fit what it says is refused", () => {
  const blocks = blocksOf(readLastImage(sampleDriver(20).machine));
  const of = (wanted: number): Uint8Array[] =>
    blocks.filter(({ tag }) => tag === wanted).map(({ bytes }) => bytes);
  const arrays = of(11);
  const numbers = new Uint8Array(of(10)[0]?.subarray(8, -4) ?? []);
  const restoreWith = (changed: Uint8Array, ...replaced: Uint8Array[]): void => {
    const restore = new KvStateMachine().restore();
    const before = blocks.filter(({ tag }) => tag < 10).map(({ bytes }) => bytes);
    restore.write(Buffer.concat([...before, block(10, changed), ...replaced, ...of(255)]));
    restore.finish();
  };
  restoreWith(numbers, ...arrays);
  const otherOrder = numbers.slice();
  otherOrder.subarray(0, 4).reverse();
  assert.throws(() => restoreWith(otherOrder, ...arrays), UnsupportedFormat);
  const otherSize = numbers.slice();
  otherSize[4] = (otherSize[4] as number) ^ 1;
  assert.throws(() => restoreWith(otherSize, ...arrays), /another size/);
  assert.throws(() => restoreWith(numbers.subarray(0, -1), ...arrays), DecodeError);
  assert.throws(() => restoreWith(new Uint8Array([...numbers, 0]), ...arrays), /unexpected bytes/);
  assert.throws(() => restoreWith(numbers, ...arrays, ...arrays.slice(-1)), /more memory than was announced/);
  assert.throws(() => restoreWith(numbers, ...arrays.slice(0, -1)), /versions missing/);
});
