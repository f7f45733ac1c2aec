/**
 * The service `quorate.peer.v1.Peers` as it stands in proto/quorate/peer/v1/peer.proto, registered by hand: its one message is one byte
 * string, and what travels in it is the frame codec that all transports share.
 */
import { assert, ByteReader, ByteWriter, DecodeError } from "@quorate/base";
/** Bytes of one chunk. A stranger cannot make a member hold more than this before it has introduced itself. */
export const chunkBytesMax = 1024 * 1024;
/** Bytes of one message: the chunk, its tag and its length. */
export const messageBytesMax = chunkBytesMax + 8;
/** Field 1, length-delimited. */
const dataTag = 0x0a;
/** A `Chunk` as protobuf. */
export function encodeChunk(data) {
    assert(data.length >= 1 && data.length <= chunkBytesMax, "grpc: a chunk has 1 byte to 1 MiB");
    const writer = new ByteWriter(data.length + 8);
    writer.u8(dataTag);
    writer.lengthPrefixed(data);
    const bytes = writer.view();
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
/** The data of a `Chunk`, as a view. @throws DecodeError when the bytes are none. */
export function decodeChunk(message) {
    const reader = new ByteReader(message);
    if (message.length === 0 || reader.u8() !== dataTag) {
        throw new DecodeError("not a chunk", 0);
    }
    const data = reader.lengthPrefixed();
    reader.end();
    if (data.length === 0 || data.length > chunkBytesMax) {
        throw new DecodeError("a chunk has 1 byte to 1 MiB", 1);
    }
    return data;
}
/** The method. */
export const connectMethod = {
    path: "/quorate.peer.v1.Peers/Connect",
    requestStream: true,
    responseStream: true,
    requestSerialize: encodeChunk,
    requestDeserialize: decodeChunk,
    responseSerialize: encodeChunk,
    responseDeserialize: decodeChunk,
};
//# sourceMappingURL=service.js.map