/**
 * One gRPC call on `node:http2`'s stream API. It turns stream events into messages, cancels and deadlines, and answers
 * into frames: headers, messages, trailers; or trailers only, when it fails before the first message.
 */
import type { ServerHttp2Stream } from "node:http2";
import { assert } from "@quorate/base";
import type { Deadlines, Expiring } from "../deadlines.ts";
import { status } from "../status.ts";
import type { BidiCall, CancelReason, Metadata, MetadataInput, UnaryCall } from "../types.ts";
import { frameMessage } from "../wire/frame.ts";
import { MessageReader } from "../wire/message-reader.ts";
import { HeaderMetadata, type HeaderRecord, headerText, putMetadata } from "../wire/metadata.ts";
import type { Client } from "../wire/peer.ts";
import { percentEncode } from "../wire/percent.ts";
import { StatusError } from "../wire/status-error.ts";
import { dropRest } from "./drop-rest.ts";

/** What calls share. */
export interface CallHost {
  readonly deadlines: Deadlines;
  readonly messageBytesMax: number;
  /** The call has its status; `code` is what the client sees, or would have seen. */
  ended(call: Http2Call, code: number): void;
  /** A handler or listener of the service threw. */
  handlerFailed(call: Http2Call, error: unknown): void;
}

const responseHeaders = {
  ":status": "200",
  "content-type": "application/grpc",
  "grpc-accept-encoding": "identity",
} as const;

// PERF: a date per answer costs more than it tells; `sendDate` is read by Node, though its types do not know it.
const answerOptions = { waitForTrailers: true, sendDate: false };
const trailersOnlyOptions = { endStream: true, sendDate: false };

const okTrailers = { "grpc-status": "0" };

/** Every kind of call in one class; the kind's interface shows only what it may do. */
export class Http2Call implements UnaryCall, BidiCall, Expiring {
  readonly path: string;
  readonly metadata: Metadata;
  readonly timeoutMs: number | null;
  readonly peer: string;
  readonly peerCertificateCommonName: string | null;
  /** When it came, for the duration in the log; 0 when nobody asks. */
  readonly startMs: number;
  readonly #stream: ServerHttp2Stream;
  readonly #host: CallHost;
  readonly #reader: MessageReader;
  #ended = false;
  #halfClosed = false;
  #paused = false;
  #delivering = false;
  #headersSent = false;
  #bucket = -1;
  #request: Uint8Array | null = null;
  #trailers: Record<string, string> = okTrailers;
  #onCancel: ((reason: CancelReason) => void) | null = null;
  #onMessage: ((message: Uint8Array) => void) | null = null;
  #onEnd: (() => void) | null = null;

  constructor(
    stream: ServerHttp2Stream,
    headers: HeaderRecord,
    path: string,
    timeoutMs: number | null,
    client: Client,
    host: CallHost,
    startMs: number,
  ) {
    this.path = path;
    this.metadata = new HeaderMetadata(headers);
    this.timeoutMs = timeoutMs;
    this.peer = client.peer;
    this.peerCertificateCommonName = client.commonName;
    this.startMs = startMs;
    this.#stream = stream;
    this.#host = host;
    this.#reader = new MessageReader(host.messageBytesMax, headerText(headers, "grpc-encoding"));
    stream.on("close", () => this.#closed());
    if (timeoutMs !== null) {
      this.#bucket = host.deadlines.add(this, timeoutMs);
    }
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Runs a bidirectional method; nothing is read before it sets its message listener. */
  begin(handle: () => void): void {
    this.#guard(handle);
  }

  /** Waits for the one request of a unary call or of a server stream, then hands it to `handle`. */
  readRequest(handle: (request: Uint8Array) => void): void {
    const stream = this.#stream;
    stream.on("data", (chunk: Buffer) => {
      this.#guard(() => {
        this.#reader.push(chunk);
        // A message that is larger than allowed, or compressed, is refused before its bytes have come.
        this.#request ??= this.#reader.next();
        if (this.#request !== null && this.#reader.pendingBytes > 0) {
          throw new StatusError(status.unimplemented, "grpc: more than one request on a call that takes one");
        }
      });
    });
    stream.on("end", () => {
      this.#halfClosed = true;
      this.#guard(() => handle(this.#singleRequest()));
    });
  }

