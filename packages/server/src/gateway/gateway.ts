/**
 * ETCD: the API as JSON over HTTP, below /v3/. Each path is a method of the gRPC API, called within the process: what the method checks
 * is checked here, too.
 */
import type { HttpExchange, Method } from "@quorate/grpc";
import { status } from "@quorate/grpc";
import { errorHeaders, errorJson, GatewayCall } from "./gateway-call.ts";
import { httpStatusOf } from "./http-status.ts";
import { ProtoJsonError } from "./json-reader.ts";
import { type JsonSpan, JsonSyntaxError, nextJsonValue } from "./json-scanner.ts";
import { encodeProtoJson } from "./proto-json.ts";
import { type Route, routes } from "./routes.ts";

/** What the gateway serves. */
interface GatewayOptions {
  readonly methods: ReadonlyMap<string, Method>;
  /** Largest message that a method takes, in bytes. */
  readonly messageBytesMax: number;
  /** A call ended; for metrics. */
  readonly onCallEnded: (method: string, code: number, durationMs: number) => void;
}

/** A body is base64 and names around a message: more than this is none. */
const bodyBytesPerMessageByte = 2;
const bodyBytesMin = 64 * 1024;
/** How long the body of a request may take to come. */
const bodyMs = 60_000;

/** Answers requests below /v3/; every request gets an answer. */
export type Gateway = (exchange: HttpExchange, path: string) => void;

/** Makes the gateway. */
export function createGateway(options: GatewayOptions): Gateway {
  return (exchange, path) => {
    const route = routes.get(path);
    const method = route === undefined ? undefined : options.methods.get(route.method);
    if (route === undefined || method === undefined) {
      refuse(exchange, status.notFound, "Not Found");
    } else if (methodOf(exchange) !== "POST") {
      refuse(exchange, status.unimplemented, "Method Not Allowed");
    } else {
      serve(exchange, route, method, options);
    }
  };
}

/** ETCD: grpc-gateway lets a header stand for the method of what a form sends. */
function methodOf(exchange: HttpExchange): string {
  const isForm =
    exchange.method === "POST" && exchange.header("content-type") === "application/x-www-form-urlencoded";
  const replaced = isForm ? exchange.header("x-http-method-override") : null;
  return replaced === null || replaced === "" ? exchange.method : replaced.toUpperCase();
}

function refuse(exchange: HttpExchange, code: number, message: string): void {
  exchange.respond(httpStatusOf(code), errorHeaders(code, message), errorJson(code, message));
}

function serve(exchange: HttpExchange, route: Route, method: Method, options: GatewayOptions): void {
  const startMs = performance.now();
  const timeout = exchange.header("grpc-timeout");
  const timeoutMs = timeout === null || timeout === "" ? null : timeoutOf(timeout);
  if (timeoutMs !== null && Number.isNaN(timeoutMs)) {
    refuse(exchange, status.invalidArgument, `invalid grpc-timeout: ${timeout}`);
    return;
  }
  const call = new GatewayCall(exchange, route, timeoutMs, (code) => {
    options.onCallEnded(route.method, code, performance.now() - startMs);
  });
  const late = setTimeout(() => call.fail(status.deadlineExceeded, "the request body did not come"), bodyMs);
  const bytesMax = Math.max(bodyBytesMin, options.messageBytesMax * bodyBytesPerMessageByte);
  exchange.readBody(bytesMax, (body) => {
    clearTimeout(late);
    if (body === null) {
      // A client that is gone does not hear this.
      call.fail(
        status.resourceExhausted,
        `grpc: received message larger than max (body of more than ${bytesMax} bytes)`,
      );
    } else if (!call.ended) {
      start(call, route, method, body, options.messageBytesMax);
    }
  });
}

/** As Go's gateway reads it: a count and a unit. NaN for what is none. */
function timeoutOf(text: string): number {
  const [, count, unit = ""] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? [];
  const unitMs = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }[unit];
  return count === undefined || unitMs === undefined
    ? Number.NaN
    : Math.min(Number(count) * unitMs, 2 ** 31 - 1);
}

function start(
  call: GatewayCall,
  route: Route,
  method: Method,
  body: Uint8Array,
  messageBytesMax: number,
): void {
  if (method.kind === "bidi") {
    method.handle(call);
    call.supply(readRequests(route, body, messageBytesMax));
    return;
  }
  const request = readRequest(call, route, body);
  if (request === null) {
    return;
  }
  if (request.length > messageBytesMax) {
    call.fail(
      status.resourceExhausted,
      `grpc: received message larger than max (${request.length} vs. ${messageBytesMax})`,
    );
  } else if (method.kind === "unary") {
    method.handle(request, call);
  } else {
    method.handle(request, call);
  }
}

/** The one request of a body; null when the call failed. ETCD: nothing at all is an empty request. */
function readRequest(call: GatewayCall, route: Route, body: Uint8Array): Uint8Array | null {
  try {
    const span = nextJsonValue(body, 0);
    return span === null ? new Uint8Array(0) : messageIn(route, body, span);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError || error instanceof ProtoJsonError)) {
      throw error;
    }
    call.fail(status.invalidArgument, error.message);
    return null;
  }
}

/** The requests of a stream. ETCD: it ends, without a word, at the first thing that is none. */
function readRequests(route: Route, body: Uint8Array, messageBytesMax: number): Uint8Array[] {
  const requests: Uint8Array[] = [];
  try {
    for (let span = nextJsonValue(body, 0); span !== null; span = nextJsonValue(body, span.end)) {
      const request = messageIn(route, body, span);
      if (request.length > messageBytesMax) {
        return requests;
      }
      requests.push(request);
    }
  } catch (error) {
    if (!(error instanceof JsonSyntaxError || error instanceof ProtoJsonError)) {
      throw error;
    }
  }
  return requests;
}

function messageIn(route: Route, body: Uint8Array, span: JsonSpan): Uint8Array {
  return encodeProtoJson(route.input, body.subarray(span.start, span.end));
}
