/** ETCD: who may use the HTTP side: by which host name, from pages of which origin. gRPC is not concerned: no web page can speak it. */
import type { HttpExchange } from "@quorate/grpc";
import type { ServerConfig } from "../config/server-config.ts";

/** What the flags allow. */
export type AccessRules = Pick<ServerConfig, "cors" | "hostWhitelist">;

/** ETCD: the words by which operators find the flag. */
function rebindingText(host: string): string {
  return `
etcd received your request, but the Host header was unrecognized.

To fix this, choose one of the following options:
- Enable TLS, then any HTTPS request will be allowed.
- Add the hostname you want to use to the whitelist in settings.
  - e.g. etcd --host-whitelist ${JSON.stringify(host)}

This requirement has been added to help prevent "DNS Rebinding" attacks (CVE-2018-5702).
`;
}

/** What every answer to a page of an allowed origin carries. */
function corsHeaders(origin: string): Readonly<Record<string, string>> {
  return {
    "access-control-allow-methods": "POST, GET, OPTIONS, PUT, DELETE",
    "access-control-allow-origin": origin,
    "access-control-allow-headers": "accept, content-type, authorization",
  };
}

/** The exchange to go on with, or null when it was answered: it was refused, or asked only what is allowed. */
export function admitted(exchange: HttpExchange, rules: AccessRules): HttpExchange | null {
  if (!exchange.secure && !allows(rules.hostWhitelist, hostOf(exchange))) {
    exchange.respond(421, textHeaders, `${rebindingText(hostOf(exchange))}\n`);
    return null;
  }
  const origin = exchange.header("origin") ?? "";
  const allowed = isOpen(rules.cors) ? "*" : allows(rules.cors, origin) ? origin : null;
  const answering = allowed === null ? exchange : new AnswersWith(exchange, corsHeaders(allowed));
  if (exchange.method === "OPTIONS") {
    answering.respond(200, {}, "");
    return null;
  }
  return answering;
}

const textHeaders = {
  "content-type": "text/plain; charset=utf-8",
  "x-content-type-options": "nosniff",
};

/** ETCD: nothing means everything, as `*` does. */
function isOpen(list: readonly string[]): boolean {
  return list.length === 0 || list.includes("*");
}

function allows(list: readonly string[], value: string): boolean {
  return isOpen(list) || list.includes(value);
}

/** The host that the client asked for, without its port. */
function hostOf(exchange: HttpExchange): string {
  const host = exchange.header("host") ?? exchange.header(":authority") ?? "";
  return /^\[(.*)\](:\d*)?$/.exec(host)?.[1] ?? host.replace(/:\d*$/, "");
}

/** An exchange whose answers carry some headers more. */
class AnswersWith implements HttpExchange {
  readonly #inner: HttpExchange;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(inner: HttpExchange, headers: Readonly<Record<string, string>>) {
    this.#inner = inner;
    this.#headers = headers;
  }

  get method(): string {
    return this.#inner.method;
  }

  get target(): string {
    return this.#inner.target;
  }

  get peer(): string {
    return this.#inner.peer;
  }

  get secure(): boolean {
    return this.#inner.secure;
  }

  get peerCertificateCommonName(): string | null {
    return this.#inner.peerCertificateCommonName;
  }

  header(name: string): string | null {
    return this.#inner.header(name);
  }

  readBody(bytesMax: number, done: (body: Uint8Array | null) => void): void {
    this.#inner.readBody(bytesMax, done);
  }

  respond(statusCode: number, headers: Readonly<Record<string, string>>, body: string | Uint8Array): void {
    this.#inner.respond(statusCode, { ...this.#headers, ...headers }, body);
  }

  start(statusCode: number, headers: Readonly<Record<string, string>>): void {
    this.#inner.start(statusCode, { ...this.#headers, ...headers });
  }

  write(chunk: string | Uint8Array): boolean {
    return this.#inner.write(chunk);
  }

  onDrain(listener: () => void): void {
    this.#inner.onDrain(listener);
  }

  end(): void {
    this.#inner.end();
  }

  onClose(listener: () => void): void {
    this.#inner.onClose(listener);
  }
}