  #singleRequest(): Uint8Array {
    if (this.#reader.pendingBytes > 0) {
      throw new StatusError(status.internal, "unexpected EOF");
    }
    if (this.#request === null) {
      throw new StatusError(status.unimplemented, "grpc: no request on a call that takes one");
    }
    return this.#request;
  }

  respond(message: Uint8Array): void {
    if (this.#ended) {
      return;
    }
    this.#sendHeaders();
    this.#finish(status.ok);
    this.#stream.end(frameMessage(message));
  }

  write(message: Uint8Array): boolean {
    if (this.#ended) {
      return false;
    }
    this.#sendHeaders();
    return this.#stream.write(frameMessage(message));
  }

  onDrain(listener: () => void): void {
    this.#stream.on("drain", () => {
      if (!this.#ended) {
        this.#guard(listener);
      }
    });
  }

  end(): void {
    if (this.#ended) {
      return;
    }
    this.#sendHeaders();
    this.#finish(status.ok);
    this.#stream.end();
    this.#dropRequest();
  }

  fail(code: number, message: string, trailers?: MetadataInput): void {
    assert(code > 0 && code <= 16, "grpc call: not a failure's status");
    if (this.#ended) {
      return;
    }
    const fields: Record<string, string> = {
      "grpc-status": String(code),
      "grpc-message": percentEncode(message),
    };
    if (trailers !== undefined) {
      putMetadata(fields, trailers);
    }
    const trailersOnly = !this.#headersSent;
    this.#finish(code);
    if (this.#stream.destroyed || this.#stream.closed) {
      return;
    }
    if (trailersOnly) {
      this.#stream.respond({ ...responseHeaders, ...fields }, trailersOnlyOptions);
    } else {
      this.#trailers = fields;
      this.#stream.end();
    }
    this.#dropRequest();
  }

  onCancel(listener: (reason: CancelReason) => void): void {
    this.#onCancel = listener;
  }

  onMessage(listener: (message: Uint8Array) => void): void {
    assert(this.#onMessage === null, "grpc call: a second message listener");
    this.#onMessage = listener;
    this.#stream.on("data", (chunk: Buffer) => {
      this.#guard(() => {
        this.#reader.push(chunk);
        this.#deliver();
      });
    });
    this.#stream.on("end", () => {
      this.#halfClosed = true;
      this.#guard(() => this.#deliver());
    });
  }

  onEnd(listener: () => void): void {
    this.#onEnd = listener;
  }

  pause(): void {
    this.#paused = true;
    this.#stream.pause();
  }

  resume(): void {
    if (!this.#paused) {
      return;
    }
    this.#paused = false;
    if (!this.#ended) {
      // What the reader still holds comes first; from within a listener the loop below it goes on by itself.
      this.#guard(() => this.#deliver());
      if (!this.#paused) {
        this.#stream.resume();
      }
    }
  }

  /** The client's deadline is over. */
  expire(): void {
    this.#bucket = -1;
    if (!this.#ended) {
      const listener = this.#onCancel;
      this.fail(status.deadlineExceeded, "context deadline exceeded");
      this.#notifyCancel(listener, "deadline");
    }
  }

  /** The server closes: nobody waits any longer. */
  abandon(): void {
    if (!this.#ended) {
      const listener = this.#onCancel;
      this.#finish(status.unavailable);
      this.#notifyCancel(listener, "closing");
    }
  }

  #deliver(): void {
    if (this.#delivering) {
      return;
    }
    this.#delivering = true;
    try {
      while (!this.#paused && !this.#ended) {
        const message = this.#reader.next();
        if (message === null) {
          this.#deliverEnd();
          return;
        }
        this.#onMessage?.(message);
      }
    } finally {
      this.#delivering = false;
    }
  }

  #deliverEnd(): void {
    if (!this.#halfClosed || this.#ended) {
      return;
    }
    if (this.#reader.pendingBytes > 0) {
      throw new StatusError(status.internal, "unexpected EOF");
    }
    const listener = this.#onEnd;
    this.#onEnd = null;
    listener?.();
  }

  /** Runs what may break a wire rule (answered) or be a service's bug (reported, answered INTERNAL). */
  #guard(work: () => void): void {
    if (this.#ended) {
      return;
    }
    try {
      work();
    } catch (error) {
      if (error instanceof StatusError) {
        this.fail(error.code, error.message);
        return;
      }
      this.fail(status.internal, "internal error");
      this.#host.handlerFailed(this, error);
    }
  }

  #sendHeaders(): void {
    if (this.#headersSent || this.#stream.destroyed || this.#stream.closed) {
      return;
    }
    this.#headersSent = true;
    this.#stream.on("wantTrailers", () => this.#stream.sendTrailers(this.#trailers));
    this.#stream.respond(responseHeaders, answerOptions);
  }

  #finish(code: number): void {
    assert(!this.#ended, "grpc call: ended twice");
    this.#ended = true;
    this.#onCancel = null;
    if (this.#bucket >= 0) {
      this.#host.deadlines.remove(this, this.#bucket);
      this.#bucket = -1;
    }
    this.#host.ended(this, code);
  }

  /** After an answer that did not wait for the whole request: the rest is read and thrown away, for a while. */
  #dropRequest(): void {
    if (!this.#halfClosed) {
      dropRest(this.#stream, this.#host.deadlines);
    }
  }

  #closed(): void {
    if (!this.#ended) {
      const listener = this.#onCancel;
      this.#finish(status.cancelled);
      this.#notifyCancel(listener, "cancelled");
    }
  }

  #notifyCancel(listener: ((reason: CancelReason) => void) | null, reason: CancelReason): void {
    try {
      listener?.(reason);
    } catch (error) {
      this.#host.handlerFailed(this, error);
    }
  }
}
