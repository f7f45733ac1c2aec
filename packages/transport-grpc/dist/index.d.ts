/** The public list of `@quorate/transport-grpc`. */
export { GrpcTransport, grpcTransport } from "./grpc-transport.ts";
export { type GrpcAddress, type GrpcIdentity, type GrpcPeerStores, type GrpcTransportCounters, type GrpcTransportEvent, type GrpcTransportLimits, type GrpcTransportOptions, type GrpcTransportStart, grpcLimitsDefault, } from "./options.ts";
//# sourceMappingURL=index.d.ts.map