/** The LMDB environment of one member: one file, transactions in order, and one failure after which nothing is written any more. */
import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { StorageError } from "@quorate/raft";
import { open } from "lmdb";
import { corrupt } from "./format.js";
/** A meta page that speaks of more is damaged itself. */
const fillBytesMax = 2 ** 40;
const pageBytesMax = 64 * 1024;
const fileName = "raft.mdb";
/** Noted by the node when it meets its first peer; a store that is made beside it is not the first of this member. */
const peersName = "peers.json";
/** An open database. */
export class Database {
    /** For error messages. */
    file;
    #directory;
    #root;
    #write;
    #failure = null;
    constructor(directory, root) {
        this.#directory = directory;
        this.file = join(directory, fileName);
        this.#root = root;
        // Each of these ends with its transaction, whose own promise is the one that is waited for.
        this.#write = {
            put: (key, value) => void this.#root.put(key, value),
            remove: (key) => void this.#root.remove(key),
        };
    }
    /** @throws StorageError `STORAGE_CORRUPT` when the file is no database, or is missing though the member has lived. */
    static async open(directory) {
        const file = join(directory, fileName);
        const isNew = !existsSync(file);
        if (isNew && existsSync(join(directory, peersName))) {
            // A log that is gone took votes and acknowledgements with it: to begin anew under the same name could lose what others counted.
            throw corrupt(file, "the database is gone, but the member has met others; remove the member and add it anew");
        }
        if (!isNew) {
            checkFile(file);
        }
        try {
            return new Database(directory, openRoot(file));
        }
        catch (error) {
            throw corrupt(file, `LMDB cannot open it: ${error instanceof Error ? error.message : String(error)}`, error);
        }
    }
    /** What ended it; null while it works. */
    get failure() {
        return this.#failure;
    }
    /** A copy, of no other use to anybody: what LMDB hands out are buffers, whose `slice` shares memory. */
    get(key) {
        const value = this.#root.getBinary(key);
        return value === undefined ? null : new Uint8Array(value);
    }
    /** Pairs of `[start, end)` in order. */
    *range(start, end) {
        for (const { key, value } of this.#root.getRange({ start, end })) {
            yield { key: new Uint8Array(key), value: new Uint8Array(value) };
        }
    }
    /** Keys of `[start, end)` in order. */
    *keys(start, end) {
        for (const key of this.#root.getKeys({ start, end })) {
            yield new Uint8Array(key);
        }
    }
    /** The pair with the greatest key not above `key`. */
    atOrBefore(key) {
        for (const found of this.#root.getRange({ start: key, reverse: true, limit: 1 })) {
            return { key: new Uint8Array(found.key), value: new Uint8Array(found.value) };
        }
        return null;
    }
    /** One transaction; resolves when it is on the disk. */
    async batch(work) {
        await this.#root.batch(() => work(this.#write));
    }
    /**
     * One transaction: `work` fills it at once and returns what is done when it is durable, before `completed`. After a failure nobody
     * knows what is stored: nothing is written any more.
     */
    do(completed, work) {
        if (this.#failure !== null) {
            const failure = this.#failure;
            queueMicrotask(() => completed(failure));
            return;
        }
        let finish = () => { };
        const batch = this.#root.batch(() => {
            finish = work(this.#write);
        });
        batch.then(() => {
            finish();
            completed(null);
        }, (error) => {
            this.#failure ??= storageError(this.file, error);
            completed(this.#failure);
        });
    }
    /** The new file's name is on the disk too. Windows cannot open a directory, and needs no sync of it. */
    syncDirectory() {
        if (process.platform === "win32") {
            return;
        }
        const directory = openSync(this.#directory, "r");
        try {
            fsyncSync(directory);
        }
        finally {
            closeSync(directory);
        }
    }
    async close() {
        this.#failure ??= new StorageError({ code: "STORAGE_CLOSED" });
        await this.#root.close();
    }
}
/** Where a meta page of LMDB says what it says, in bytes behind its page header of 24; the numbers are little-endian. */
const meta = { offset: 24, magic: 0xbeefc0de, pageBytesAt: 24, lastPageAt: 120, bytes: 136 };
/**
 * LMDB trusts its file: one that is no database, or lost its last pages, would end the process without a word. The first is refused here;
 * the second is filled up with zeros, so that the lost pages are found to be damaged when they are read, and a file that LMDB itself left
 * a little short is whole.
 */
function checkFile(file) {
    const handle = openSync(file, "r+");
    try {
        const page = Buffer.alloc(meta.offset + meta.bytes);
        let bytesNeeded = 0;
        let pageBytes = 0;
        // Two meta pages take turns; the second lies one page behind the first.
        for (const at of [0, 1]) {
            const read = readSync(handle, page, 0, page.length, at * pageBytes);
            if (read < page.length || page.readUInt32LE(meta.offset) !== meta.magic) {
                throw corrupt(file, "this is no LMDB database");
            }
            pageBytes = page.readUInt32LE(meta.offset + meta.pageBytesAt);
            if (pageBytes < page.length || pageBytes > pageBytesMax) {
                throw corrupt(file, `pages of ${pageBytes} bytes`);
            }
            const lastPage = Number(page.readBigUInt64LE(meta.offset + meta.lastPageAt));
            bytesNeeded = Math.max(bytesNeeded, (lastPage + 1) * pageBytes);
        }
        if (statSync(file).size < bytesNeeded && bytesNeeded <= fillBytesMax) {
            ftruncateSync(handle, bytesNeeded);
        }
    }
    finally {
        closeSync(handle);
    }
}
function openRoot(file) {
    return open({
        path: file,
        noSubdir: true,
        encoding: "binary",
        keyEncoding: "binary",
        // A transaction is called back when it is on the disk, not before: an answer to the leader follows it. RAFT §3.8.
        overlappingSync: false,
        compression: false,
        // PERF: what one turn of the event loop queues becomes one transaction with one sync.
        eventTurnBatching: true,
    });
}
function storageError(file, error) {
    const text = error instanceof Error ? error.message : String(error);
    const isFull = /ENOSPC|No space|MAP_FULL/i.test(text);
    const code = isFull ? "STORAGE_FULL" : "STORAGE_IO";
    return new StorageError({ code, syscall: "commit", file }, error);
}
//# sourceMappingURL=database.js.map