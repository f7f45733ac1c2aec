/** Why a call failed, as a caller decides by it: what the cluster said, and whether the call may have had an effect. */
import { type GrpcError, status } from "@quorate/grpc/client";
import { codeNames } from "./code-names.ts";

/** A call that failed, after what could be tried was tried. */
export class ClientFailure extends Error {
  override readonly name = "ClientFailure";
  /** gRPC's code. */
  readonly code: number;
  /** What the server, or the connection, said; the message has gRPC's code in front where it is not one of etcd's texts. */
  readonly reason: string;
  /** Whether a write may have happened all the same. Reads never say so. */
  readonly outcomeUnknown: boolean;
  /** Endpoints that could not be used, each with why. */
  readonly unreachable: readonly string[];

  constructor(error: GrpcError, outcomeUnknown: boolean, unreachable: readonly string[]) {
    super(describe(error), { cause: error });
    this.code = error.code;
    this.reason = error.message;
    this.outcomeUnknown = outcomeUnknown;
    this.unreachable = unreachable;
  }
}

/** ETCD: its own errors are shown by their text alone, those of the transport with their code. */
function describe(error: GrpcError): string {
  if (error.code === status.deadlineExceeded) {
    return "context deadline exceeded";
  }
  return error.message.startsWith("etcdserver: ") && error.code !== status.unimplemented
    ? error.message
    : `rpc error: code = ${codeNames[error.code] ?? `Code(${error.code})`} desc = ${error.message}`;
}
