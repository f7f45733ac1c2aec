/** The public list of `@quorate/grpc`. */
export { createGrpcClient } from "./client.ts";
export {
  type ClientCall,
  type ClientCallOptions,
  type ClientKeepalive,
  type ClientOptions,
  type ClientStream,
  type ClientStreamListener,
  type ClientTls,
  type GrpcClient,
  GrpcError,
} from "./client-types.ts";
export { serverLimitsDefault } from "./limits.ts";
export { createGrpcServer } from "./server.ts";
export { type StatusCode, status } from "./status.ts";
export type {
  BidiCall,
  Call,
  CancelReason,
  CloseOptions,
  GrpcServer,
  HttpExchange,
  ListenAddress,
  ListenOptions,
  ListenTls,
  Metadata,
  MetadataInput,
  Method,
  ServerEvent,
  ServerLimits,
  ServerOptions,
  ServerStats,
  ServerStreamCall,
  TlsCredentials,
  UnaryCall,
} from "./types.ts";
