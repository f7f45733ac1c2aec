/** A request over HTTP/2 that is not gRPC. */
import type { HttpExchange } from "../types.ts";
import { recordFields } from "./answer-fields.ts";
import type { RequestHead } from "./request-head.ts";
import type { Http2Stream, StreamUser } from "./stream.ts";
import type { StreamSession } from "./stream-session.ts";

/** What has become of the answer. */
type Progress = "waiting" | "started" | "ended";

/** An {@link HttpExchange} on one stream. */
export class StreamExchange implements HttpExchange, StreamUser {
  readonly #stream: Http2Stream;
  readonly #head: RequestHead;
  readonly #session: StreamSession;
  #progress: Progress = "waiting";
  /** What came of the body; null when it was too long, or when the client went away. */
  #chunks: Buffer[] | null = [];
  /** What the session was told that this exchange keeps. */
  #keptBytes = 0;
  #bodyBytes = 0;
  #bodyBytesMax = Number.POSITIVE_INFINITY;
  #bodyWhole = false;
  #onBody: ((body: Uint8Array | null) => void) | null = null;
  #onDrain: (() => void) | null = null;
  #onClose: (() => void) | null = null;

  constructor(stream: Http2Stream, head: RequestHead, session: StreamSession) {
    this.#stream = stream;
    this.#head = head;
    this.#session = session;
  }

  get method(): string {
    return this.#head.method;
  }

  get target(): string {
    return this.#head.path;
  }

  get peer(): string {
    return this.#session.client.peer;
  }

  get secure(): boolean {
    return this.#session.client.secure;
  }

  get peerCertificateCommonName(): string | null {
    return this.#session.client.commonName;
  }

  header(name: string): string | null {
    return this.#head.text(name);
  }

  readBody(bytesMax: number, done: (body: Uint8Array | null) => void): void {
    if (this.#progress === "ended") {
      done(null);
      return;
    }
    this.#bodyBytesMax = bytesMax;
    this.#onBody = done;
    this.#session.returnStreamCredit(this.#stream, this.#bodyBytes);
    this.#checkBody();
  }

  respond(statusCode: number, headers: Readonly<Record<string, string>>, body: string | Uint8Array): void {
    if (this.#progress !== "waiting") {
      return;
    }
    const bytes = Buffer.from(body);
    const withoutBody = bytes.length === 0 || this.method === "HEAD";
    if (!withoutBody && !this.#session.sender.hasRoom(bytes.length)) {
      this.#session.calm(this.#stream);
      return;
    }
    this.#sendHead(statusCode, { ...headers, "content-length": String(bytes.length) }, withoutBody);
    if (!withoutBody) {
      this.#session.sender.sendBody(this.#stream, bytes);
      this.end();
    }
    // The rest of a request that was answered before it came is thrown away.
    this.#deliverBody(null);
  }

  start(statusCode: number, headers: Readonly<Record<string, string>>): void {
    if (this.#progress === "waiting") {
      this.#sendHead(statusCode, headers, false);
    }
  }

  write(chunk: string | Uint8Array): boolean {
    if (this.#progress !== "started") {
      return false;
    }
    const bytes = Buffer.from(chunk);
    if (!this.#session.sender.hasRoom(bytes.length)) {
      this.#session.calm(this.#stream);
      return false;
    }
    return this.#session.sender.sendBody(this.#stream, bytes);
  }

  onDrain(listener: () => void): void {
    this.#onDrain = listener;
  }

  end(): void {
    if (this.#progress === "started") {
      this.#progress = "ended";
      this.#session.sender.endBody(this.#stream);
      this.#deliverBody(null);
    }
  }

  onClose(listener: () => void): void {
    this.#onClose = listener;
  }

  received(bytes: Buffer, start: number, end: number, last: boolean): void {
    this.#bodyWhole ||= last;
    this.#bodyBytes += end - start;
    if (this.#chunks !== null) {
      this.#chunks.push(Buffer.from(bytes.subarray(start, end)));
      this.#keptBytes += end - start;
      if (!this.#session.accountBuffered(end - start)) {
        this.#dropBody();
      }
    }
    if (this.#onBody !== null) {
      // Until somebody asks for the body, the client may send one window of it.
      this.#session.returnStreamCredit(this.#stream, end - start);
      this.#checkBody();
    }
  }

  drained(): void {
    if (this.#progress === "started") {
      this.#onDrain?.();
    }
  }

  closed(): void {
    // First, so that the handler's answer to a body that never came goes nowhere.
    this.#progress = "ended";
    this.#deliverBody(null);
    // Ended means that the whole answer has left.
    if (!this.#stream.localClosed) {
      this.#onClose?.();
    }
  }

  abandoned(): void {
    this.closed();
  }

  #sendHead(statusCode: number, headers: Readonly<Record<string, string>>, endStream: boolean): void {
    this.#progress = endStream ? "ended" : "started";
    const fields = [[":status", String(statusCode)] as const, ...recordFields(headers)];
    this.#session.sender.sendHeaders(this.#stream, fields, endStream);
  }

  #checkBody(): void {
    if (this.#chunks === null || this.#bodyBytes > this.#bodyBytesMax) {
      this.#deliverBody(null);
    } else if (this.#bodyWhole) {
      this.#deliverBody(Buffer.concat(this.#chunks, this.#bodyBytes));
    }
  }

  #dropBody(): void {
    this.#chunks = null;
    const bytes = this.#keptBytes;
    this.#keptBytes = 0;
    if (bytes > 0) {
      this.#session.accountBuffered(-bytes);
    }
  }

  #deliverBody(body: Uint8Array | null): void {
    this.#dropBody();
    const done = this.#onBody;
    this.#onBody = null;
    done?.(body);
  }
}
