/**
 * One gRPC call on a stream. It turns bytes into messages, cancels and deadlines, and answers into headers, messages and
 * trailers; or trailers only, when it fails before the first message.
 *
 * PERF: a unary call is this object, its stream, a view of the request, and nothing else.
 */
import { assert, emptyBytes } from "@quorate/base";
import type { Expiring } from "../deadlines.ts";
import { status } from "../status.ts";
import type { BidiCall, CancelReason, Metadata, MetadataInput, Method, UnaryCall } from "../types.ts";
import { MessageReader, prefixBytes } from "../wire/message-reader.ts";
import { StatusError } from "../wire/status-error.ts";
import { failureFields } from "./answer-fields.ts";
import { answerFields } from "./header-writer.ts";
import type { RequestHead } from "./request-head.ts";
import type { Http2Stream, StreamUser } from "./stream.ts";
import type { StreamSession } from "./stream-session.ts";

/** PERF: no array of its own for a call that never holds anything. */
const noBuffers: Buffer[] = [];

/** Every kind of call in one class; the kind's interface shows only what it may do. */
export class GrpcCall implements UnaryCall, BidiCall, Expiring, StreamUser {
  readonly timeoutMs: number | null;
  /** When it came, for the duration in the log; 0 when nobody asks. */
  readonly #startMs: number;
  readonly #stream: Http2Stream;
  readonly #head: RequestHead;
  readonly #session: StreamSession;
  readonly #method: Method;
  #ended = false;
  #halfClosed = false;
  #paused = false;
  #delivering = false;
  #headersSent = false;
  #bucket = -1;
  /** Made when a message does not come in one piece. */
  #reader: MessageReader | null = null;
  #request: Uint8Array | null = null;
  /** What came while nobody wanted it. */
  #held: Buffer[] = noBuffers;
  #heldBytes = 0;
  /** What the session was told that this call keeps. */
  #bufferedBytes = 0;
  /** Bytes received that the client was not given back in its window. */
  #uncreditedBytes = 0;
  #onCancel: ((reason: CancelReason) => void) | null = null;
  #onMessage: ((message: Uint8Array) => void) | null = null;
  #onEnd: (() => void) | null = null;
  #onDrain: (() => void) | null = null;

  constructor(
    stream: Http2Stream,
    head: RequestHead,
    session: StreamSession,
    method: Method,
    timeoutMs: number | null,
    startMs: number,
  ) {
    this.timeoutMs = timeoutMs;
    this.#startMs = startMs;
    this.#stream = stream;
    this.#head = head;
    this.#session = session;
    this.#method = method;
    if (timeoutMs !== null) {
      this.#bucket = session.deadlines.add(this, timeoutMs);
    }
  }

  get path(): string {
    return this.#head.path;
  }

  get metadata(): Metadata {
    return this.#head;
  }

  get peer(): string {
    return this.#session.client.peer;
  }

