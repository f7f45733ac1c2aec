/**
 * One HTTP/2 connection: tells gRPC from other requests, refuses what breaks gRPC's rules over HTTP/2, keeps count of what
 * a hostile client could do without end, and probes silent connections.
 */
import type { ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import { assert } from "@quorate/base";
import type { Deadlines } from "../deadlines.ts";
import { errorCode } from "../http2/protocol.ts";
import { RateWindow } from "../rate-window.ts";
import { judgeRequest, unknownPathText } from "../request-rules.ts";
import type { SessionHost } from "../session-host.ts";
import { status } from "../status.ts";
import { type HeaderRecord, headerText } from "../wire/metadata.ts";
import type { Client } from "../wire/peer.ts";
import { percentEncode } from "../wire/percent.ts";
import { type CallHost, Http2Call } from "./call.ts";
import { dropRest } from "./drop-rest.ts";
import { Http2Exchange } from "./exchange.ts";

/**
 * Size of a request's headers by HTTP/2's measure, RFC 9113 §6.5.2. Below, the limit is enforced only once the client has
 * acknowledged the settings, which a hostile one never does.
 */
function headerListBytes(headers: HeaderRecord): number {
  let bytes = 0;
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    const length = typeof value === "string" ? value.length : (value ?? []).join().length;
    bytes += name.length + length + 32;
  }
  return bytes;
}

/** Serves one connection until it closes. */
export class Http2Session implements CallHost {
  readonly deadlines: Deadlines;
  readonly messageBytesMax: number;
  readonly #session: ServerHttp2Session;
  readonly #host: SessionHost;
  readonly #client: Client;
  readonly #calls = new Set<Http2Call>();
  readonly #resets: RateWindow;
  readonly #control: RateWindow;
  #keepalive: NodeJS.Timeout | null = null;
  #lastBytesRead = -1;

  constructor(session: ServerHttp2Session, host: SessionHost, client: Client) {
    this.deadlines = host.deadlines;
    this.messageBytesMax = host.limits.messageBytesMax;
    this.#session = session;
    this.#host = host;
    this.#client = client;
    this.#resets = new RateWindow(host.limits.resetsPerSecondMax);
    this.#control = new RateWindow(host.limits.controlFramesPerSecondMax);
    session.on("stream", (stream, headers) => this.#accept(stream, headers));
    session.on("error", (error) => this.#report(error));
    session.on("ping", () => this.#count(this.#control));
    session.on("remoteSettings", () => this.#count(this.#control));
    session.on("close", () => this.#closed());
    this.#watchSilence();
  }

  /** Tells the client to send no more calls here; the connection closes when the last running one has ended. */
  drain(): void {
    if (!this.#session.closed && !this.#session.destroyed) {
      this.#session.close();
    }
  }

  /** Ends everything now. */
  destroy(): void {
    for (const call of [...this.#calls]) {
      call.abandon();
    }
    this.#session.destroy();
  }

  ended(call: Http2Call, code: number): void {
    assert(this.#calls.delete(call), "grpc session: ended a call it does not know");
    this.#host.callCount--;
    const onEvent = this.#host.onEvent;
    if (onEvent !== null) {
      onEvent({ kind: "call-ended", path: call.path, code, durationMs: performance.now() - call.startMs });
    }
  }

  handlerFailed(call: Http2Call, error: unknown): void {
    this.#host.onEvent?.({ kind: "handler-error", path: call.path, error });
  }

  #accept(stream: ServerHttp2Stream, headers: HeaderRecord): void {
    stream.on("error", (error) => this.#report(error));
    stream.on("close", () => {
      // Streams are reset from this side with NO_ERROR only: any other code is the client's doing.
      if (stream.rstCode !== errorCode.noError) {
        this.#count(this.#resets);
      }
    });
    if (headerListBytes(headers) > this.#host.limits.headerListBytesMax) {
      stream.respond({ ":status": 431 }, { endStream: true });
      dropRest(stream, this.deadlines);
      return;
    }
    const text = (name: string): string | null => headerText(headers, name);
    const verdict = judgeRequest(text(":method"), text("content-type"), text("grpc-timeout"));
    switch (verdict.kind) {
      case "call":
        this.#acceptCall(stream, headers, verdict.timeoutMs);
        return;
      case "http":
        this.#host.onHttp(new Http2Exchange(stream, headers, this.#client, this.#host.unfinished));
        return;
      case "refused":
        this.#refuse(stream, verdict.httpStatus, verdict.code, verdict.message);
    }
  }

  #acceptCall(stream: ServerHttp2Stream, headers: HeaderRecord, timeoutMs: number | null): void {
    const path = headerText(headers, ":path") ?? "";
    const startMs = this.#host.onEvent === null ? 0 : performance.now();
    const call = new Http2Call(stream, headers, path, timeoutMs, this.#client, this, startMs);
    this.#calls.add(call);
    this.#host.callCount++;
    this.#dispatch(path, call);
  }

  #dispatch(path: string, call: Http2Call): void {
    // The path is matched byte for byte: anything else opens a way around checks that look at it.
    const method = this.#host.methods.get(path);
    if (method === undefined) {
      call.fail(status.unimplemented, unknownPathText(path, this.#host.services));
      return;
    }
    switch (method.kind) {
      case "unary":
        call.readRequest((request) => method.handle(request, call));
        return;
      case "server-stream":
        call.readRequest((request) => method.handle(request, call));
        return;
      case "bidi":
        call.begin(() => method.handle(call));
    }
  }

  /** grpc-go's early abort: an HTTP status that proxies understand, and a gRPC status beside it. */
  #refuse(stream: ServerHttp2Stream, httpStatus: number, code: number, message: string): void {
    stream.respond(
      {
        ":status": httpStatus,
        "content-type": "application/grpc",
        "grpc-status": String(code),
        "grpc-message": percentEncode(message),
      },
      { endStream: true },
    );
    dropRest(stream, this.deadlines);
  }

  #count(window: RateWindow): void {
    if (!window.count(performance.now()) && !this.#session.destroyed) {
      this.#host.onEvent?.({ kind: "connection-refused", peer: this.#client.peer, reason: "flood" });
      this.#session.goaway(errorCode.enhanceYourCalm);
      // The goodbye leaves with the next write; calls that run are cancelled by the close.
      setImmediate(() => this.#session.destroy());
    }
  }

  #watchSilence(): void {
    this.#keepalive = setInterval(() => this.#probe(), this.#host.limits.keepaliveIntervalMs);
    this.#keepalive.unref();
  }

  #probe(): void {
    const bytesRead = this.#session.destroyed ? -1 : this.#session.socket.bytesRead;
    if (bytesRead !== this.#lastBytesRead) {
      this.#lastBytesRead = bytesRead;
      return;
    }
    const timer = setTimeout(() => this.#session.destroy(), this.#host.limits.keepaliveTimeoutMs);
    timer.unref();
    const sent = this.#session.ping(() => clearTimeout(timer));
    if (!sent) {
      clearTimeout(timer);
      this.#session.destroy();
    }
  }

  #report(error: Error): void {
    this.#host.onEvent?.({ kind: "connection-error", peer: this.#client.peer, error });
  }

  #closed(): void {
    if (this.#keepalive !== null) {
      clearInterval(this.#keepalive);
      this.#keepalive = null;
    }
  }
}
