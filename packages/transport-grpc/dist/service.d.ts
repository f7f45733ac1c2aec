/**
 * The service `quorate.peer.v1.Peers` as it stands in proto/quorate/peer/v1/peer.proto, registered by hand: its one message is one byte
 * string, and what travels in it is the frame codec that all transports share.
 */
import type { MethodDefinition } from "@grpc/grpc-js";
/** Bytes of one chunk. A stranger cannot make a member hold more than this before it has introduced itself. */
export declare const chunkBytesMax: number;
/** Bytes of one message: the chunk, its tag and its length. */
export declare const messageBytesMax: number;
/** A `Chunk` as protobuf. */
export declare function encodeChunk(data: Uint8Array): Buffer;
/** The data of a `Chunk`, as a view. @throws DecodeError when the bytes are none. */
export declare function decodeChunk(message: Uint8Array): Uint8Array;
/** The method. */
export declare const connectMethod: MethodDefinition<Uint8Array, Uint8Array>;
//# sourceMappingURL=service.d.ts.map