  get peerCertificateCommonName(): string | null {
    return this.#session.client.commonName;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Runs a bidirectional method; the others wait for their request. */
  begin(): void {
    if (this.#method.kind === "bidi") {
      const method = this.#method;
      this.#guard(() => method.handle(this));
    }
  }

  received(bytes: Buffer, start: number, end: number, last: boolean): void {
    this.#halfClosed ||= last;
    if (this.#method.kind !== "bidi") {
      this.#receiveRequest(bytes, start, end);
    } else if (this.#paused || this.#onMessage === null) {
      this.#hold(bytes, start, end);
    } else {
      this.#receiveMessages(bytes.subarray(start, end));
    }
  }

  drained(): void {
    const listener = this.#onDrain;
    if (listener !== null) {
      this.#guard(listener);
    }
  }

  closed(): void {
    this.#cancel(status.cancelled, "cancelled");
  }

  abandoned(): void {
    this.#cancel(status.unavailable, "closing");
  }

  respond(message: Uint8Array): void {
    if (this.#ended) {
      return;
    }
    if (!this.#session.sender.hasRoom(message.length)) {
      this.fail(status.resourceExhausted, "grpc: too many bytes wait for the client to read them");
      return;
    }
    this.#finish(status.ok);
    this.#session.sender.sendAnswer(this.#stream, message);
  }

  write(message: Uint8Array): boolean {
    if (this.#ended) {
      return false;
    }
    if (!this.#session.sender.hasRoom(message.length)) {
      // Trailers would come behind what waits; a client that reads nothing learns more from a reset.
      this.#session.calm(this.#stream);
      return false;
    }
    this.#sendHead();
    return this.#session.sender.sendMessage(this.#stream, message);
  }

  onDrain(listener: () => void): void {
    this.#onDrain = listener;
  }

  end(): void {
    if (this.#ended) {
      return;
    }
    this.#sendHead();
    this.#finish(status.ok);
    this.#session.sender.endOk(this.#stream);
  }

  fail(code: number, message: string, trailers?: MetadataInput): void {
    assert(code > 0 && code <= 16, "grpc call: not a failure's status");
    if (this.#ended) {
      return;
    }
    const fields = failureFields(code, message, trailers);
    this.#finish(code);
    if (this.#headersSent) {
      this.#session.sender.endWithStatus(this.#stream, fields);
    } else {
      this.#session.sender.sendHeaders(this.#stream, [...answerFields, ...fields], true);
    }
  }

  onCancel(listener: (reason: CancelReason) => void): void {
    this.#onCancel = listener;
  }

  onMessage(listener: (message: Uint8Array) => void): void {
    assert(this.#onMessage === null, "grpc call: a second message listener");
    this.#onMessage = listener;
    if (!this.#paused) {
      this.#release();
    }
  }

  onEnd(listener: () => void): void {
    this.#onEnd = listener;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (this.#paused) {
      this.#paused = false;
      this.#release();
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

  #receiveRequest(bytes: Buffer, start: number, end: number): void {
    const length = end - start - prefixBytes;
    // PERF: almost every request is one message in one frame, and its view of the frame is all that is made of it.
    const whole =
      this.#halfClosed &&
      this.#reader === null &&
      length >= 0 &&
      bytes[start] === 0 &&
      bytes.readUInt32BE(start + 1) === length &&
      length <= this.#session.messageBytesMax;
    if (whole) {
      // PERF: no Buffer, which costs twice as much to make and to collect.
      this.#handleRequest(new Uint8Array(bytes.buffer, bytes.byteOffset + start + prefixBytes, length));
      return;
    }
    this.#guard(() => this.#gatherRequest(bytes, start, end));
  }

  #handleRequest(request: Uint8Array): void {
    const method = this.#method;
    assert(method.kind !== "bidi", "grpc call: one request");
    try {
      method.handle(request, this);
    } catch (error) {
      this.#failed(error);
    }
  }

  #gatherRequest(bytes: Buffer, start: number, end: number): void {
    const reader = this.#readerOf();
    const part = bytes.subarray(start, end);
    // What waits for its rest must not hold the whole chunk it came in; the reader itself copies all but the first part.
    reader.push(reader.pendingBytes === 0 ? new Uint8Array(part) : part);
    // A message that is larger than allowed, or compressed, is refused before its bytes have come.
    this.#request ??= reader.next();
    if (this.#request !== null && reader.pendingBytes > 0) {
      throw new StatusError(status.unimplemented, "grpc: more than one request on a call that takes one");
    }
    if (this.#halfClosed) {
      this.#account(0);
      this.#handleRequest(this.#singleRequest(reader));
      return;
    }
    this.#session.returnStreamCredit(this.#stream, end - start);
    this.#account(reader.pendingBytes + (this.#request?.length ?? 0));
  }

