/**
 * The store ids of a member's peers, noted on its disk at the first meeting and before anything counts from them, as the real
 * member notes them. The file is replaced whole: written beside, synced, renamed, the directory synced.
 */
import { assert, ByteReader, ByteWriter, runTask, type Task, wait } from "@quorate/base";
import { type Completed, judgeStoreId, type NodeId, type StoreIdVerdict, toNodeId } from "@quorate/raft";
import { FileError, type FileHandle, type FileSystem } from "@quorate/wal";

const fileName = "peers";
const besideName = "peers.tmp";
const storeIdBytes = 16;
const fileBytesMax = 65_536;

/** One per life of a member. */
export class PeerNotes {
  readonly #files: FileSystem;
  readonly #ids: Map<NodeId, Uint8Array>;
  #writing = false;
  #waiting: Completed[] = [];

  private constructor(files: FileSystem, ids: Map<NodeId, Uint8Array>) {
    this.#files = files;
    this.#ids = ids;
  }

  /** Reads what was noted; on an empty disk nothing was. */
  static *open(files: FileSystem): Task<PeerNotes> {
    const ids = new Map<NodeId, Uint8Array>();
    const bytes = yield* readIfThere(files);
    const reader = new ByteReader(bytes);
    while (reader.offset < bytes.length) {
      const id = toNodeId(reader.varint());
      ids.set(id, reader.bytes(storeIdBytes).slice());
    }
    return new PeerNotes(files, ids);
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

  /** Calls back once the store id is noted durably. */
  note(peer: NodeId, storeId: Uint8Array, completed: Completed): void {
    const verdict = this.judge(peer, storeId);
    assert(verdict !== "different", "notes: a noted id is never replaced");
    if (verdict === "same" && !this.#writing) {
      completed(null);
      return;
    }
    this.#ids.set(peer, storeId);
    this.#waiting.push(completed);
    this.#write();
  }

  #write(): void {
    if (this.#writing || this.#waiting.length === 0) {
      return;
    }
    this.#writing = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    runTask(this.#replace(), (error) => {
      this.#writing = false;
      for (const completed of waiting) {
        completed(error);
      }
      this.#write();
    });
  }

  *#replace(): Task<void> {
    const files = this.#files;
    const writer = new ByteWriter();
    for (const [id, storeId] of this.#ids) {
      writer.varint(id);
      writer.bytes(storeId);
    }
    try {
      yield* wait<void>((done) => files.unlink(besideName, done));
    } catch (error) {
      if (!isAbsent(error)) {
        throw error;
      }
    }
    const file = yield* wait<FileHandle>((done) => files.open(besideName, "create", done));
    yield* wait<void>((done) => file.write(0, writer.finish(), done));
    yield* wait<void>((done) => file.sync(done));
    yield* wait<void>((done) => file.close(done));
    yield* wait<void>((done) => files.rename(besideName, fileName, done));
    yield* wait<void>((done) => files.syncDirectory("", done));
  }
}

function* readIfThere(files: FileSystem): Task<Uint8Array> {
  try {
    const file = yield* wait<FileHandle>((done) => files.open(fileName, "read", done));
    const bytes = yield* wait<Uint8Array>((done) => file.read(0, fileBytesMax, done));
    yield* wait<void>((done) => file.close(done));
    return bytes;
  } catch (error) {
    if (isAbsent(error)) {
      return new Uint8Array(0);
    }
    throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof FileError && error.code === "ENOENT";
}
