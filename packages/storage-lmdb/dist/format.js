/**
 * Keys and values in the database. A key is a letter and numbers in big-endian order, so that they sort; a value is a version, its
 * content, and a CRC-32C over key and content, because LMDB itself has no checksums. Numbers and letters stand on the disk: never change one.
 */
import { assert, ByteReader, ByteWriter, crc32c, DecodeError } from "@quorate/base";
import { noNode, StorageError, toLogIndex, toNodeId, toTerm, } from "@quorate/raft";
/** The version of every value. */
const formatVersion = 1;
/** Bytes of one value; what is larger was not written by this. */
const valueBytesMax = 64 * 1024 * 1024;
const memberCountMax = 4096;
const trailerBytes = 4;
const letters = { base: 0x62, entry: 0x65, hardState: 0x68, identity: 0x69, snapshot: 0x73, chunk: 0x63 };
function key(letter, ...numbers) {
    const bytes = new Uint8Array(1 + 8 * numbers.length);
    const view = new DataView(bytes.buffer);
    bytes[0] = letter;
    numbers.forEach((number, i) => {
        assert(Number.isSafeInteger(number) && number >= 0, "lmdb: a key is made of safe integers");
        view.setBigUint64(1 + 8 * i, BigInt(number));
    });
    return bytes;
}
/** The keys. */
export const keys = {
    base: key(letters.base),
    hardState: key(letters.hardState),
    identity: key(letters.identity),
    snapshot: key(letters.snapshot),
    entry: (index) => key(letters.entry, index),
    entriesEnd: key(letters.entry + 1),
    chunk: (image, offset) => key(letters.chunk, image, offset),
    chunksStart: key(letters.chunk),
    chunksEnd: key(letters.chunk + 1),
};
/** The index in an entry's key. */
export function indexOf(bytes) {
    return toLogIndex(numberAt(bytes, 1));
}
/** Image and offset in a chunk's key. */
export function chunkOf(bytes) {
    return { image: numberAt(bytes, 1), offset: numberAt(bytes, 9) };
}
function numberAt(bytes, at) {
    assert(bytes.length >= at + 8, "lmdb: the key is too short");
    return Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getBigUint64(at));
}
/** Encodes the value of `at`. */
export function encodeValue(at, write) {
    const writer = new ByteWriter();
    writer.u8(formatVersion);
    write(writer);
    assert(writer.length <= valueBytesMax, "lmdb: a value is too large");
    writer.u32(crc32c(writer.view(), crc32c(at)));
    return writer.finish();
}
/**
 * Decodes the value of `at`.
 *
 * @throws StorageError `STORAGE_CORRUPT` when it is damaged, `STORAGE_VERSION` when another version wrote it.
 */
export function decodeValue(file, what, at, value, read) {
    const end = value.length - trailerBytes;
    if (end < 1 || value.length > valueBytesMax + trailerBytes) {
        throw corrupt(file, `${what} has ${value.length} bytes`);
    }
    if (crc32c(value, crc32c(at), 0, end) !== new ByteReader(value, end).u32()) {
        throw corrupt(file, `the checksum of ${what} does not match`);
    }
    const reader = new ByteReader(value, 0, end);
    const version = reader.u8();
    if (version !== formatVersion) {
        throw new StorageError({ code: "STORAGE_VERSION", file, version });
    }
    try {
        const decoded = read(reader);
        reader.end();
        return decoded;
    }
    catch (error) {
        if (error instanceof DecodeError) {
            throw corrupt(file, `${what} cannot be read: ${error.message}`);
        }
        throw error;
    }
}
/** What the file says is not what was written. LMDB's pages move, so there is no offset to name. */
export function corrupt(file, why, cause) {
    return new StorageError({ code: "STORAGE_CORRUPT", file, offset: 0, why }, cause);
}
/** The order stands on the disk: only append. */
const entryTypes = ["normal", "conf-change", "conf-change-v2"];
/** Term, type and data; the index stands in the key. */
export function writeEntry(writer, { data, term, type }) {
    writer.varint(term);
    writer.u8(entryTypes.indexOf(type));
    writer.bytes(data);
}
/** Reads the entry whose key says `index`. @throws DecodeError when its type is unknown. */
export function readEntry(reader, index) {
    const term = toTerm(reader.varint());
    const at = reader.offset;
    const type = entryTypes[reader.u8()];
    if (type === undefined) {
        throw new DecodeError("unknown type of entry", at);
    }
    return { index, term, type, data: reader.bytes(reader.remaining).slice() };
}
/** Term, vote and commit index. */
export function writeHardState(writer, { commit, term, vote }) {
    writer.varint(term);
    writer.varint(vote);
    writer.varint(commit);
}
/** Reads what {@link writeHardState} wrote. */
export function readHardState(reader) {
    const term = toTerm(reader.varint());
    const vote = reader.varint();
    return { term, vote: vote === 0 ? noNode : toNodeId(vote), commit: toLogIndex(reader.varint()) };
}
/** Index and term. */
export function writeLogId(writer, { index, term }) {
    writer.varint(index);
    writer.varint(term);
}
/** Reads what {@link writeLogId} wrote. */
export function readLogId(reader) {
    return { index: toLogIndex(reader.varint()), term: toTerm(reader.varint()) };
}
/** The four lists, then the flag. */
export function writeConfState(writer, confState) {
    for (const list of listsOf(confState)) {
        assert(list.length <= memberCountMax, "lmdb: too many members");
        writer.varint(list.length);
        list.forEach((id) => void writer.varint(id));
    }
    writer.u8(confState.autoLeave ? 1 : 0);
}
function listsOf({ learners, learnersNext, voters, votersOutgoing }) {
    return [voters, learners, votersOutgoing, learnersNext];
}
/** Reads what {@link writeConfState} wrote. @throws DecodeError when a list is longer than any group. */
export function readConfState(reader) {
    const voters = readMembers(reader);
    const learners = readMembers(reader);
    const votersOutgoing = readMembers(reader);
    const learnersNext = readMembers(reader);
    const at = reader.offset;
    const flag = reader.u8();
    if (flag > 1) {
        throw new DecodeError("flag is neither 0 nor 1", at);
    }
    return { voters, learners, votersOutgoing, learnersNext, autoLeave: flag === 1 };
}
function readMembers(reader) {
    const at = reader.offset;
    const count = reader.varint();
    if (count > memberCountMax || count > reader.remaining) {
        throw new DecodeError("too many members", at);
    }
    return Array.from({ length: count }, () => toNodeId(reader.varint()));
}
/** Metadata, then which image it is and how long. */
export function writeSnapshot(writer, { bytes, image, metadata }) {
    writeLogId(writer, metadata);
    writeConfState(writer, metadata.confState);
    writer.varint(image);
    writer.varint(bytes);
}
/** Reads what {@link writeSnapshot} wrote. */
export function readSnapshot(reader) {
    const id = readLogId(reader);
    const metadata = { ...id, confState: readConfState(reader) };
    return { metadata, image: reader.varint(), bytes: reader.varint() };
}
//# sourceMappingURL=format.js.map