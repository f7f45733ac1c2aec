/**
 * The switch from an old store to a recovered one. The new files are made whole beside, in a folder under a name that says
 * 'incomplete'; giving it its final name is the one step that decides. From then on every opening carries the switch through,
 * and moves what it replaces into a folder of its own: nothing is edited, nothing is thrown away.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { StorageError } from "@quorate/raft";
import { DataDirectoryLock } from "../data-directory-lock.ts";
import { replaceDurably } from "../durable-files.ts";

/** The folder being made. */
const making = "recovering";
/** The folder that is complete, and must be put in place. */
const decided = "recovered";
const manifestName = "MANIFEST.json";
const version = 1;

/** One file or folder: where it lies among the new ones (null: there is none), and where it goes, from the data directory. */
export interface SwitchPart {
  readonly from: string | null;
  readonly to: string;
}

interface Manifest {
  readonly version: number;
  /** The folder for what is replaced. */
  readonly backup: string;
  readonly parts: readonly SwitchPart[];
}

/** An empty folder for the new files; what an earlier attempt left is removed. */
export function beginSwitch(dataDir: string): string {
  const folder = join(dataDir, making);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: 0o700 });
  return folder;
}

/** Takes back what was begun. */
export function dropSwitch(dataDir: string): void {
  rmSync(join(dataDir, making), { recursive: true, force: true });
}

/** Decides for the new files, which are all durable, and puts them in place; returns the folder with the old ones. */
export function commitSwitch(dataDir: string, parts: readonly SwitchPart[]): string {
  const backup = backupName(dataDir);
  const manifest: Manifest = { version, backup, parts };
  replaceDurably(join(dataDir, making, manifestName), Buffer.from(`${JSON.stringify(manifest)}\n`));
  renameSync(join(dataDir, making), join(dataDir, decided));
  syncDirectory(dataDir);
  finishSwitch(dataDir);
  return join(dataDir, backup);
}

/** Carries a switch through that was decided and interrupted; the caller holds the directory. Whether there was one. */
export function finishSwitch(dataDir: string): boolean {
  const folder = join(dataDir, decided);
  if (!existsSync(folder)) {
    return false;
  }
  if (!existsSync(join(folder, manifestName))) {
    rmSync(folder, { recursive: true }); // All was in place, and its removal was interrupted.
    return true;
  }
  const { backup, parts } = readManifest(join(folder, manifestName));
  mkdirSync(join(dataDir, backup), { recursive: true, mode: 0o700 });
  syncDirectory(dataDir);
  for (const part of parts) {
    place(dataDir, folder, join(dataDir, backup), part);
  }
  rmSync(join(folder, manifestName));
  syncDirectory(folder);
  rmSync(folder, { recursive: true });
  syncDirectory(dataDir);
  return true;
}

/** As `finishSwitch`, for a program that looks into the directory before it opens the store. @throws StorageError STORAGE_LOCKED. */
export function finishRecovery(dataDir: string): boolean {
  if (!existsSync(join(dataDir, decided))) {
    return false;
  }
  const lock = DataDirectoryLock.acquire(dataDir);
  try {
    return finishSwitch(dataDir);
  } finally {
    lock.release();
  }
}

/** Each rename may have been the last before a crash: what is in place already is left alone. */
function place(dataDir: string, folder: string, backup: string, { from, to }: SwitchPart): void {
  const target = join(dataDir, to);
  const source = from === null ? null : join(folder, from);
  if (source !== null && !existsSync(source)) {
    return;
  }
  const old = join(backup, basename(to));
  if (existsSync(target) && !existsSync(old)) {
    renameSync(target, old);
    syncDirectory(backup);
    syncDirectory(dirname(target));
  }
  if (source !== null) {
    renameSync(source, target);
    syncDirectory(dirname(target));
    syncDirectory(folder);
  }
}

function readManifest(path: string): Manifest {
  const corrupt = (why: string): StorageError =>
    new StorageError({ code: "STORAGE_CORRUPT", file: path, offset: 0, why });
  let found: unknown;
  try {
    found = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new StorageError({ code: "STORAGE_CORRUPT", file: path, offset: 0, why: "not JSON" }, error);
  }
  const manifest = found as Partial<Manifest> | null;
  if (manifest?.version !== version) {
    throw typeof manifest?.version === "number"
      ? new StorageError({ code: "STORAGE_VERSION", file: path, version: manifest.version })
      : corrupt("no version");
  }
  if (typeof manifest.backup !== "string" || !Array.isArray(manifest.parts)) {
    throw corrupt("no parts");
  }
  return { version, backup: manifest.backup, parts: manifest.parts };
}

function backupName(dataDir: string): string {
  const names = new Set(readdirSync(dataDir));
  let count = 1;
  while (names.has(`replaced-${count}`)) {
    count++;
  }
  return `replaced-${count}`;
}

/** Makes names in a folder durable; Windows cannot open a folder, and keeps names without that. */
export function syncDirectory(directory: string): void {
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
