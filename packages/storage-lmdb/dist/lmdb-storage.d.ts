import { type Completed, type CompletedWith, type ConfState, type Entry, type HardState, type LogIndex, type SnapshotMetadata, type SnapshotSink, type SnapshotSource, type Storage, type StorageBatch } from "@quorate/raft";
import { type LmdbIdentity, type LmdbStorageStart } from "./identity.ts";
/** Bounds of an {@link LmdbStorage}. */
export interface LmdbStorageLimits {
    /** Bytes of the last entries that stay in memory. Default 16 MiB. */
    readonly cachedBytesMax?: number;
}
/**
 * A storage on LMDB for each member that is started with it: `RaftNode.start({ …, openStorage: lmdbStorage() })`.
 *
 * @throws when opened: StorageError `STORAGE_CORRUPT`, `STORAGE_VERSION`, `STORAGE_FOREIGN` for another member's data, or what the
 *   database says when it cannot be opened.
 *
 * @example
 * ```ts
 * import { mkdtempSync } from "node:fs";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { toNodeId } from "@quorate/raft";
 * import { lmdbStorage } from "@quorate/storage-lmdb";
 * const open = lmdbStorage();
 * const dataDir = mkdtempSync(join(tmpdir(), "lmdb-"));
 * const storage = await open({ dataDir, id: toNodeId(1), clusterId: 7, voters: [toNodeId(1)] });
 * await new Promise((resolve) => storage.close(resolve));
 * ```
 */
export declare function lmdbStorage(limits?: LmdbStorageLimits): (start: LmdbStorageStart) => Promise<LmdbStorage>;
/** The storage of one member. */
export declare class LmdbStorage implements Storage {
    #private;
    readonly metadata: LmdbIdentity;
    readonly initial: {
        readonly hardState: HardState;
        readonly confState: ConfState;
    };
    private constructor();
    /** Opens the database, or makes it; see {@link lmdbStorage}. */
    static open(start: LmdbStorageStart, limits?: LmdbStorageLimits): Promise<LmdbStorage>;
    get firstIndex(): LogIndex;
    get lastIndex(): LogIndex;
    term(index: LogIndex): ReturnType<Storage["term"]>;
    /** Entries that are not in memory are read from the database's memory map, within the call: nothing is ever pending. */
    entries(low: LogIndex, high: LogIndex, bytesMax: number): readonly Entry[] | "compacted";
    snapshot(): SnapshotMetadata | null;
    write(batch: StorageBatch, completed: Completed): void;
    /** Nothing is ever pending, so there is nothing to bring. */
    load(_low: LogIndex, _high: LogIndex, _bytesMax: number, completed: Completed): void;
    /** Slice by slice, each with its own base: a crash between two leaves a log that is whole. */
    compact(index: LogIndex, completed: Completed): void;
    createSnapshot(metadata: SnapshotMetadata): SnapshotSink;
    receiveSnapshot(metadata: SnapshotMetadata): SnapshotSink;
    openSnapshot(completed: CompletedWith<SnapshotSource>): void;
    close(completed: Completed): void;
}
//# sourceMappingURL=lmdb-storage.d.ts.map