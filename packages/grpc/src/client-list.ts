/** The public list of `@quorate/grpc/client`: the client alone, for programs that start often and serve nothing. */
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
export { type StatusCode, status } from "./status.ts";
