/** A request over HTTP/2 that is not gRPC. */
import type { ServerHttp2Stream } from "node:http2";
import { collectBody } from "../http1/body.ts";
import type { SharedBytes } from "../shared-bytes.ts";
import type { HttpExchange } from "../types.ts";
import { type HeaderRecord, headerText } from "../wire/metadata.ts";
import type { Client } from "../wire/peer.ts";

/** An {@link HttpExchange} on one stream. */
export class Http2Exchange implements HttpExchange {
  readonly method: string;
  readonly target: string;
  readonly peer: string;
  readonly secure: boolean;
  readonly peerCertificateCommonName: string | null;
  readonly #stream: ServerHttp2Stream;
  readonly #headers: HeaderRecord;
  readonly #unfinished: SharedBytes;

  constructor(stream: ServerHttp2Stream, headers: HeaderRecord, client: Client, unfinished: SharedBytes) {
    this.method = headerText(headers, ":method") ?? "";
    this.target = headerText(headers, ":path") ?? "/";
    this.peer = client.peer;
    this.secure = client.secure;
    this.peerCertificateCommonName = client.commonName;
    this.#stream = stream;
    this.#headers = headers;
    this.#unfinished = unfinished;
  }

  header(name: string): string | null {
    return headerText(this.#headers, name);
  }

  readBody(bytesMax: number, done: (body: Uint8Array | null) => void): void {
    collectBody(this.#stream, bytesMax, this.#unfinished, done);
  }

  respond(statusCode: number, headers: Readonly<Record<string, string>>, body: string | Uint8Array): void {
    if (this.#isOver()) {
      return;
    }
    this.#stream.respond({ ":status": statusCode, ...headers, "content-length": Buffer.byteLength(body) });
    this.#stream.end(body);
    this.#stream.resume();
  }

  start(statusCode: number, headers: Readonly<Record<string, string>>): void {
    if (!this.#isOver()) {
      this.#stream.respond({ ":status": statusCode, ...headers });
    }
  }

  write(chunk: string | Uint8Array): boolean {
    return !this.#isOver() && this.#stream.write(chunk);
  }

  onDrain(listener: () => void): void {
    this.#stream.on("drain", listener);
  }

  end(): void {
    if (!this.#isOver()) {
      this.#stream.end();
      this.#stream.resume();
    }
  }

  onClose(listener: () => void): void {
    const stream = this.#stream;
    stream.on("close", () => {
      if (!stream.writableFinished) {
        listener();
      }
    });
  }

  #isOver(): boolean {
    return this.#stream.destroyed || this.#stream.closed || this.#stream.writableEnded;
  }
}
