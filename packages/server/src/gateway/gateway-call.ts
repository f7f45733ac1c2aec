/**
 * A call of a gRPC method that came as JSON over HTTP. Methods cannot tell it from one that came over gRPC, but that it never has a
 * certificate's name: whoever holds the connection may be a proxy of others.
 */
import { assert } from "@quorate/base";
import type { BidiCall, CancelReason, HttpExchange, Metadata, UnaryCall } from "@quorate/grpc";
import { status } from "@quorate/grpc";
import { httpStatusOf } from "./http-status.ts";
import { decodeProtoJson } from "./proto-json.ts";
import type { Route } from "./routes.ts";

const jsonType = { "content-type": "application/json" };
/** ETCD: grpc-gateway hands on the metadata that the answer came with. */
const answerHeaders = { ...jsonType, "grpc-metadata-content-type": "application/grpc" };

/** What a client sent along. ETCD: headers with this prefix, and its token. */
class HeaderMetadata implements Metadata {
  readonly #exchange: HttpExchange;

  constructor(exchange: HttpExchange) {
    this.#exchange = exchange;
  }

  text(name: string): string | null {
    return (
      this.#exchange.header(`grpc-metadata-${name}`) ??
      (name === "authorization" ? this.#exchange.header(name) : null)
    );
  }

  binary(): Uint8Array | null {
    return null;
  }

  names(): readonly string[] {
    return this.#exchange.header("authorization") === null ? [] : ["authorization"];
  }
}

/** Every kind of call in one class, as in the gRPC server. */
export class GatewayCall implements UnaryCall, BidiCall {
  readonly metadata: Metadata;
  readonly timeoutMs: number | null;
  readonly peerCertificateCommonName = null;
  readonly #exchange: HttpExchange;
  readonly #route: Route;
  readonly #onEnd: (code: number) => void;
  readonly #timer: NodeJS.Timeout | null;
  #ended = false;
  #started = false;
  #cancelled: ((reason: CancelReason) => void) | null = null;
  #message: ((message: Uint8Array) => void) | null = null;
  #halfClosed: (() => void) | null = null;
  /** Requests of a stream that nobody has taken yet. */
  #requests: Uint8Array[] = [];
  #paused = false;
  #delivering = false;

  constructor(exchange: HttpExchange, route: Route, timeoutMs: number | null, onEnd: (code: number) => void) {
    this.metadata = new HeaderMetadata(exchange);
    this.timeoutMs = timeoutMs;
    this.#exchange = exchange;
    this.#route = route;
    this.#onEnd = onEnd;
    this.#timer = timeoutMs === null ? null : setTimeout(() => this.#expire(), timeoutMs);
    exchange.onClose(() => this.#cancel("cancelled", status.cancelled));
  }

  get path(): string {
    return this.#route.method;
  }

  get peer(): string {
    return this.#exchange.peer;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** What a stream's client sent, all of it. */
  supply(requests: readonly Uint8Array[]): void {
    assert(this.#requests.length === 0, "gateway call: requests twice");
    this.#requests = [...requests];
    this.#deliver();
  }

  respond(message: Uint8Array): void {
    if (this.#ended) {
      return;
    }
    const body = decodeProtoJson(this.#route.output, message);
    this.#finish(status.ok);
    this.#exchange.respond(200, answerHeaders, body);
  }

  write(message: Uint8Array): boolean {
    if (this.#ended) {
      return false;
    }
    this.#start();
    return this.#exchange.write(`{"result":${decodeProtoJson(this.#route.output, message)}}\n`);
  }

  onDrain(listener: () => void): void {
    this.#exchange.onDrain(() => {
      if (!this.#ended) {
        listener();
      }
    });
  }

  end(): void {
    if (this.#ended) {
      return;
    }
    this.#start();
    this.#finish(status.ok);
    this.#exchange.end();
  }

  fail(code: number, message: string): void {
    if (this.#ended) {
      return;
    }
    this.#finish(code);
    const problem = errorJson(code, message);
    if (this.#route.kind === "unary") {
      this.#exchange.respond(httpStatusOf(code), errorHeaders(code, message), problem);
    } else if (this.#started) {
      this.#exchange.write(`{"error":${problem}}\n`);
      this.#exchange.end();
    } else {
      this.#exchange.respond(httpStatusOf(code), jsonType, `{"error":${problem}}\n`);
    }
  }

  onCancel(listener: (reason: CancelReason) => void): void {
    this.#cancelled = listener;
  }

  onMessage(listener: (message: Uint8Array) => void): void {
    assert(this.#message === null, "gateway call: a second message listener");
    this.#message = listener;
    // Not from within the method that is being called: it may have more to set up.
    queueMicrotask(() => this.#deliver());
  }

  onEnd(listener: () => void): void {
    this.#halfClosed = listener;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (this.#paused) {
      this.#paused = false;
      this.#deliver();
    }
  }

  #deliver(): void {
    const listener = this.#message;
    if (listener === null || this.#delivering) {
      return;
    }
    this.#delivering = true;
    while (!this.#paused && !this.#ended) {
      const request = this.#requests.shift();
      if (request === undefined) {
        const halfClosed = this.#halfClosed;
        this.#halfClosed = null;
        halfClosed?.();
        break;
      }
      listener(request);
    }
    this.#delivering = false;
  }

  #start(): void {
    if (!this.#started) {
      this.#started = true;
      this.#exchange.start(200, answerHeaders);
    }
  }

  #expire(): void {
    const listener = this.#cancelled;
    if (!this.#ended) {
      this.fail(status.deadlineExceeded, "context deadline exceeded");
      listener?.("deadline");
    }
  }

  #cancel(reason: CancelReason, code: number): void {
    if (!this.#ended) {
      this.#finish(code);
      this.#cancelled?.(reason);
    }
  }

  #finish(code: number): void {
    assert(!this.#ended, "gateway call: ended twice");
    this.#ended = true;
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
    }
    this.#onEnd(code);
  }
}

/** A failure's body. ETCD: without `details`, which no method has. */
export function errorJson(code: number, message: string): string {
  return JSON.stringify({ code, message });
}

/** The headers of a failure. */
export function errorHeaders(code: number, message: string): Readonly<Record<string, string>> {
  return code === status.unauthenticated ? { ...jsonType, "www-authenticate": message } : jsonType;
}
