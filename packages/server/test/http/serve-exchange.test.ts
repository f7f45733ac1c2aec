/** The pages over a real socket, on the port of the gRPC server. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createGrpcServer, type GrpcServer } from "@quorate/grpc";
import { textAnswer } from "../../src/http/http-answer.ts";
import { serveExchanges } from "../../src/http/serve-exchange.ts";

let server: GrpcServer;
let url: string;

before(async () => {
  server = createGrpcServer({
    onHttp: serveExchanges((question, completed) =>
      completed(textAnswer(200, `${question.method} ${question.path} ${question.query.get("a")}`)),
    ),
  });
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  url = `http://127.0.0.1:${port}`;
});
after(() => server.close({ graceMs: 0 }));

test("path, query and method reach the router, its answer the client", async () => {
  const answer = await fetch(`${url}/some/page?a=b%20c`);
  assert.equal(await answer.text(), "GET /some/page b c");
  assert.equal(answer.headers.get("content-type"), "text/plain; charset=utf-8");
  assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
});

test("HEAD has no body", async () => {
  const answer = await fetch(`${url}/x`, { method: "HEAD" });
  assert.deepEqual([answer.status, await answer.text()], [200, ""]);
});
