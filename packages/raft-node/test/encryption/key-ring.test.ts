/** Keys: what is refused, what rotates, what a file of them must be. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ConfigError, StorageError } from "@quorate/raft";
import { KeyRing, readKeyFile } from "@quorate/raft-node";
import { keysOf } from "./keys.ts";

test("keys that cannot work are refused, all at once, and never shown", () => {
  const key = new Uint8Array(31).fill(0xab);
  assert.throws(
    () =>
      new KeyRing({
        keys: [
          { id: 0, key },
          { id: 5, key },
          { id: 5, key: new Uint8Array(32) },
        ],
        current: 9,
      }),
    (error) => {
      assert.ok(error instanceof ConfigError);
      assert.equal(error.problems.length, 5);
      assert.doesNotMatch(error.message, /abab|171/);
      return true;
    },
  );
});

test("a key under a known id must be the known key", () => {
  const ring = new KeyRing(keysOf(1));
  ring.rotate(keysOf(2, 1, 2));
  assert.equal(ring.current, 2);
  assert.deepEqual(ring.ids, [1, 2]);
  ring.rotate(keysOf(3, 3));
  assert.deepEqual(ring.ids, [1, 2, 3], "older keys stay readable");
  const other = { keys: [{ id: 1, key: new Uint8Array(32) }], current: 1 };
  assert.throws(() => ring.rotate(other), ConfigError);
  assert.equal(ring.current, 3);
});

test("derived keys differ by key, purpose and salt; a missing key is told by its id", () => {
  const ring = new KeyRing(keysOf(1, 1, 2));
  const salt = new Uint8Array(8);
  const names = [
    ring.derive(1, "entry", salt),
    ring.derive(2, "entry", salt),
    ring.derive(1, "image", salt),
    ring.derive(
      1,
      "entry",
      salt.map(() => 1),
    ),
  ].map((key) => Buffer.from(key).toString("hex"));
  assert.equal(new Set(names).size, 4);
  assert.throws(
    () => ring.check(7),
    (error) => error instanceof StorageError && error.info.code === "STORAGE_KEY" && error.info.keyId === 7,
  );
});

test("a key file: its owner's alone, one key a line, the highest id current", () => {
  const folder = mkdtempSync(join(tmpdir(), "quorate-keys-"));
  const path = join(folder, "keys");
  const problemsOf = (text: string, mode = 0o600): string => {
    writeFileSync(path, text);
    chmodSync(path, mode);
    try {
      readKeyFile(path);
    } catch (error) {
      assert.ok(error instanceof ConfigError, String(error));
      return error.message;
    }
    return "";
  };
  try {
    const good = `# keys\n1 ${"11".repeat(32)}\n\n20 ${"aB".repeat(32)}\n3 ${"22".repeat(32)}\n`;
    assert.equal(problemsOf(good), "");
    const keys = readKeyFile(path);
    assert.equal(keys.current, 20);
    assert.deepEqual(
      keys.keys.map(({ id }) => id),
      [1, 20, 3],
    );
    assert.equal(new KeyRing(keys).current, 20);
    assert.match(problemsOf(good, 0o640), /mode 640.*chmod 600/);
    const bad = problemsOf(`1 ${"11".repeat(31)}\nx\n`);
    assert.match(bad, /:1: not an id.*:2: not an id/);
    assert.doesNotMatch(bad, /1111/);
    assert.match(problemsOf("# nothing\n"), /holds no key/);
    rmSync(path);
    assert.throws(() => readKeyFile(path), /cannot be read \(ENOENT\)/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
