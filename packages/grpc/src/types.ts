/**
 * The interface between services and the wire. Nothing of any HTTP/2 implementation shows here, so that the framing below
 * can be replaced; everything on the way of a call completes by calling back, never by Promise.
 */
import type { SecureContextOptions, TLSSocket } from "node:tls";

/** What a client sent along with a call. Names are lower case; values of names that end in `-bin` are bytes. */
export interface Metadata {
  /** The value of `name`, joined by `,` where it was sent more than once; null when absent. */
  text(name: string): string | null;
  /** The first value of a `-bin` name, decoded from base64; null when absent or not base64. */
  binary(name: string): Uint8Array | null;
  /** All names that were sent, pseudo-headers not included. */
  names(): readonly string[];
}

/** Metadata to send: text, or bytes under a name that ends in `-bin`. */
export type MetadataInput = Readonly<Record<string, string | Uint8Array>>;

/** Why a call is over before it was answered. */
export type CancelReason =
  /** The client took the call back, or its connection was lost. */
  | "cancelled"
  /** The client's `grpc-timeout` has passed; the client has been told already. */
  | "deadline"
  /** The server closes and its grace is over. */
  | "closing";

/** What every kind of call offers. After the answer, or after the cancel listener ran, its methods do nothing. */
export interface Call {
  /** `/package.Service/Method`, as sent. */
  readonly path: string;
  readonly metadata: Metadata;
  /** Milliseconds the client gave from the arrival of the call, or null. The server ends the call by itself when they are over. */
  readonly timeoutMs: number | null;
  /** Address of the client, `host:port`. */
  readonly peer: string;
  /** The common name of the client's certificate, which was verified; null on a listener that does not ask who clients are. */
  readonly peerCertificateCommonName: string | null;
  /** Whether the call is over, by an answer or by a cancel. */
  readonly ended: boolean;
  /** Ends the call with a status other than OK. `message` is any text; it is escaped on the wire. */
  fail(code: number, message: string, trailers?: MetadataInput): void;
  /** Sets the one listener that learns that nobody waits for the answer any more. */
  onCancel(listener: (reason: CancelReason) => void): void;
}

/** One request, one answer. */
export interface UnaryCall extends Call {
  /** Answers, with status OK. The bytes are copied before this returns: the caller may use its buffer again. */
  respond(message: Uint8Array): void;
}

/** One request, many answers. */
export interface ServerStreamCall extends Call {
  /**
   * Sends one message; its bytes are copied before this returns. False asks the caller to wait for the drain listener
   * before it writes more; what was given is sent in any case.
   */
  write(message: Uint8Array): boolean;
  /** Sets the one listener that is called when there is room again after {@link write} said false. */
  onDrain(listener: () => void): void;
  /** Ends the stream with status OK. */
  end(): void;
}

/** Messages both ways. Delivery starts when the message listener is set. */
export interface BidiCall extends ServerStreamCall {
  /** Sets the listener of messages. The view is valid until the listener returns. */
  onMessage(listener: (message: Uint8Array) => void): void;
  /** Sets the listener of the client's half-close: no more messages come, answers may still go. */
  onEnd(listener: () => void): void;
  /** Stops delivering; the client is held back by flow control once the window is full. */
  pause(): void;
  /** Delivers again. */
  resume(): void;
}

/** A method of a service. `request` is a view that stays valid until the call is answered. */
export type Method =
  | { readonly kind: "unary"; handle(request: Uint8Array, call: UnaryCall): void }
  | { readonly kind: "server-stream"; handle(request: Uint8Array, call: ServerStreamCall): void }
  | { readonly kind: "bidi"; handle(call: BidiCall): void };

/** A request that is not gRPC, on the same port, over HTTP/1.1 or HTTP/2. */
export interface HttpExchange {
  /** Upper case, as sent. */
  readonly method: string;
  /** Path and query, as sent. */
  readonly target: string;
  readonly peer: string;
  /** Whether it came over TLS. */
  readonly secure: boolean;
  /** As of {@link Call}: of this connection's client, who may be a proxy. */
  readonly peerCertificateCommonName: string | null;
  /** A header's value by lower-case name, or null. */
  header(name: string): string | null;
  /** Reads the whole body. Calls back once, with null when it is longer than `bytesMax` or the client went away. */
  readBody(bytesMax: number, done: (body: Uint8Array | null) => void): void;
  /** Answers at once; `body` may be text or bytes. */
  respond(statusCode: number, headers: Readonly<Record<string, string>>, body: string | Uint8Array): void;
  /** Begins an answer of unknown length, to be continued by {@link write} and {@link end}. */
  start(statusCode: number, headers: Readonly<Record<string, string>>): void;
  /** False asks the caller to wait for the drain listener. */
  write(chunk: string | Uint8Array): boolean;
  onDrain(listener: () => void): void;
  end(): void;
  /** Sets the one listener that learns that the client went away before the end of the answer. */
  onClose(listener: () => void): void;
}

