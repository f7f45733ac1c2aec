/**
 * Keys and values in the database. A key is a letter and numbers in big-endian order, so that they sort; a value is a version, its
 * content, and a CRC-32C over key and content, because LMDB itself has no checksums. Numbers and letters stand on the disk: never change one.
 */
import { ByteReader, ByteWriter } from "@quorate/base";
import { type ConfState, type Entry, type HardState, type LogId, type LogIndex, type SnapshotMetadata, StorageError } from "@quorate/raft";
/** The keys. */
export declare const keys: {
    readonly base: Uint8Array;
    readonly hardState: Uint8Array;
    readonly identity: Uint8Array;
    readonly snapshot: Uint8Array;
    readonly entry: (index: number) => Uint8Array;
    /** Behind the last entry. */
    readonly entriesEnd: Uint8Array;
    readonly chunk: (image: number, offset: number) => Uint8Array;
    /** Before the first chunk of all images, and behind the last. */
    readonly chunksStart: Uint8Array;
    readonly chunksEnd: Uint8Array;
};
/** The index in an entry's key. */
export declare function indexOf(bytes: Uint8Array): LogIndex;
/** Image and offset in a chunk's key. */
export declare function chunkOf(bytes: Uint8Array): {
    readonly image: number;
    readonly offset: number;
};
/** Encodes the value of `at`. */
export declare function encodeValue(at: Uint8Array, write: (writer: ByteWriter) => void): Uint8Array;
/**
 * Decodes the value of `at`.
 *
 * @throws StorageError `STORAGE_CORRUPT` when it is damaged, `STORAGE_VERSION` when another version wrote it.
 */
export declare function decodeValue<T>(file: string, what: string, at: Uint8Array, value: Uint8Array, read: (reader: ByteReader) => T): T;
/** What the file says is not what was written. LMDB's pages move, so there is no offset to name. */
export declare function corrupt(file: string, why: string, cause?: unknown): StorageError;
/** Term, type and data; the index stands in the key. */
export declare function writeEntry(writer: ByteWriter, { data, term, type }: Entry): void;
/** Reads the entry whose key says `index`. @throws DecodeError when its type is unknown. */
export declare function readEntry(reader: ByteReader, index: LogIndex): Entry;
/** Term, vote and commit index. */
export declare function writeHardState(writer: ByteWriter, { commit, term, vote }: HardState): void;
/** Reads what {@link writeHardState} wrote. */
export declare function readHardState(reader: ByteReader): HardState;
/** Index and term. */
export declare function writeLogId(writer: ByteWriter, { index, term }: LogId): void;
/** Reads what {@link writeLogId} wrote. */
export declare function readLogId(reader: ByteReader): LogId;
/** The four lists, then the flag. */
export declare function writeConfState(writer: ByteWriter, confState: ConfState): void;
/** Reads what {@link writeConfState} wrote. @throws DecodeError when a list is longer than any group. */
export declare function readConfState(reader: ByteReader): ConfState;
/** The newest snapshot, and the image that belongs to it. */
export interface StoredSnapshot {
    readonly metadata: SnapshotMetadata;
    /** Which chunks are its own. */
    readonly image: number;
    readonly bytes: number;
}
/** Metadata, then which image it is and how long. */
export declare function writeSnapshot(writer: ByteWriter, { bytes, image, metadata }: StoredSnapshot): void;
/** Reads what {@link writeSnapshot} wrote. */
export declare function readSnapshot(reader: ByteReader): StoredSnapshot;
//# sourceMappingURL=format.d.ts.map