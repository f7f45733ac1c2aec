import { type Completed } from "@quorate/raft";
/** What a transaction does. */
export interface WriteBatch {
    put(key: Uint8Array, value: Uint8Array): void;
    remove(key: Uint8Array): void;
}
/** One record. */
interface Pair {
    readonly key: Uint8Array;
    readonly value: Uint8Array;
}
/** An open database. */
export declare class Database {
    #private;
    /** For error messages. */
    readonly file: string;
    private constructor();
    /** @throws StorageError `STORAGE_CORRUPT` when the file is no database, or is missing though the member has lived. */
    static open(directory: string): Promise<Database>;
    /** What ended it; null while it works. */
    get failure(): Error | null;
    /** A copy, of no other use to anybody: what LMDB hands out are buffers, whose `slice` shares memory. */
    get(key: Uint8Array): Uint8Array | null;
    /** Pairs of `[start, end)` in order. */
    range(start: Uint8Array, end: Uint8Array): Generator<Pair>;
    /** Keys of `[start, end)` in order. */
    keys(start: Uint8Array, end: Uint8Array): Generator<Uint8Array>;
    /** The pair with the greatest key not above `key`. */
    atOrBefore(key: Uint8Array): Pair | null;
    /** One transaction; resolves when it is on the disk. */
    batch(work: (write: WriteBatch) => void): Promise<void>;
    /**
     * One transaction: `work` fills it at once and returns what is done when it is durable, before `completed`. After a failure nobody
     * knows what is stored: nothing is written any more.
     */
    do(completed: Completed, work: (write: WriteBatch) => () => void): void;
    /** The new file's name is on the disk too. Windows cannot open a directory, and needs no sync of it. */
    syncDirectory(): void;
    close(): Promise<void>;
}
export {};
//# sourceMappingURL=database.d.ts.map