/** Bounds of a server; each has a default. */
export interface ServerLimits {
  /** Calls at once on one connection. */
  readonly concurrentStreamsMax: number;
  /** Connections at once; more are closed on arrival. */
  readonly connectionsMax: number;
  /** Connections at once from one address that is not this machine's own; more are closed on arrival. */
  readonly connectionsPerHostMax: number;
  /** TLS handshakes at once on one listener; more wait. */
  readonly handshakesMax: number;
  /** All headers of one request together. */
  readonly headerListBytesMax: number;
  /** One message of a request, without its 5-byte prefix. */
  readonly messageBytesMax: number;
  /** Memory of one HTTP/2 connection's sessions and streams, in mebibytes. */
  readonly sessionMemoryMebibytesMax: number;
  /** Answers of all connections together that wait for their clients to read them; beyond it the slowest connections are closed. */
  readonly unreadBytesMax: number;
  /** Requests of all connections together of which the end is missing; beyond it the slowest connections are closed. */
  readonly unfinishedBytesMax: number;
  /** Calls a client may reset within one second on one connection before it is told to go away. */
  readonly resetsPerSecondMax: number;
  /** Pings and settings a client may send within one second on one connection before it is told to go away. */
  readonly controlFramesPerSecondMax: number;
  /** A connection that has not shown its protocol within this time is closed. */
  readonly handshakeMs: number;
  /** A connection without traffic is probed after this time. ETCD: --grpc-keepalive-interval. */
  readonly keepaliveIntervalMs: number;
  /** A connection whose probe stays unanswered this long is closed. ETCD: --grpc-keepalive-timeout. */
  readonly keepaliveTimeoutMs: number;
}

/** What happened beside the calls; for logs and metrics. A listener must not throw. */
export type ServerEvent =
  | { readonly kind: "connection-opened"; readonly peer: string; readonly protocol: "http1" | "http2" }
  | { readonly kind: "connection-closed"; readonly peer: string }
  | { readonly kind: "connection-refused"; readonly peer: string; readonly reason: string }
  | { readonly kind: "connection-error"; readonly peer: string; readonly error: Error }
  /** A handler threw; the client was told INTERNAL. */
  | { readonly kind: "handler-error"; readonly path: string; readonly error: unknown }
  | {
      readonly kind: "call-ended";
      readonly path: string;
      readonly code: number;
      readonly durationMs: number;
    };

/** How to make a server. */
export interface ServerOptions {
  readonly limits?: Partial<ServerLimits>;
  /** Answers what is not gRPC; without it such requests get 404 or 415. */
  readonly onHttp?: (exchange: HttpExchange) => void;
  readonly onEvent?: (event: ServerEvent) => void;
  /** Who speaks HTTP/2: this package, which is the default and much cheaper per call, or Node's own `node:http2`. */
  readonly http2?: "own" | "node";
}

/** Where a server listens. Port 0 lets the system choose. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Certificates, key, authorities, versions and ciphers, as Node's TLS takes them. */
export type TlsCredentials = Pick<
  SecureContextOptions,
  "ca" | "cert" | "ciphers" | "key" | "maxVersion" | "minVersion"
>;

/** TLS on one listener, with ALPN for both protocols. */
export interface ListenTls {
  /** Asked before each handshake, so it must be quick; another object than before takes effect at once. */
  credentials(): TlsCredentials;
  /**
   * `required`: a client without a certificate that an authority of the credentials vouches for is refused. `identity`: that, and
   * the certificate's common name says to each call who the client is.
   */
  readonly clientCertificates: "none" | "required" | "identity";
  /** Asked when the handshake is done, and the certificate verified where one is required: why to refuse, or null. */
  admit?(socket: TLSSocket): string | null;
}

/** What is special about one listener. */
export interface ListenOptions {
  /** In clear without it. */
  readonly tls?: ListenTls;
  /** Lets other processes listen at the same address (SO_REUSEPORT). Default: false. */
  readonly reusePort?: boolean;
}

/** How to close a server. */
export interface CloseOptions {
  /** How long running calls may go on, in milliseconds. */
  readonly graceMs: number;
}

/** Counts of a server, for metrics and tests. */
export interface ServerStats {
  readonly connectionCount: number;
  readonly callCount: number;
}

/** A gRPC server; see `createGrpcServer`. */
export interface GrpcServer {
  /** Adds a method. @throws InvariantViolation when the path is taken. */
  register(path: string, method: Method): void;
  /**
   * Listens on one more address. Rejects with the system's error, for example when the port is in use, or with OpenSSL's when
   * certificate and key do not fit.
   */
  listen(address: ListenAddress, options?: ListenOptions): Promise<ListenAddress>;
  /**
   * Listens at a file of this machine, a unix socket, in clear: who may open the file may connect. A socket that nobody listens
   * at any more is replaced. Rejects with the system's error, for example when somebody does.
   */
  listenAtFile(path: string): Promise<void>;
  /** Says goodbye to clients, lets running calls finish within the grace, then destroys what is left. */
  close(options: CloseOptions): Promise<void>;
  stats(): ServerStats;
}
