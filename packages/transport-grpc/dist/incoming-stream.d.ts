/**
 * A stream that somebody opened to this member. Until it has introduced itself as a member of this cluster that means to reach this very
 * member, with the disk that is remembered, it may send one small frame and nothing it says counts.
 */
import type { ServerDuplexStream } from "@grpc/grpc-js";
import { type GroupFrame, type NodeId } from "@quorate/raft";
import { type StreamContext } from "./outgoing-stream.ts";
/** What a stream needs of its transport. */
export interface IncomingContext extends StreamContext {
    readonly isPeer: (id: NodeId) => boolean;
    /** Whether it was a member and is none any more. */
    readonly isRemoved: (id: NodeId) => boolean;
    /** It has introduced itself: an older stream of the same peer ends. */
    readonly introduced: (stream: IncomingStream, peer: NodeId) => void;
    readonly received: (peer: NodeId, content: GroupFrame) => void;
    readonly closed: (stream: IncomingStream) => void;
}
/** One accepted stream. */
export declare class IncomingStream {
    #private;
    constructor(context: IncomingContext, call: ServerDuplexStream<Uint8Array, Uint8Array>);
    /** Who it is; null before it has introduced itself. */
    get peer(): NodeId | null;
    /** Ends it; nothing of it counts any more. */
    end(why: string): void;
    /** The peer was removed: it is told so, and nothing that it still says counts. */
    dismiss(): void;
}
//# sourceMappingURL=incoming-stream.d.ts.map