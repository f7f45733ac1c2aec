/**
 * Log and stable store in one LMDB database, behind the storage port. Each batch is one transaction, durable when it is called back;
 * batches of one turn share a sync. What is read is checked: LMDB has no checksums of its own. RAFT §3.8.
 */
import { assert, must } from "@quorate/base";
import { entryBytes, indexZero, maxIndex, minIndex, noNode, offsetIndex, StorageError, termZero, } from "@quorate/raft";
import { Database } from "./database.js";
import { corrupt, decodeValue, encodeValue, indexOf, keys, readEntry, readHardState, readLogId, writeEntry, writeHardState, writeLogId, } from "./format.js";
import { encodeIdentity, readIdentity } from "./identity.js";
import { LogTail } from "./log-tail.js";
import { Snapshots } from "./snapshots.js";
const cachedBytesMaxDefault = 16 * 1024 * 1024;
/** Entries that one transaction drops. */
const dropCountMax = 4096;
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
export function lmdbStorage(limits = {}) {
    return (start) => LmdbStorage.open(start, limits);
}
/** The storage of one member. */
export class LmdbStorage {
    metadata;
    initial;
    #database;
    #snapshots;
    #cachedBytesMax;
    #log;
    /** End of the log as queued: batches overlap, and each must drop what the one before it will have written. */
    #queuedLast;
    #hardState;
    #commitBehind = false;
    constructor(database, metadata, limits) {
        this.#database = database;
        this.metadata = metadata;
        this.#cachedBytesMax = limits.cachedBytesMax ?? cachedBytesMaxDefault;
        this.#snapshots = new Snapshots(database);
        this.#log = this.#recoverLog();
        this.#queuedLast = this.#log.lastIndex;
        const snapshot = this.#snapshots.metadata;
        const least = maxIndex(snapshot?.index ?? indexZero, offsetIndex(this.#log.firstIndex, -1));
        const stored = this.#read("the hard state", keys.hardState, readHardState) ?? {
            term: termZero,
            vote: noNode,
            commit: indexZero,
        };
        this.#hardState = { ...stored, commit: maxIndex(minIndex(stored.commit, this.#log.lastIndex), least) };
        this.initial = { hardState: this.#hardState, confState: snapshot?.confState ?? metadata.confState };
    }
    /** Opens the database, or makes it; see {@link lmdbStorage}. */
    static async open(start, limits = {}) {
        const database = await Database.open(must(start.dataDir, "lmdb: a data directory is needed"));
        try {
            const identity = readIdentity(database, start);
            if (identity.isNew) {
                await database.batch((write) => void write.put(keys.identity, encodeIdentity(identity.identity)));
                database.syncDirectory();
            }
            const storage = new LmdbStorage(database, identity.identity, limits);
            await storage.#snapshots.dropStrays();
            return storage;
        }
        catch (error) {
            await database.close();
            // What LMDB itself stumbles over is damage too.
            throw error instanceof StorageError ? error : corrupt(database.file, String(error), error);
        }
    }
    #read(what, at, read) {
        const value = this.#database.get(at);
        return value === null ? null : decodeValue(this.#database.file, what, at, value, read);
    }
    /** Reads every entry once: that none is damaged or missing is known before the member says anything. */
    #recoverLog() {
        const base = this.#read("the base of the log", keys.base, readLogId) ?? {
            index: indexZero,
            term: termZero,
        };
        const tail = new LogTail(base, this.#cachedBytesMax);
        const start = keys.entry(base.index + 1);
        for (const { key, value } of this.#database.range(start, keys.entriesEnd)) {
            const index = indexOf(key);
            if (index !== tail.lastIndex + 1) {
                throw corrupt(this.#database.file, `entry ${tail.lastIndex + 1} is missing, entry ${index} is there`);
            }
            tail.append([this.#decodeEntry(index, key, value)]);
        }
        const snapshot = this.#snapshots.metadata;
        if (base.index > 0 && (snapshot === null || snapshot.index < base.index)) {
            throw corrupt(this.#database.file, `no snapshot covers the entries up to ${base.index}`);
        }
        return tail;
    }
    #decodeEntry(index, key, value) {
        return decodeValue(this.#database.file, `entry ${index}`, key, value, (reader) => readEntry(reader, index));
    }
    get firstIndex() {
        return this.#log.firstIndex;
    }
    get lastIndex() {
        return this.#log.lastIndex;
    }
    term(index) {
        return this.#log.term(index);
    }
    /** Entries that are not in memory are read from the database's memory map, within the call: nothing is ever pending. */
    entries(low, high, bytesMax) {
        if (low < this.#log.firstIndex) {
            return "compacted";
        }
        assert(low < high, "lmdb: empty range");
        assert(high <= this.#log.lastIndex + 1, "lmdb: range beyond the last entry");
        const found = [];
        let bytes = 0;
        for (let index = low; index < high; index = offsetIndex(index, 1)) {
            const entry = this.#log.cached(index) ?? this.#stored(index);
            bytes += entryBytes(entry);
            if (bytes > bytesMax && found.length > 0) {
                break;
            }
            found.push(entry);
        }
        return found;
    }
    #stored(index) {
        const key = keys.entry(index);
        const value = this.#database.get(key);
        if (value === null) {
            throw corrupt(this.#database.file, `entry ${index} is missing`);
        }
        return this.#decodeEntry(index, key, value);
    }
    snapshot() {
        return this.#snapshots.metadata;
    }
    write(batch, completed) {
        const { entries, hardState, snapshot } = batch;
        if (hardState !== null) {
            assert(hardState.term >= this.#hardState.term, "lmdb: the term goes back");
            this.#hardState = hardState;
            this.#commitBehind = true;
        }
        const installed = snapshot === null ? null : this.#snapshots.take(snapshot);
        this.#do(completed, (write) => {
            // The commit index alone is found again after a crash: it waits for the next write that must be durable.
            if (batch.mustSync && this.#commitBehind) {
                this.#putHardState(write);
            }
            if (snapshot !== null) {
                installed?.put(write);
                this.#drop(write, this.#log.firstIndex, this.#queuedLast);
                this.#putBase(write, snapshot);
                this.#queuedLast = snapshot.index;
            }
            this.#putEntries(write, entries);
            return () => {
                if (snapshot !== null) {
                    installed?.done();
                    this.#log = new LogTail({ index: snapshot.index, term: snapshot.term }, this.#cachedBytesMax);
                }
                this.#log.append(entries);
            };
        });
    }
    #putHardState(write) {
        const state = this.#hardState;
        write.put(keys.hardState, encodeValue(keys.hardState, (writer) => writeHardState(writer, state)));
        this.#commitBehind = false;
    }
    #putBase(write, base) {
        write.put(keys.base, encodeValue(keys.base, (writer) => writeLogId(writer, base)));
    }
    #putEntries(write, entries) {
        const first = entries[0];
        if (first === undefined) {
            return;
        }
        assert(first.index <= this.#queuedLast + 1, "lmdb: entries leave a gap");
        const last = offsetIndex(first.index, entries.length - 1);
        this.#drop(write, offsetIndex(last, 1), this.#queuedLast);
        for (const entry of entries) {
            const key = keys.entry(entry.index);
            write.put(key, encodeValue(key, (writer) => writeEntry(writer, entry)));
        }
        this.#queuedLast = last;
    }
    #drop(write, from, to) {
        for (let index = from; index <= to; index = offsetIndex(index, 1)) {
            write.remove(keys.entry(index));
        }
    }
    /** Nothing is ever pending, so there is nothing to bring. */
    load(_low, _high, _bytesMax, completed) {
        queueMicrotask(() => completed(this.#database.failure));
    }
    /** Slice by slice, each with its own base: a crash between two leaves a log that is whole. */
    compact(index, completed) {
        const first = this.#log.firstIndex;
        if (index < first) {
            queueMicrotask(() => completed(this.#database.failure));
            return;
        }
        assert(index <= (this.#snapshots.metadata?.index ?? 0), "lmdb: compaction beyond the snapshot");
        assert(index <= this.#log.lastIndex, "lmdb: compaction beyond the last entry");
        const end = minIndex(index, offsetIndex(first, dropCountMax - 1));
        const term = this.#log.term(end);
        assert(typeof term === "number", "lmdb: compaction of nothing");
        const next = (error) => {
            if (error === null && end < index) {
                this.compact(index, completed);
            }
            else {
                completed(error);
            }
        };
        this.#do(next, (write) => {
            this.#putBase(write, { index: end, term });
            this.#drop(write, first, end);
            // A snapshot that was installed meanwhile has emptied the log.
            return () => void (end >= this.#log.firstIndex && this.#log.compact(end));
        });
    }
    createSnapshot(metadata) {
        return this.#snapshots.create(metadata);
    }
    receiveSnapshot(metadata) {
        return this.#snapshots.receive(metadata);
    }
    openSnapshot(completed) {
        const failure = this.#database.failure;
        const source = failure === null ? this.#snapshots.openNewest() : null;
        if (source === null) {
            completed(failure ?? new StorageError({ code: "STORAGE_UNAVAILABLE", lastIndex: this.lastIndex }));
        }
        else {
            completed(null, source);
        }
    }
    close(completed) {
        this.#do((error) => void this.#database.close().then(() => completed(error), completed), (write) => {
            if (this.#commitBehind) {
                this.#putHardState(write);
            }
            return () => { };
        });
    }
    #do(completed, work) {
        this.#database.do(completed, work);
    }
}
//# sourceMappingURL=lmdb-storage.js.map