/** How much of the log's tail is in memory: some thousand entries while everybody keeps up, as many as fit while somebody does not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Entry } from "@quorate/raft";
import { LogWindow } from "../src/log-window.ts";
import { entry } from "./support.ts";

const calmCount = 4096;
/** Entries that the bound has room for. */
const roomCount = 4 * calmCount;
const template = entry(1, 1, 48);

/** A window of `roomCount` entries, written in batches of 64; somebody reads as far back from the end as the test says. */
class Written {
  readonly #window = new LogWindow(roomCount * 64);
  #last = 0;

  /** Whether all that was read meanwhile was in memory. */
  write(count: number, readerDepth: number): boolean {
    let found = true;
    for (let written = 0; written < count; written += 64) {
      for (let i = 0; i < 64; i++) {
        this.#last++;
        this.#window.append({ ...template, index: this.#last } as Entry);
      }
      found = this.has(readerDepth) && found;
      this.#window.trim(1);
    }
    return found;
  }

  /** Whether the entry so far from the end is in memory; that is a reader, too. */
  has(depth: number): boolean {
    const low = Math.max(1, this.#last + 1 - depth);
    return this.#window.entries(low, low + 1, 1) !== null;
  }
}

test("while everybody reads the newest, some thousand entries are kept", () => {
  for (const [depth, isKept] of [
    [calmCount, true],
    [calmCount + 1, false],
  ] as const) {
    const written = new Written();
    assert.ok(written.write(3 * roomCount, 64));
    assert.equal(written.has(depth), isKept);
  }
});

test("who has fallen behind finds what comes from then on, up to the bound in bytes", () => {
  const written = new Written();
  written.write(roomCount, 64);
  assert.equal(written.has(2 * calmCount), false);
  written.write(roomCount - 64, 64);
  assert.equal(written.has(roomCount - 64), true);
  written.write(2 * roomCount, roomCount);
  assert.equal(written.has(roomCount), true);
  assert.equal(written.has(roomCount + 1), false);
});

test("somebody who stays far behind goes on finding it", () => {
  const written = new Written();
  written.write(roomCount, 64);
  written.has(2 * calmCount);
  written.write(2 * calmCount, 64);
  assert.ok(written.write(8 * roomCount, 2 * calmCount));
});

test("the tail is short again when nobody reads that far any more", () => {
  const written = new Written();
  written.write(roomCount, 64);
  written.has(2 * calmCount);
  assert.ok(written.write(4 * roomCount, 64));
  assert.equal(written.has(calmCount + 1), false);
});
