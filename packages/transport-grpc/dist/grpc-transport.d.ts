import type { Completed, GroupId, NodeId, PeerFrame, Transport, TransportPeers, TransportReceiver } from "@quorate/raft";
import { type GrpcAddress, type GrpcTransportCounters, type GrpcTransportOptions, type GrpcTransportStart } from "./options.ts";
/**
 * A transport over gRPC for each member that is started with it: `RaftNode.start({ …, openTransport: grpcTransport() })`. All
 * members of a cluster speak the same protocol.
 *
 * @example
 * ```ts
 * import { grpcTransport } from "@quorate/transport-grpc";
 * const openTransport = grpcTransport({ limits: { bulkBytesMax: 16 * 1024 * 1024 } });
 * ```
 */
export declare function grpcTransport(options?: GrpcTransportOptions): (start: GrpcTransportStart) => GrpcTransport;
/** Frames between the members of a cluster. `listen()` comes before `start()`, so that a port in use is known first. */
export declare class GrpcTransport implements Transport {
    #private;
    /** Counters since the start. */
    readonly counters: GrpcTransportCounters;
    constructor(start: GrpcTransportStart, options?: GrpcTransportOptions);
    /** Binds the address. @throws what gRPC says, with the platform's reason, such as `EADDRINUSE`. */
    listen(): Promise<GrpcAddress>;
    start(receiver: TransportReceiver): void;
    send(group: GroupId, to: NodeId, frame: PeerFrame): void;
    setPeers(_group: GroupId, { members, removed }: TransportPeers): void;
    close(completed: Completed): void;
}
//# sourceMappingURL=grpc-transport.d.ts.map