import { type ControlFrame, type GroupId, type NodeId, type PeerFrame } from "@quorate/raft";
import type { GrpcAddress, GrpcTransportCounters, GrpcTransportLimits, GrpcTransportOptions, GrpcTransportStart } from "./options.ts";
/** What streams share with their transport. */
export interface StreamContext {
    readonly start: GrpcTransportStart;
    readonly options: GrpcTransportOptions;
    readonly limits: GrpcTransportLimits;
    readonly counters: GrpcTransportCounters;
    /** What was on its way to the peer, or from it, may be lost. */
    readonly unreachable: (peer: NodeId) => void;
}
/** This member's side of the way to `peer`. */
export declare class OutgoingStream {
    #private;
    readonly address: GrpcAddress;
    constructor(context: StreamContext, peer: NodeId, address: GrpcAddress);
    /** Begins to call. */
    start(): void;
    /** Something happened to the peer: calls now instead of after the pause. */
    hurry(): void;
    /** Queues a frame; `flush` sends what one turn queued. Without a stream the frame is lost. */
    send(group: GroupId, frame: PeerFrame): void;
    /** Writes what is queued, as far as the peer takes it. */
    flush(): void;
    /** Says goodbye and ends; nothing is sent afterwards. Calls back when the connection is given up. */
    close(completed: () => void): void;
}
/** Said by whoever notices that a peer's disk is not the one it was. */
export declare function changedStore(peer: NodeId): string;
/** One control frame as bytes. */
export declare function control(frame: ControlFrame): Uint8Array;
//# sourceMappingURL=outgoing-stream.d.ts.map