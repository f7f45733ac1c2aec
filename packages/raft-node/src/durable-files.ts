/** Small files that survive a crash: what storages of your own, and the notes of a node, are made of. All calls block. */

import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { errorCode } from "@quorate/base";
import type { StableStore } from "@quorate/raft";

/** Appends `bytes` to a file, durably; a crash in the middle leaves a part of them. The file is made when missing. */
export function appendDurably(path: string, bytes: Uint8Array): void {
  writeAll(path, "a", bytes);
}

/** Makes `bytes` the whole content of a file, durably; a crash in the middle leaves the old content. */
export function replaceDurably(path: string, bytes: Uint8Array): void {
  writeAll(`${path}.new`, "w", bytes);
  renameSync(`${path}.new`, path);
  syncDirectory(dirname(path));
}

/** The content of a file; null when there is none. */
export function readIfThere(path: string): Uint8Array | null {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    if (errorCode(error) === "ENOENT") {
      return null;
    }
    throw error;
  }
}

/**
 * A stable store of one file for each value, in a folder that is made when missing.
 *
 * @example
 * ```ts
 * import { mkdtempSync } from "node:fs";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { fileStableStore } from "@quorate/raft-node";
 * const store = fileStableStore(mkdtempSync(join(tmpdir(), "values-")));
 * store.set("answer", Uint8Array.of(42));
 * store.get("answer"); // 42
 * ```
 */
export function fileStableStore(folder: string): StableStore {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return {
    get: (name) => readIfThere(join(folder, name)),
    set: (name, value) => replaceDurably(join(folder, name), value),
  };
}

function writeAll(path: string, flag: "a" | "w", bytes: Uint8Array): void {
  const file = openSync(path, flag, 0o600);
  try {
    for (let rest = bytes; rest.length > 0; ) {
      rest = rest.subarray(writeSync(file, rest));
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Windows cannot open a directory, and keeps names without that. */
function syncDirectory(directory: string): void {
  if (process.platform === "win32") {
    return;
  }
  const handle = openSync(directory, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
