import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@quorate/base";
import type { FileError, FileHandle, FileSystem } from "@quorate/wal";
import { FaultCount } from "../src/fault-count.ts";
import { FaultyDisk } from "../src/faulty-disk.ts";
import { Incarnation } from "../src/incarnation.ts";
import { Trace } from "../src/trace.ts";
import { World } from "../src/world.ts";

const plan = { writeMsMax: 0, syncMsMin: 3, syncMsMax: 3, slowMsMax: 500 };

interface Rig {
  readonly world: World;
  readonly disk: FaultyDisk;
  readonly faults: FaultCount;
  readonly process: Incarnation;
  readonly files: FileSystem;
  readonly events: string[];
}

function rig(seed: number = 1): Rig {
  const root = new Prng(seed);
  const world = new World(root, new Trace(null));
  const faults = new FaultCount();
  const events: string[] = [];
  const process = new Incarnation(world, (work) => work());
  const disk = new FaultyDisk(world, root.stream("disk"), plan, faults, {
    powerLost: () => {
      events.push("power lost");
      process.kill();
      disk.crash("lose");
    },
    failed: () => events.push("failed"),
  });
  return { world, disk, faults, process, files: disk.mount(process), events };
}

/** Creates a file and answers its handle. */
function create(rigged: Rig, path: string): FileHandle {
  let handle: FileHandle | undefined;
  rigged.files.open(path, "create", (_error, file) => {
    handle = file;
  });
  rigged.world.runUntil(rigged.world.nowMs, () => handle !== undefined);
  assert.ok(handle !== undefined);
  return handle;
}

test("a call completes after its latency, not before", () => {
  const rigged = rig();
  const file = create(rigged, "a");
  let syncedAtMs = -1;
  file.write(0, Uint8Array.of(1), () => {
    file.sync(() => {
      syncedAtMs = rigged.world.nowMs;
    });
  });
  rigged.world.runUntil(100, () => false);
  assert.equal(syncedAtMs, 3);
  rigged.disk.setSlow(true);
  file.sync(() => {
    syncedAtMs = rigged.world.nowMs;
  });
  rigged.world.runUntil(1_000, () => false);
  assert.ok(syncedAtMs > 103, "a slow disk takes longer");
});

test("the power goes out at exactly the call that was named, and nobody hears of that call", () => {
  const rigged = rig();
  const file = create(rigged, "a");
  const done: number[] = [];
  assert.equal(rigged.disk.crashAt(2, "before"), true);
  assert.equal(rigged.disk.crashAt(1, "after"), false, "one at a time");
  file.write(0, Uint8Array.of(1), () => {
    done.push(1);
    file.write(1, Uint8Array.of(2), () => done.push(2));
  });
  rigged.world.runUntil(100, () => false);
  assert.deepEqual(done, [1]);
  assert.deepEqual(rigged.events, ["power lost"]);
  assert.equal(rigged.faults.get("crash-before-disk-call"), 1);
});

test("an injected error hits a write or a sync, once, and its process is told", () => {
  const rigged = rig();
  const file = create(rigged, "a");
  rigged.disk.failAt(2);
  const errors: (FileError | null)[] = [];
  file.write(0, Uint8Array.of(1), (error) => {
    errors.push(error);
    file.sync((syncError) => {
      errors.push(syncError);
      file.sync((again) => errors.push(again));
    });
  });
  rigged.world.runUntil(100, () => false);
  assert.equal(errors[0], null);
  assert.equal(errors[1]?.code, "EIO");
  assert.equal(errors[2], null);
  assert.deepEqual(rigged.events, ["failed"]);
});

test("what was synced survives a power loss, what was not does not", () => {
  const rigged = rig();
  const file = create(rigged, "a");
  const read = (): number[] => {
    const process = new Incarnation(rigged.world, (work) => work());
    let content: number[] | null = null;
    rigged.disk.mount(process).open("a", "read", (error, opened) => {
      assert.equal(error, null);
      opened?.read(0, 10, (_error, bytes) => {
        content = [...(bytes ?? [])];
      });
    });
    rigged.world.runUntil(rigged.world.nowMs + 10, () => content !== null);
    return content ?? [];
  };
  file.write(0, Uint8Array.of(7), () => file.sync(() => rigged.files.syncDirectory("", () => {})));
  rigged.world.runUntil(100, () => false);
  file.write(1, Uint8Array.of(8), () => {});
  rigged.world.runUntil(200, () => false);
  rigged.process.kill();
  rigged.disk.crash("lose");
  assert.deepEqual(read(), [7]);
});

test("of the calls under way at a crash some take effect and some do not", () => {
  const seen = new Set<number>();
  for (let seed = 1; seed <= 20; seed++) {
    const rigged = rig(seed);
    const file = create(rigged, "a");
    rigged.files.syncDirectory("", () => {});
    rigged.world.runUntil(100, () => false);
    file.write(0, Uint8Array.of(7), () => {});
    rigged.process.kill();
    rigged.disk.crash("keep");
    let length = -1;
    rigged.disk.mount(new Incarnation(rigged.world, (work) => work())).open("a", "read", (_error, opened) => {
      opened?.size((_sizeError, size) => {
        length = size ?? -1;
      });
    });
    rigged.world.runUntil(200, () => false);
    seen.add(length);
  }
  assert.deepEqual([...seen].sort(), [0, 1]);
});
