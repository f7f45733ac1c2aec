/** The public list of `@quorate/grpc`. */
export { type StatusCode, status } from "./status.ts";
export type {
  BidiCall,
  Call,
  CancelReason,
  CloseOptions,
  GrpcServer,
  HttpExchange,
  ListenAddress,
  Metadata,
  MetadataInput,
  Method,
  ServerEvent,
  ServerLimits,
  ServerOptions,
  ServerStats,
  ServerStreamCall,
  UnaryCall,
} from "./types.ts";
