/**
 * One data directory, one process. The lock is a file that names its owner by process id, start time and boot of the machine, so
 * that the lock of a process that was killed is recognized as stale, also when its id was given to another process since.
 */

import { randomUUID } from "node:crypto";
import { linkSync, readFileSync, renameSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errorCode } from "@quorate/base";
import { StorageError } from "@quorate/raft";

const lockName = "LOCK";

interface Owner {
  readonly pid: number;
  /** Start time of the process in clock ticks since boot; 0 where the platform does not tell. */
  readonly startTicks: number;
  /** Names this boot of the machine; empty where the platform does not tell. */
  readonly bootId: string;
  /** Tells two locks of one process apart. */
  readonly token: string;
}

/**
 * Holds a data directory until released, or until the process dies.
 *
 * @example
 * ```ts
 * import { mkdtempSync } from "node:fs";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { DataDirectoryLock } from "@quorate/raft-node";
 * const lock = DataDirectoryLock.acquire(mkdtempSync(join(tmpdir(), "example-")));
 * lock.release();
 * ```
 */
export class DataDirectoryLock {
  readonly #path: string;
  readonly #owner: Owner;
  #held = true;

  private constructor(path: string, owner: Owner) {
    this.#path = path;
    this.#owner = owner;
  }

  /**
   * @throws StorageError `STORAGE_LOCKED` when a living process holds the directory; the platform's error when the lock cannot be
   *   written.
   */
  static acquire(directory: string): DataDirectoryLock {
    const path = join(directory, lockName);
    const owner: Owner = {
      pid: process.pid,
      startTicks: startTicksOf(process.pid) ?? 0,
      bootId: bootId(),
      token: randomUUID(),
    };
    const own = `${path}.${owner.token}`;
    writeFileSync(own, `${JSON.stringify(owner)}\n`, { mode: 0o600, flag: "wx" });
    try {
      for (;;) {
        if (linkIfAbsent(own, path)) {
          return new DataDirectoryLock(path, owner);
        }
        removeIfStale(path, owner.token);
      }
    } finally {
      unlinkSync(own);
    }
  }

  /** Gives the directory back; safe to call more than once. */
  release(): void {
    if (this.#held) {
      this.#held = false;
      if (readOwner(this.#path)?.token === this.#owner.token) {
        unlinkSync(this.#path);
      }
    }
  }
}

/** A hard link appears at once with its content, or not at all: nobody ever reads half a lock. */
function linkIfAbsent(source: string, target: string): boolean {
  try {
    linkSync(source, target);
    return true;
  } catch (error) {
    if (isCode(error, "EEXIST")) {
      return false;
    }
    throw error;
  }
}

function removeIfStale(path: string, token: string): void {
  const owner = readOwner(path);
  if (owner !== null && isAlive(owner)) {
    throw new StorageError({ code: "STORAGE_LOCKED", file: path, pid: owner.pid });
  }
  // Several starters may see the same stale lock. Only one of them can move it away, and what it moved must be what it judged.
  const aside = `${path}.stale.${token}`;
  try {
    const judged = statSync(path).ino;
    renameSync(path, aside);
    if (statSync(aside).ino !== judged || !sameOwner(readOwner(aside), owner)) {
      linkIfAbsent(aside, path);
    }
    unlinkSync(aside);
  } catch (error) {
    if (!isCode(error, "ENOENT")) {
      throw error;
    }
  }
}

function sameOwner(left: Owner | null, right: Owner | null): boolean {
  return left?.token === right?.token;
}

/** Null when there is no lock, or when it is unreadable: then nobody can hold it, because locks appear whole. */
function readOwner(path: string): Owner | null {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (isCode(error, "ENOENT")) {
      return null;
    }
    throw error;
  }
  try {
    const parsed = JSON.parse(text) as Partial<Owner> | null;
    const { pid, startTicks, bootId: boot, token } = parsed ?? {};
    return typeof pid === "number" && pid > 0 && Number.isSafeInteger(pid) && typeof token === "string"
      ? { pid, startTicks: Number(startTicks ?? 0), bootId: String(boot ?? ""), token }
      : null;
  } catch {
    return null; // Not JSON: not a lock that any version wrote.
  }
}

function isAlive(owner: Owner): boolean {
  const boot = bootId();
  if (owner.bootId !== "" && boot !== "" && owner.bootId !== boot) {
    return false;
  }
  const startTicks = startTicksOf(owner.pid);
  if (startTicks !== null && owner.startTicks !== 0) {
    return startTicks === owner.startTicks;
  }
  try {
    process.kill(owner.pid, 0);
    return true;
  } catch (error) {
    return !isCode(error, "ESRCH");
  }
}

/** Linux tells when a process started, also of one that is dead but not yet waited for; elsewhere the process id must do. */
function startTicksOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? Number.NaN : Number(fields[19]);
  } catch {
    return null; // No such process, or no /proc: decided by a signal instead.
  }
}

function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return ""; // Not Linux.
  }
}

function isCode(error: unknown, code: string): boolean {
  return errorCode(error) === code;
}
