import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@quorate/base";
import { MemoryFile } from "../../src/testing/memory-file.ts";

const nothing = new Uint8Array(0);

function content(file: MemoryFile): number[] {
  return [...file.read(0, file.length)];
}

function afterPowerLoss(file: MemoryFile): number[] {
  return content(file.crash(new Prng(1), "lose", []));
}

function written(...bytes: number[]): MemoryFile {
  const file = new MemoryFile(nothing);
  file.write(0, Uint8Array.from(bytes));
  return file;
}

test("of a file that was synced as a whole a power loss takes what was written since, and nothing else", () => {
  const file = written(1, 2, 3);
  assert.deepEqual(afterPowerLoss(file), []);
  file.sync();
  file.write(1, Uint8Array.of(9, 9, 9));
  assert.deepEqual(content(file), [1, 9, 9, 9]);
  assert.deepEqual(afterPowerLoss(file), [1, 2, 3]);
  file.sync();
  assert.deepEqual(afterPowerLoss(file), [1, 9, 9, 9]);
});

test("a copy of a file that was synced as a whole goes its own way", () => {
  const file = written(1, 2, 3);
  file.sync();
  const copy = file.clone();
  file.write(0, Uint8Array.of(8));
  copy.write(0, Uint8Array.of(7));
  copy.sync();
  assert.deepEqual(content(file), [8, 2, 3]);
  assert.deepEqual(afterPowerLoss(file), [1, 2, 3]);
  assert.deepEqual(afterPowerLoss(copy), [7, 2, 3]);
});

test("what was put in place of bytes that were not synced is gone with the first sync, which writes them", () => {
  const file = written(1, 2, 3);
  file.overlay(0, Uint8Array.of(7));
  const copy = file.clone();
  for (const each of [file, copy]) {
    assert.deepEqual(content(each), [7, 2, 3]);
    each.sync();
    assert.deepEqual(afterPowerLoss(each), [1, 2, 3]);
  }
});
