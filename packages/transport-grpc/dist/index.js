/** The public list of `@quorate/transport-grpc`. */
export { GrpcTransport, grpcTransport } from "./grpc-transport.js";
export { grpcLimitsDefault, } from "./options.js";
//# sourceMappingURL=index.js.map