/** A request over HTTP/1.1. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { SessionHost } from "../session-host.ts";
import { BytesAccount } from "../shared-bytes.ts";
import type { HttpExchange } from "../types.ts";
import { headerText } from "../wire/metadata.ts";
import type { Client } from "../wire/peer.ts";
import { collectBody } from "./body.ts";

/** RFC 9112 §6.3: whether a body follows the head; a request without one is not complete before this turn ends either. */
function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}

/** Where bytes are counted that wait for clients. */
export type Http1Host = Pick<SessionHost, "unfinished" | "unread">;

/** An {@link HttpExchange} on one request and its response. */
export class Http1Exchange implements HttpExchange {
  readonly method: string;
  readonly target: string;
  readonly peer: string;
  readonly secure: boolean;
  readonly peerCertificateCommonName: string | null;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #host: Http1Host;

  constructor(request: IncomingMessage, response: ServerResponse, client: Client, host: Http1Host) {
    this.method = request.method ?? "";
    this.target = request.url ?? "/";
    this.peer = client.peer;
    this.secure = client.secure;
    this.peerCertificateCommonName = client.commonName;
    this.#request = request;
    this.#response = response;
    this.#host = host;
  }

  header(name: string): string | null {
    return headerText(this.#request.headers, name);
  }

  readBody(bytesMax: number, done: (body: Uint8Array | null) => void): void {
    collectBody(this.#request, bytesMax, this.#host.unfinished, done);
  }

  respond(statusCode: number, headers: Readonly<Record<string, string>>, body: string | Uint8Array): void {
    if (this.#response.writableEnded || this.#response.destroyed) {
      return;
    }
    if (!this.#request.complete && hasBody(this.#request)) {
      // What is still to come of it may have no end.
      this.#response.shouldKeepAlive = false;
    }
    this.#response.writeHead(statusCode, { ...headers, "content-length": Buffer.byteLength(body) });
    this.#response.end(body);
    this.#request.resume();
    this.#countUnread();
  }

  start(statusCode: number, headers: Readonly<Record<string, string>>): void {
    if (!this.#response.headersSent && !this.#response.destroyed) {
      this.#response.writeHead(statusCode, headers);
    }
  }

  write(chunk: string | Uint8Array): boolean {
    return !this.#response.writableEnded && !this.#response.destroyed && this.#response.write(chunk);
  }

  onDrain(listener: () => void): void {
    this.#response.on("drain", listener);
  }

  end(): void {
    this.#response.end();
    this.#request.resume();
  }

  /** What the client does not take at once counts until it did. */
  #countUnread(): void {
    const response = this.#response;
    const bytes = response.writableLength;
    if (bytes > 0) {
      const { socket } = this.#request;
      const account = new BytesAccount(this.#host.unread, () => socket.destroy());
      response.on("close", () => account.clear());
      if (!account.add(bytes)) {
        socket.destroy();
      }
    }
  }

  onClose(listener: () => void): void {
    const response = this.#response;
    response.on("close", () => {
      if (!response.writableFinished) {
        listener();
      }
    });
  }
}
