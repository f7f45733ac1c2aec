/**
 * Images of the state machine as records of at most one chunk each, under a number of their own: one that is being written or received
 * stands beside the newest, and counts only when the record `snapshot` names it. RAFT §5.1.
 */
import { assert, concatBytes } from "@quorate/base";
import { chunkOf, corrupt, decodeValue, encodeValue, keys, readSnapshot, writeSnapshot, } from "./format.js";
/** Chunks that one transaction drops. */
const dropCountMax = 256;
const chunkBytesMax = 32 * 1024 * 1024;
/** The images of one database. */
export class Snapshots {
    #database;
    #newest;
    #nextImage;
    /** Index of the newest snapshot as queued: two may be on their way to the disk. */
    #queuedIndex;
    /** Received, and not yet written by a batch. */
    #received = new Map();
    /** How many readers an image has; a superseded one goes with the last. */
    #readers = new Map();
    constructor(database) {
        this.#database = database;
        const value = database.get(keys.snapshot);
        this.#newest =
            value === null ? null : decodeValue(database.file, "the snapshot", keys.snapshot, value, readSnapshot);
        this.#nextImage = (this.#newest?.image ?? 0) + 1;
        this.#queuedIndex = this.#newest?.metadata.index ?? 0;
        this.#checkNewest();
    }
    /** Every chunk is read once, so that damage is known before the member says anything. */
    #checkNewest() {
        if (this.#newest === null) {
            return;
        }
        const { bytes, image } = this.#newest;
        let found = 0;
        for (const { key, value } of this.#database.range(keys.chunk(image, 0), keys.chunk(image + 1, 0))) {
            const { offset } = chunkOf(key);
            if (offset !== found) {
                break;
            }
            found += this.#decodeChunk(key, value).length;
        }
        if (found !== bytes) {
            throw corrupt(this.#database.file, `the image of the snapshot ends at ${found} of ${bytes} bytes`);
        }
    }
    #decodeChunk(key, value) {
        return decodeValue(this.#database.file, "a chunk of the snapshot", key, value, (reader) => reader.bytes(reader.remaining));
    }
    /** Of the newest image. */
    get metadata() {
        return this.#newest?.metadata ?? null;
    }
    /** Drops chunks of images that never counted: what a crash left. */
    async dropStrays() {
        const strays = [];
        for (const key of this.#database.keys(keys.chunksStart, keys.chunksEnd)) {
            const { image } = chunkOf(key);
            if (image !== this.#newest?.image) {
                strays.push(key);
                this.#nextImage = Math.max(this.#nextImage, image + 1);
            }
        }
        while (strays.length > 0) {
            const some = strays.splice(0, dropCountMax);
            await this.#database.batch((write) => {
                for (const key of some) {
                    write.remove(key);
                }
            });
        }
    }
    /** An image of the state machine here; it is the newest when it is finished, unless a newer one came meanwhile. */
    create(metadata) {
        return this.#sink(metadata, (stored, write) => {
            if (metadata.index <= this.#queuedIndex) {
                return () => this.#drop(stored.image);
            }
            this.#put(write, stored);
            return () => this.#replaceBy(stored);
        });
    }
    /** An image of the leader's; a batch with the same metadata makes it the newest. */
    receive(metadata) {
        return this.#sink(metadata, (stored) => () => {
            const older = this.#received.get(nameOf(metadata));
            this.#received.set(nameOf(metadata), stored);
            if (older !== undefined) {
                this.#drop(older.image);
            }
        });
    }
    /** Takes a received image for the batch that installs it. */
    take(metadata) {
        const stored = this.#received.get(nameOf(metadata));
        assert(stored !== undefined, "lmdb: the snapshot was not received");
        this.#received.delete(nameOf(metadata));
        return { put: (write) => this.#put(write, stored), done: () => this.#replaceBy(stored) };
    }
    #put(write, stored) {
        this.#queuedIndex = stored.metadata.index;
        write.put(keys.snapshot, encodeValue(keys.snapshot, (writer) => writeSnapshot(writer, stored)));
    }
    #replaceBy(stored) {
        const superseded = this.#newest;
        this.#newest = stored;
        if (superseded !== null && !this.#readers.has(superseded.image)) {
            this.#drop(superseded.image);
        }
    }
    #sink(metadata, seal) {
        const image = this.#nextImage++;
        const written = [];
        let bytes = 0;
        let open = true;
        return {
            write: (chunk, completed) => {
                assert(open, "lmdb: the image is closed");
                assert(chunk.length <= chunkBytesMax, "lmdb: the chunk is too large");
                const key = keys.chunk(image, bytes);
                bytes += chunk.length;
                written.push(key);
                this.#database.do(completed, (write) => {
                    if (chunk.length > 0) {
                        write.put(key, encodeValue(key, (writer) => writer.bytes(chunk)));
                    }
                    return () => { };
                });
            },
            finish: (completed) => {
                assert(open, "lmdb: the image is closed");
                open = false;
                this.#database.do(completed, (write) => seal({ metadata, image, bytes }, write));
            },
            abort: () => {
                if (open) {
                    open = false;
                    // By name, not by what is there: the last chunk may still be on its way to the disk.
                    this.#remove(written, () => { });
                }
            },
        };
    }
    /** In the background, slice by slice; what a crash leaves goes with the next start. */
    #drop(image) {
        const some = [];
        for (const key of this.#database.keys(keys.chunk(image, 0), keys.chunk(image + 1, 0))) {
            some.push(key);
            if (some.length === dropCountMax) {
                break;
            }
        }
        if (some.length > 0) {
            this.#remove(some, () => this.#drop(image));
        }
    }
    /** A failure is kept by the database, and told to whoever writes next. */
    #remove(chunks, done) {
        const completed = (error) => (error === null ? done() : undefined);
        this.#database.do(completed, (write) => {
            for (const key of chunks) {
                write.remove(key);
            }
            return () => { };
        });
    }
    /** The newest image for reading; null when there is none. */
    openNewest() {
        if (this.#newest === null) {
            return null;
        }
        const { bytes, image, metadata } = this.#newest;
        this.#readers.set(image, (this.#readers.get(image) ?? 0) + 1);
        let open = true;
        return {
            metadata,
            bytes,
            read: (offset, length, completed) => this.#readAt({ image, bytes }, offset, length, completed),
            close: () => {
                if (open) {
                    open = false;
                    this.#released(image);
                }
            },
        };
    }
    #released(image) {
        const left = (this.#readers.get(image) ?? 0) - 1;
        assert(left >= 0, "lmdb: an image was closed too often");
        if (left > 0) {
            this.#readers.set(image, left);
            return;
        }
        this.#readers.delete(image);
        if (image !== this.#newest?.image) {
            this.#drop(image);
        }
    }
    #readAt({ bytes, image }, offset, length, completed) {
        const parts = [];
        const end = Math.min(bytes, offset + length);
        try {
            for (let at = offset; at < end;) {
                const found = this.#database.atOrBefore(keys.chunk(image, at));
                const start = found === null ? null : chunkOf(found.key);
                const chunk = found === null ? new Uint8Array(0) : this.#decodeChunk(found.key, found.value);
                if (start === null || start.image !== image || start.offset + chunk.length <= at) {
                    throw corrupt(this.#database.file, `the image of the snapshot has a gap at byte ${at}`);
                }
                const part = chunk.slice(at - start.offset, end - start.offset);
                parts.push(part);
                at += part.length;
            }
        }
        catch (error) {
            completed(error instanceof Error ? error : new Error(String(error)));
            return;
        }
        completed(null, concatBytes(parts));
    }
}
function nameOf({ index, term }) {
    return `${term}-${index}`;
}
//# sourceMappingURL=snapshots.js.map