/** What is a gRPC call, what is a plain request, and what is neither: the same for every implementation of HTTP/2. */
import { assert } from "@quorate/base";
import { status } from "./status.ts";
import { StatusError } from "./wire/status-error.ts";
import { parseTimeoutMs } from "./wire/timeout.ts";

/** How to serve a request. */
export type Verdict =
  | { readonly kind: "http" }
  | { readonly kind: "call"; readonly timeoutMs: number | null }
  /** grpc-go's early abort: an HTTP status that proxies understand, and a gRPC status beside it. */
  | {
      readonly kind: "refused";
      readonly httpStatus: number;
      readonly code: number;
      readonly message: string;
    };

const grpcType = "application/grpc";
const http: Verdict = { kind: "http" };
const untimedCall: Verdict = { kind: "call", timeoutMs: null };

/** The type alone, with a subtype of messages, or with parameters; nothing else that only begins like it. */
function isGrpc(contentType: string): boolean {
  const next = contentType.charAt(grpcType.length);
  return next === "" || next === "+" || next === ";";
}

/** Judges a request by its method, its content-type and its grpc-timeout. */
export function judgeRequest(
  method: string | null,
  contentType: string | null,
  timeout: string | null,
): Verdict {
  if (contentType === null || !contentType.startsWith(grpcType)) {
    return http;
  }
  if (!isGrpc(contentType)) {
    const message = `invalid gRPC request content-type ${JSON.stringify(contentType)}`;
    return { kind: "refused", httpStatus: 415, code: status.invalidArgument, message };
  }
  if (method !== "POST") {
    const message = `Received a HEADERS frame with :method ${JSON.stringify(method)} which should be POST`;
    return { kind: "refused", httpStatus: 405, code: status.internal, message };
  }
  return timeout === null ? untimedCall : judgeTimeout(timeout);
}

function judgeTimeout(timeout: string): Verdict {
  try {
    return { kind: "call", timeoutMs: parseTimeoutMs(timeout) };
  } catch (error) {
    assert(error instanceof StatusError, "grpc: a timeout fails only by its grammar");
    return { kind: "refused", httpStatus: 400, code: error.code, message: error.message };
  }
}

/** ETCD: grpc-go's texts for a path that it does not serve. */
export function unknownPathText(path: string, services: ReadonlySet<string>): string {
  const slash = path.lastIndexOf("/");
  if (!path.startsWith("/") || slash <= 0) {
    return `malformed method name: ${JSON.stringify(path)}`;
  }
  const service = path.slice(1, slash);
  return services.has(service)
    ? `unknown method ${path.slice(slash + 1)} for service ${service}`
    : `unknown service ${service}`;
}