  #singleRequest(reader: MessageReader): Uint8Array {
    if (reader.pendingBytes > 0) {
      throw new StatusError(status.internal, "unexpected EOF");
    }
    if (this.#request === null) {
      throw new StatusError(status.unimplemented, "grpc: no request on a call that takes one");
    }
    return this.#request;
  }

  #readerOf(): MessageReader {
    this.#reader ??= new MessageReader(this.#session.messageBytesMax, this.#head.text("grpc-encoding"));
    return this.#reader;
  }

  /** Notes what this call keeps of an unfinished request; its session bounds the sum. */
  #account(bytes: number): void {
    const grown = bytes - this.#bufferedBytes;
    this.#bufferedBytes = bytes;
    if (!this.#session.accountBuffered(grown) && !this.#ended) {
      throw new StatusError(status.resourceExhausted, "grpc: too many bytes of unfinished requests");
    }
  }

  #hold(bytes: Buffer, start: number, end: number): void {
    if (start === end) {
      return;
    }
    this.#held = this.#held === noBuffers ? [] : this.#held;
    this.#held.push(Buffer.from(bytes.subarray(start, end)));
    this.#heldBytes += end - start;
    this.#uncreditedBytes += end - start;
    this.#guard(() => this.#account(this.#bufferedBytes + end - start));
  }

  /** Delivers what was held. From within a listener, the loop that called it goes on by itself. */
  #release(): void {
    if (this.#delivering || this.#onMessage === null || this.#ended) {
      return;
    }
    const held = this.#held.length === 0 ? emptyBytes : Buffer.concat(this.#held, this.#heldBytes);
    this.#held = noBuffers;
    this.#uncreditedBytes -= this.#heldBytes;
    this.#heldBytes = 0;
    this.#receiveMessages(held);
  }

  #receiveMessages(bytes: Uint8Array): void {
    this.#guard(() => {
      const reader = this.#readerOf();
      if (bytes.length > 0) {
        reader.push(bytes);
        this.#uncreditedBytes += bytes.length;
      }
      this.#deliver(reader);
      if (!this.#ended) {
        this.#account(reader.pendingBytes + this.#heldBytes);
        this.#creditDelivered();
      }
    });
  }

  /** A paused call gives nothing back, so that all it may have to keep is one window. */
  #creditDelivered(): void {
    if (!this.#paused && !this.#stream.remoteClosed) {
      this.#session.returnStreamCredit(this.#stream, this.#uncreditedBytes);
      this.#uncreditedBytes = 0;
    }
  }

  #deliver(reader: MessageReader): void {
    assert(!this.#delivering, "grpc call: delivers once at a time");
    this.#delivering = true;
    try {
      while (!this.#paused && !this.#ended) {
        const message = reader.next();
        if (message === null) {
          this.#deliverEnd(reader);
          return;
        }
        this.#onMessage?.(message);
      }
    } finally {
      this.#delivering = false;
    }
  }

  #deliverEnd(reader: MessageReader): void {
    if (!this.#halfClosed) {
      return;
    }
    if (reader.pendingBytes > 0) {
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
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    if (error instanceof StatusError) {
      this.fail(error.code, error.message);
      return;
    }
    this.fail(status.internal, "internal error");
    this.#session.handlerFailed(this.path, error);
  }

  #sendHead(): void {
    if (!this.#headersSent) {
      this.#headersSent = true;
      this.#session.sender.sendAnswerHead(this.#stream);
    }
  }

  #finish(code: number): void {
    assert(!this.#ended, "grpc call: ended twice");
    this.#ended = true;
    this.#onCancel = null;
    this.#held = noBuffers;
    if (this.#bufferedBytes > 0) {
      this.#account(0);
    }
    if (this.#bucket >= 0) {
      this.#session.deadlines.remove(this, this.#bucket);
      this.#bucket = -1;
    }
    this.#session.callEnded(this.path, this.#startMs, code);
  }

  #cancel(code: number, reason: CancelReason): void {
    if (!this.#ended) {
      const listener = this.#onCancel;
      this.#finish(code);
      this.#notifyCancel(listener, reason);
    }
  }

  #notifyCancel(listener: ((reason: CancelReason) => void) | null, reason: CancelReason): void {
    try {
      listener?.(reason);
    } catch (error) {
      this.#session.handlerFailed(this.path, error);
    }
  }
}
