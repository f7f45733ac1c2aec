/** Puts the HTTP side on the wire of the client port: who may use it, the JSON gateway, and the pages. */
import type { HttpExchange } from "@quorate/grpc";
import type { Gateway } from "../gateway/gateway.ts";
import { type AccessRules, admitted } from "./access.ts";
import { textAnswer } from "./http-answer.ts";
import type { Router } from "./router.ts";

/** The HTTP side beside its pages. */
interface ExchangeOptions {
  readonly access: AccessRules;
  /** Null where it is not served. */
  readonly gateway: Gateway | null;
  /** Whether common names of certificates are identities now, which the gateway does not take. */
  readonly certificatesAreIdentities: () => boolean;
}

/** Makes the listener for requests that are not gRPC. Without options there are the pages alone. */
export function serveExchanges(router: Router, options?: ExchangeOptions): (exchange: HttpExchange) => void {
  return (arrived) => {
    const exchange = options === undefined ? arrived : admitted(arrived, options.access);
    if (exchange === null) {
      return;
    }
    const [given = "/", query = ""] = exchange.target.split("?", 2);
    const path = given.startsWith("/v3beta/") ? `/v3/${given.slice("/v3beta/".length)}` : given;
    const gateway = options?.gateway ?? null;
    if (gateway !== null && options !== undefined && isIdentified(exchange, options)) {
      answerWith(exchange, textAnswer(400, nameIgnoredText));
    } else if (gateway !== null && path.startsWith("/v3/")) {
      gateway(exchange, path);
    } else if (gateway !== null && path === "/v3") {
      const link = '<a href="/v3/">Temporary Redirect</a>.\n\n';
      const headers = { "content-type": "text/html; charset=utf-8", location: "/v3/" };
      exchange.respond(307, headers, exchange.method === "GET" ? link : "");
    } else {
      router({ method: exchange.method, path, query: new URLSearchParams(query) }, (answer) =>
        answerWith(exchange, answer),
      );
    }
  };
}

/** ETCD: told to whoever might believe that the gateway knows them by their certificate. */
const nameIgnoredText =
  "CommonName of client sending a request against gateway will be ignored and not used as expected\n";

function isIdentified(exchange: HttpExchange, options: ExchangeOptions): boolean {
  return (exchange.peerCertificateCommonName ?? "") !== "" && options.certificatesAreIdentities();
}

function answerWith(exchange: HttpExchange, answer: ReturnType<typeof textAnswer>): void {
  const headers = { "content-type": answer.contentType, ...answer.headers };
  exchange.respond(answer.status, headers, exchange.method === "HEAD" ? "" : answer.body);
}
