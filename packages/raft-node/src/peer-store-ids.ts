/**
 * The store id of each peer, noted durably at the first meeting, before anything counts from it. A peer that comes back with
 * another store id has lost its disk or got an older one, and with it acknowledgements and votes that others counted: it is
 * refused until it is removed and added anew.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { assert, errorCode, toHex } from "@quorate/base";
import { judgeStoreId, type NodeId, StorageError, type StoreIdVerdict, toNodeId } from "@quorate/raft";

const fileName = "peers.json";
const formatVersion = 1;
const storeIdText = /^[0-9a-f]{32}$/;

/**
 * The notes of one member.
 *
 * @example
 * ```ts
 * import { mkdtempSync } from "node:fs";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { toNodeId } from "@quorate/raft";
 * import { PeerStoreIds } from "@quorate/raft-node";
 * const notes = PeerStoreIds.open(mkdtempSync(join(tmpdir(), "example-")));
 * notes.note(toNodeId(2), new Uint8Array(16), (error) => error);
 * ```
 */
export class PeerStoreIds {
  readonly #directory: string | null;
  readonly #ids: Map<NodeId, Uint8Array>;
  #writing = false;
  #dirty = false;
  #waiting: ((error: Error | null) => void)[] = [];
  /** What failed once fails from then on: what is in memory may not be on the disk. */
  #failure: Error | null = null;

  private constructor(directory: string | null, ids: Map<NodeId, Uint8Array>) {
    this.#directory = directory;
    this.#ids = ids;
  }

  /** @throws StorageError `STORAGE_CORRUPT` or `STORAGE_VERSION` when the notes cannot be read. */
  static open(directory: string): PeerStoreIds {
    const path = join(directory, fileName);
    let text: string;
    try {
      text = fs.readFileSync(path, "utf8");
    } catch (error) {
      if (errorCode(error) === "ENOENT") {
        return new PeerStoreIds(directory, new Map());
      }
      throw error;
    }
    return new PeerStoreIds(directory, parse(path, text));
  }

  /** Notes that last as long as the process: for members whose store does not last either. */
  static inMemory(): PeerStoreIds {
    return new PeerStoreIds(null, new Map());
  }

  /** Peers that were met. */
  get count(): number {
    return this.#ids.size;
  }

  /** Null before the first meeting. */
  expected(peer: NodeId): Uint8Array | null {
    return this.#ids.get(peer) ?? null;
  }

  judge(peer: NodeId, storeId: Uint8Array): StoreIdVerdict {
    return judgeStoreId(this.expected(peer), storeId);
  }

  /** Notes the store id of a peer met for the first time; calls back when that is durable. */
  note(peer: NodeId, storeId: Uint8Array, completed: (error: Error | null) => void): void {
    assert(storeId.length === 16, "store ids: not 16 bytes");
    const verdict = this.judge(peer, storeId);
    assert(verdict !== "different", "store ids: a noted id is never replaced");
    if (verdict === "unknown") {
      this.#ids.set(peer, storeId.slice());
      this.#dirty = true;
    }
    // An id that is known may still be on its way to the disk.
    this.#waiting.push(completed);
    this.#write();
  }

  /** Forgets a peer that was removed from the group; calls back when that is durable. */
  forget(peer: NodeId, completed: (error: Error | null) => void): void {
    this.#dirty = this.#ids.delete(peer) || this.#dirty;
    this.#waiting.push(completed);
    this.#write();
  }

  /** Calls back when nothing is on its way to the disk: whoever stops may then give up the directory. */
  settled(completed: () => void): void {
    if (this.#writing) {
      this.#waiting.push(() => completed());
    } else {
      completed();
    }
  }

  #write(): void {
    if (this.#writing) {
      return;
    }
    const waiting = this.#waiting;
    this.#waiting = [];
    if (this.#failure !== null || !this.#dirty || this.#directory === null) {
      for (const completed of waiting) {
        completed(this.#failure);
      }
      return;
    }
    this.#writing = true;
    this.#dirty = false;
    replaceFile(this.#directory, fileName, this.#text(), (error) => {
      this.#writing = false;
      this.#failure = error;
      for (const completed of waiting) {
        completed(error);
      }
      if (this.#waiting.length > 0) {
        this.#write();
      }
    });
  }

  #text(): string {
    const entries = [...this.#ids].sort(([left], [right]) => left - right);
    const peers = Object.fromEntries(entries.map(([id, storeId]) => [String(id), toHex(storeId)]));
    return `${JSON.stringify({ version: formatVersion, peers }, null, 2)}\n`;
  }
}

function parse(path: string, text: string): Map<NodeId, Uint8Array> {
  const corrupt = (why: string): StorageError =>
    new StorageError({ code: "STORAGE_CORRUPT", file: path, offset: 0, why });
  let parsed: { version?: unknown; peers?: unknown } | null;
  try {
    parsed = JSON.parse(text) as typeof parsed;
  } catch (cause) {
    throw new StorageError({ code: "STORAGE_CORRUPT", file: path, offset: 0, why: "not JSON" }, cause);
  }
  if (parsed === null || typeof parsed !== "object" || typeof parsed.version !== "number") {
    throw corrupt("no version");
  }
  if (parsed.version !== formatVersion) {
    throw new StorageError({ code: "STORAGE_VERSION", file: path, version: parsed.version });
  }
  if (parsed.peers === null || typeof parsed.peers !== "object") {
    throw corrupt("no list of peers");
  }
  const ids = new Map<NodeId, Uint8Array>();
  for (const [key, value] of Object.entries(parsed.peers)) {
    const id = Number(key);
    if (!Number.isSafeInteger(id) || id < 1 || typeof value !== "string" || !storeIdText.test(value)) {
      throw corrupt(`peer ${key} has no valid store id`);
    }
    ids.set(toNodeId(id), Uint8Array.from(Buffer.from(value, "hex")));
  }
  return ids;
}

/** Written beside, synced, renamed, the directory synced: at each moment the old or the new content stands there, whole. */
function replaceFile(
  directory: string,
  name: string,
  text: string,
  completed: (error: Error | null) => void,
): void {
  const path = join(directory, name);
  const beside = `${path}.tmp`;
  fs.writeFile(beside, text, { mode: 0o600, flush: true }, (writeError) => {
    if (writeError !== null) {
      completed(writeError);
      return;
    }
    fs.rename(beside, path, (renameError) => {
      if (renameError !== null) {
        completed(renameError);
        return;
      }
      syncDirectory(directory, completed);
    });
  });
}

function syncDirectory(directory: string, completed: (error: Error | null) => void): void {
  fs.open(directory, "r", (openError, descriptor) => {
    if (openError !== null) {
      completed(openError);
      return;
    }
    fs.fsync(descriptor, (syncError) => {
      fs.close(descriptor, (closeError) => completed(syncError ?? closeError ?? null));
    });
  });
}
