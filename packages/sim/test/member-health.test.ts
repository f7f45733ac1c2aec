/** What the others must do without: a damaged disk, from the damage until everything on it was read, or is known to be gone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@quorate/base";
import { StorageError } from "@quorate/raft";
import type { FileHandle, FileSystem } from "@quorate/wal";
import { FaultCount } from "../src/fault-count.ts";
import { FaultyDisk } from "../src/faulty-disk.ts";
import { Incarnation } from "../src/incarnation.ts";
import { MemberHealth } from "../src/member-health.ts";
import { Trace } from "../src/trace.ts";
import { World } from "../src/world.ts";

const slot = "hard-state-a";
const plan = { writeMsMax: 0, syncMsMin: 0, syncMsMax: 0, slowMsMax: 0 };

/** A disk with one file of eight ones. */
function rig() {
  const root = new Prng(1);
  const world = new World(root, new Trace(null));
  const disk = new FaultyDisk(world, root.stream("disk"), plan, new FaultCount(), {
    powerLost: () => assert.fail("the power goes out"),
    failed: () => assert.fail("a call fails"),
  });
  const files = disk.mount(new Incarnation(world, (work) => work()));
  const run = (): void => world.runUntil(world.nowMs + 1_000, () => false);
  const file = open(files, run);
  file.write(0, new Uint8Array(8).fill(1), assert.ifError);
  file.sync(assert.ifError);
  run();
  return { disk, file, files, run, health: new MemberHealth(disk) };
}

function open(files: FileSystem, run: () => void): FileHandle {
  let opened: FileHandle | undefined;
  files.open(slot, "create", (error, file) => {
    assert.equal(error, null);
    opened = file;
  });
  run();
  assert.ok(opened !== undefined);
  return opened;
}

/** Damages a byte of the file. */
function wound({ disk, health }: ReturnType<typeof rig>): void {
  const { files } = disk.damaged(new Prng(1));
  const scar = { path: slot, offset: 3, bytes: Uint8Array.of(7) };
  files.overlay(scar.path, scar.offset, scar.bytes);
  health.wounded([scar]);
}

test("seed 413: a damaged disk that is being opened is not taken for sound while parts of it are set aside", () => {
  const rigged = rig();
  const { files, health, run } = rigged;
  assert.equal(health.isImpaired, false);
  wound(rigged);
  assert.equal(health.isImpaired, true);
  health.opens();
  files.rename(slot, "set-aside", assert.ifError);
  run();
  assert.equal(health.isImpaired, true, "what was done shows nowhere");
  // The process ends before it has said what is missing, and another one begins.
  health.opens();
  assert.equal(health.isImpaired, true);
  health.opened(true);
  assert.equal(health.isImpaired, true, "a floor");
  health.repaired();
  assert.equal(health.isImpaired, false);
});

test("a bit that flipped in a read of a disk that is being opened counts until that has ended", () => {
  const { disk, file, health, run } = rig();
  health.opens();
  assert.equal(health.isImpaired, false);
  disk.spoilRead("read-bit-flipped", 1);
  assert.equal(health.isImpaired, true, "it waits");
  file.read(0, 8, assert.ifError);
  run();
  assert.equal(disk.flipCount, 1);
  assert.equal(health.isImpaired, true, "it was read");
  health.damage();
  health.opened(false);
  assert.equal(health.isImpaired, false);
});

test("seed 1847: a start that is refused again, with every read right, is not laid to a bit that flipped before", () => {
  const rigged = rig();
  const { disk, file, health, run } = rigged;
  wound(rigged);
  health.opens();
  disk.spoilRead("read-bit-flipped", 1);
  file.read(0, 8, assert.ifError);
  run();
  assert.equal(disk.flipCount, 1);
  const refused = new StorageError({ code: "STORAGE_CORRUPT", file: slot, offset: 0, why: "lost a write" });
  assert.equal(health.afterRefusedStart(refused), "start-again");
  health.opens();
  assert.equal(health.afterRefusedStart(refused), "replace");
});
