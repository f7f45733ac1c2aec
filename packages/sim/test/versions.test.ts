import assert from "node:assert/strict";
import { test } from "node:test";
import { entryForm } from "@quorate/raft";
import { entryCodecOf, newerVersion, olderVersion } from "../src/versions.ts";

test("each version reads what the other stored, and they store it in different forms", () => {
  const commands = [
    Uint8Array.of(7),
    new Uint8Array(600).fill(3),
    Uint8Array.from({ length: 300 }, (_, i) => i % 7),
  ];
  for (const command of commands) {
    const older = entryCodecOf(olderVersion).encode(command);
    const newer = entryCodecOf(newerVersion).encode(command);
    assert.equal(older[0], entryForm.plain);
    assert.equal(newer[0], entryForm.deflate);
    assert.deepEqual(entryCodecOf(newerVersion).decode(older), command);
    assert.deepEqual(entryCodecOf(olderVersion).decode(newer), command);
  }
  assert.ok(entryCodecOf(newerVersion).encode(new Uint8Array(600)).length < 10);
  assert.throws(() => entryCodecOf(newerVersion).decode(Uint8Array.of(9, 1)), /neither version knows/);
});
