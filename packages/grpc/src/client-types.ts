/** The interface of the small client: for the command line, tests and load generators. */
import type { Metadata, MetadataInput } from "./types.ts";

/** A call that did not end with status OK. */
export class GrpcError extends Error {
  override readonly name = "GrpcError";
  /** gRPC status code; UNAVAILABLE where the server could not be reached. */
  readonly code: number;
  /** What the server sent after its last message; null when the call never reached one. */
  readonly trailers: Metadata | null;
  /** False where the request certainly never left this process, so that making it again does nothing twice. */
  readonly maybeSent: boolean;

  constructor(code: number, message: string, trailers: Metadata | null, maybeSent = true) {
    super(message);
    this.code = code;
    this.trailers = trailers;
    this.maybeSent = maybeSent;
  }
}

/** What one call may say beside its message. */
export interface ClientCallOptions {
  readonly metadata?: MetadataInput;
  /** Milliseconds until the call fails with DEADLINE_EXCEEDED; the server is told, too. Without it a call may wait for ever. */
  readonly timeoutMs?: number;
}

/** A call under way. */
export interface ClientCall {
  /** Takes the call back: it ends with CANCELLED, unless it has ended. */
  cancel(): void;
}

/** Listeners of a stream. `ended` is called once, after the last message, with null for status OK. */
export interface ClientStreamListener {
  message(message: Uint8Array): void;
  ended(error: GrpcError | null): void;
}

/** A stream under way. */
export interface ClientStream extends ClientCall {
  /** Sends one message, copied before this returns. False asks to wait before writing more. */
  write(message: Uint8Array): boolean;
  /** No more messages from here; answers may still come. */
  end(): void;
  pause(): void;
  resume(): void;
}

/** A client of one address; see `createGrpcClient`. */
export interface GrpcClient {
  /** One request, one answer, by callback; called once, never before this returns. */
  unary(
    path: string,
    message: Uint8Array,
    options: ClientCallOptions,
    done: (error: GrpcError | null, answer: Uint8Array | null) => void,
  ): ClientCall;
  /** {@link unary} as a promise. Rejects with {@link GrpcError}. */
  request(path: string, message: Uint8Array, options?: ClientCallOptions): Promise<Uint8Array>;
  /** Opens a stream both ways; a server stream is one that is written to once and ended. */
  stream(path: string, options: ClientCallOptions, listener: ClientStreamListener): ClientStream;
  /** Cancels what runs and closes the connection. The client is of no use afterwards. */
  close(): void;
}

/** How to make a client. */
export interface ClientOptions {
  /** Milliseconds to wait for a connection. */
  readonly connectTimeoutMs?: number;
  /** Largest answer message, in bytes. */
  readonly messageBytesMax?: number;
  /** How `https:` is spoken. */
  readonly tls?: ClientTls;
  /** Asks a connection now and then whether it lives; without it a dead one shows only when the system gives it up. */
  readonly keepalive?: ClientKeepalive;
}

/** Times in milliseconds. Servers of etcd close connections that ask more often than every five seconds. */
export interface ClientKeepalive {
  /** Between two questions. */
  readonly timeMs: number;
  /** For the answer; after it every call of the connection ends with UNAVAILABLE. */
  readonly timeoutMs: number;
}

/** What a client trusts, and how it shows who it is. */
export interface ClientTls {
  /** Certificates to trust, as PEM; the system's without it. */
  readonly certificateAuthority?: string | Uint8Array;
  /** The client's own certificate, with those between it and its authority, as PEM. Only together with `key`. */
  readonly certificate?: string | Uint8Array;
  /** The certificate's private key, as PEM. */
  readonly key?: string | Uint8Array;
  /** The name that the server's certificate must have; the URL's host without it. */
  readonly serverName?: string;
  /** Takes any certificate: whoever sits on the line can read and change everything. For trials only. */
  readonly insecureSkipVerify?: boolean;
}
