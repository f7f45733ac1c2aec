/**
 * A small gRPC client: all calls share one HTTP/2 connection, which is opened by the first call and again by the next call
 * after it was lost. No balancing, no retries: a caller who may repeat a call knows best when.
 */
import type * as http2 from "node:http2";
import { connect } from "node:net";
import { assert } from "@quorate/base";
import {
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
import { Deadlines, type Expiring } from "./deadlines.ts";
import { errorCode } from "./http2/protocol.ts";
import { status } from "./status.ts";
import { frameMessage } from "./wire/frame.ts";
import { MessageReader } from "./wire/message-reader.ts";
import { HeaderMetadata, type HeaderRecord, headerText, putMetadata } from "./wire/metadata.ts";
import { percentDecode } from "./wire/percent.ts";
import { StatusError } from "./wire/status-error.ts";
import { formatTimeout } from "./wire/timeout.ts";

const connectTimeoutMsDefault = 5000;
/** ETCD: answers are unlimited; a client sets its own bound. */
const answerBytesMaxDefault = 2 ** 31 - 1;
const windowBytes = 4 * 1024 * 1024;

/** gRPC's mapping of HTTP statuses, for answers that carry no status of their own. */
function codeOfHttpStatus(httpStatus: number): number {
  switch (httpStatus) {
    case 400:
      return status.internal;
    case 401:
      return status.unauthenticated;
    case 403:
      return status.permissionDenied;
    case 404:
      return status.unimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return status.unavailable;
    default:
      return status.unknown;
  }
}

class Http2ClientStream implements ClientStream, Expiring {
  readonly #stream: http2.ClientHttp2Stream;
  readonly #deadlines: Deadlines;
  readonly #listener: ClientStreamListener;
  readonly #reader: MessageReader;
  #bucket = -1;
  #headers: HeaderRecord = {};
  #trailers: HeaderRecord | null = null;
  #failure: Error | null = null;
  #over = false;

  constructor(
    stream: http2.ClientHttp2Stream,
    deadlines: Deadlines,
    messageBytesMax: number,
    timeoutMs: number | undefined,
    listener: ClientStreamListener,
  ) {
    this.#stream = stream;
    this.#deadlines = deadlines;
    this.#listener = listener;
    this.#reader = new MessageReader(messageBytesMax, null);
    stream.on("response", (headers: HeaderRecord) => {
      this.#headers = headers;
    });
    stream.on("trailers", (trailers: HeaderRecord) => {
      this.#trailers = trailers;
    });
    stream.on("data", (chunk: Buffer) => this.#received(chunk));
    stream.on("error", (error) => {
      this.#failure = error;
    });
    stream.on("close", () => this.#settle());
    if (timeoutMs !== undefined) {
      this.#bucket = deadlines.add(this, timeoutMs);
    }
  }

  write(message: Uint8Array): boolean {
    return (
      !this.#stream.writableEnded && !this.#stream.destroyed && this.#stream.write(frameMessage(message))
    );
  }

  /** Sends the only message and ends this side. */
  writeLast(message: Uint8Array): void {
    this.#stream.end(frameMessage(message));
  }

  end(): void {
    this.#stream.end();
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  cancel(): void {
    this.#giveUp(new GrpcError(status.cancelled, "call cancelled by the client", null));
  }

  expire(): void {
    this.#bucket = -1;
    const text = "context deadline exceeded";
    this.#giveUp(new GrpcError(status.deadlineExceeded, text, null, this.#maybeSent));
  }

  #received(chunk: Buffer): void {
    if (this.#over) {
      return;
    }
    try {
      this.#reader.push(chunk);
      for (let message = this.#reader.next(); message !== null; message = this.#reader.next()) {
        this.#listener.message(message);
      }
    } catch (error) {
      if (!(error instanceof StatusError)) {
        throw error;
      }
      this.#giveUp(new GrpcError(error.code, error.message, null));
    }
  }

  #giveUp(error: GrpcError): void {
    if (!this.#over) {
      this.#finish(error);
      this.#stream.close(errorCode.cancel);
    }
  }

  #settle(): void {
    if (!this.#over) {
      this.#finish(this.#outcome());
    }
  }

  #outcome(): GrpcError | null {
    // Trailers-only answers carry the status in their headers.
    const trailers = this.#trailers ?? this.#headers;
    const metadata = new HeaderMetadata(trailers);
    const code = Number(headerText(trailers, "grpc-status") ?? Number.NaN);
    if (code === status.ok) {
      return this.#reader.pendingBytes === 0
        ? null
        : new GrpcError(status.internal, "answer ends within a message", metadata);
    }
    if (Number.isInteger(code)) {
      return new GrpcError(code, percentDecode(headerText(trailers, "grpc-message") ?? ""), metadata);
    }
    const httpStatus = Number(this.#headers[":status"] ?? 200);
    if (httpStatus !== 200) {
      return new GrpcError(codeOfHttpStatus(httpStatus), `unexpected HTTP status ${httpStatus}`, metadata);
    }
    const text = this.#failure?.message ?? "connection closed before the answer";
    return new GrpcError(status.unavailable, text, null, this.#maybeSent);
  }

  /** A stream has its number from the moment its headers go out; while there is no connection it waits without one. */
  get #maybeSent(): boolean {
    return this.#stream.id !== undefined;
  }

  #finish(error: GrpcError | null): void {
    assert(!this.#over, "grpc client: a call ended twice");
    this.#over = true;
    if (this.#bucket >= 0) {
      this.#deadlines.remove(this, this.#bucket);
    }
    this.#listener.ended(error);
  }
}

/** A call that could not be made; it ends once the caller has its handle. */
class DeadStream implements ClientStream {
  constructor(listener: ClientStreamListener, reason: string) {
    queueMicrotask(() => listener.ended(new GrpcError(status.unavailable, reason, null, false)));
  }

  write(): boolean {
    return false;
  }
  end(): void {}
  pause(): void {}
  resume(): void {}
  cancel(): void {}
}

/** A client's TLS as Node wants it. */
function tlsOptions(tls: ClientTls): http2.SecureClientSessionOptions {
  const pem = (name: "ca" | "cert" | "key", text: string | Uint8Array | undefined): object =>
    text === undefined ? {} : { [name]: Buffer.from(text) };
  assert(
    (tls.certificate === undefined) === (tls.key === undefined),
    "grpc client: certificate and key come together",
  );
  return {
    minVersion: "TLSv1.2",
    rejectUnauthorized: tls.insecureSkipVerify !== true,
    ...pem("ca", tls.certificateAuthority),
    ...pem("cert", tls.certificate),
    ...pem("key", tls.key),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
  };
}

/** Ends a connection whose other end answers no more. */
function askAlive(session: http2.ClientHttp2Session, { timeMs, timeoutMs }: ClientKeepalive): void {
  assert(timeMs > 0 && timeoutMs > 0, "grpc client: keepalive times");
  const timer = setInterval(() => {
    if (session.connecting || session.destroyed) {
      return;
    }
    const late = setTimeout(() => session.destroy(new Error("keepalive: no answer")), timeoutMs);
    late.unref();
    session.ping(() => clearTimeout(late));
  }, timeMs);
  timer.unref();
  session.once("close", () => clearInterval(timer));
}

class NodeGrpcClient implements GrpcClient {
  readonly #url: URL;
  /** The file of a unix socket; null over TCP. */
  readonly #file: string | null;
  readonly #options: ClientOptions;
  readonly #deadlines = new Deadlines();
  #session: http2.ClientHttp2Session | null = null;
  #closed = false;

  constructor(url: string, options: ClientOptions) {
    this.#file = /^unix:(?:\/\/)?(.+)$/.exec(url)?.[1] ?? null;
    this.#url = new URL(this.#file === null ? url : "http://localhost");
    assert(["http:", "https:"].includes(this.#url.protocol), "grpc client: neither http nor https");
    this.#options = options;
  }

  unary(
    path: string,
    message: Uint8Array,
    options: ClientCallOptions,
    done: (error: GrpcError | null, answer: Uint8Array | null) => void,
  ): ClientCall {
    let answer: Uint8Array | null = null;
    const call = this.#open(path, options, {
      message: (received) => {
        // The reader's next chunk may overwrite the view; a unary answer is its only message.
        answer = answer === null ? received : new Uint8Array(0);
      },
      ended: (error) => {
        if (error === null && answer === null) {
          done(new GrpcError(status.internal, "no answer on a call that has one", null), null);
        } else {
          done(error, error === null ? answer : null);
        }
      },
    });
    if (call instanceof Http2ClientStream) {
      call.writeLast(message);
    }
    return call;
  }

  request(path: string, message: Uint8Array, options: ClientCallOptions = {}): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.unary(path, message, options, (error, answer) => {
        if (answer === null) {
          reject(error ?? new GrpcError(status.internal, "neither answer nor error", null));
        } else {
          resolve(answer);
        }
      });
    });
  }

  stream(path: string, options: ClientCallOptions, listener: ClientStreamListener): ClientStream {
    return this.#open(path, options, listener);
  }

  close(): void {
    this.#closed = true;
    this.#deadlines.clear();
    this.#session?.destroy();
    this.#session = null;
  }

  #open(
    path: string,
    options: ClientCallOptions,
    listener: ClientStreamListener,
  ): Http2ClientStream | DeadStream {
    if (this.#closed) {
      return new DeadStream(listener, "client is closed");
    }
    const headers: Record<string, string> = {
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
    };
    if (options.timeoutMs !== undefined) {
      headers["grpc-timeout"] = formatTimeout(options.timeoutMs);
    }
    if (options.metadata !== undefined) {
      putMetadata(headers, options.metadata);
    }
    const stream = this.#connect().request(headers, { endStream: false });
    const bytesMax = this.#options.messageBytesMax ?? answerBytesMaxDefault;
    return new Http2ClientStream(stream, this.#deadlines, bytesMax, options.timeoutMs, listener);
  }

  #connect(): http2.ClientHttp2Session {
    const present = this.#session;
    if (present !== null && !present.closed && !present.destroyed) {
      return present;
    }
    const file = this.#file;
    // PERF: loaded with the first connection: a server, which shares this package, has none.
    const session = process.getBuiltinModule("node:http2").connect(this.#url, {
      settings: { enablePush: false, initialWindowSize: windowBytes },
      ...(file === null ? tlsOptions(this.#options.tls ?? {}) : { createConnection: () => connect(file) }),
    });
    const timer = setTimeout(
      () => session.destroy(new Error(`no connection to ${file ?? this.#url.host}`)),
      this.#options.connectTimeoutMs ?? connectTimeoutMsDefault,
    );
    session.once("connect", () => {
      clearTimeout(timer);
      // It may have been given up in the moment in which it stood: Node still tells that it does.
      if (!session.destroyed) {
        session.setLocalWindowSize(4 * windowBytes);
      }
    });
    session.once("close", () => clearTimeout(timer));
    if (this.#options.keepalive !== undefined) {
      askAlive(session, this.#options.keepalive);
    }
    // Streams of the session fail with its error; without a listener here it would be thrown.
    session.on("error", () => {});
    // After a GOAWAY the running calls may finish; new ones go to a new connection.
    session.on("goaway", () => this.#forget(session));
    this.#session = session;
    return session;
  }

  #forget(session: http2.ClientHttp2Session): void {
    if (this.#session === session) {
      this.#session = null;
    }
  }
}

/**
 * Makes a client of `url`, for example `http://127.0.0.1:2379`, or `unix:///run/etcd.sock` for a file of this machine. It connects with the first call.
 *
 * @example
 * ```ts
 * import { createGrpcClient } from "@quorate/grpc";
 * const client = createGrpcClient("http://127.0.0.1:1", { connectTimeoutMs: 500 });
 * const code = await client.request("/test.Echo/Say", new Uint8Array(0)).catch((error) => error.code);
 * code; // 14, UNAVAILABLE: nobody listens there
 * client.close();
 * ```
 */
export function createGrpcClient(url: string, options: ClientOptions = {}): GrpcClient {
  return new NodeGrpcClient(url, options);
}
