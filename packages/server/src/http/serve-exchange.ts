/** Puts the pages on the wire of the client port. */
import type { HttpExchange } from "@quorate/grpc";
import type { Router } from "./router.ts";

/** Makes the listener for requests that are not gRPC. */
export function serveExchanges(router: Router): (exchange: HttpExchange) => void {
  return (exchange) => {
    const [path = "/", query = ""] = exchange.target.split("?", 2);
    const question = { method: exchange.method, path, query: new URLSearchParams(query) };
    router(question, (answer) => {
      const headers = { "content-type": answer.contentType, ...answer.headers };
      exchange.respond(answer.status, headers, exchange.method === "HEAD" ? "" : answer.body);
    });
  };
}
