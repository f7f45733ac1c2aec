/** TLS: ALPN chooses between gRPC and HTTP/1.1 on one port; who may come in; what is no TLS; who begins and does not go on. */
import assert from "node:assert/strict";
import { request } from "node:https";
import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { connect as connectTls } from "node:tls";
import {
  type ClientTls,
  createGrpcClient,
  type GrpcClient,
  type HttpExchange,
  type ListenTls,
  type Method,
  type ServerEvent,
} from "@quorate/grpc";
import { TestAuthority } from "quorate/testing";
import { both, echo, exchange, serve, until } from "./fixture.ts";

const path = "/test.Echo/Say";
const authority = new TestAuthority();
const server = authority.issue();
const alice = authority.issue({ commonName: "alice" });

const plain = (): ListenTls => {
  const credentials = { cert: server.certificate, key: server.key };
  return { credentials: () => credentials, clientCertificates: "none" };
};

const mutual = (clientCertificates: ListenTls["clientCertificates"] = "identity"): ListenTls => {
  const credentials = { cert: server.certificate, key: server.key, ca: authority.certificate };
  return { credentials: () => credentials, clientCertificates };
};

function dial(context: TestContext, port: number, tls: ClientTls = {}): GrpcClient {
  const client = createGrpcClient(`https://127.0.0.1:${port}`, {
    tls: { certificateAuthority: authority.certificate, ...tls },
  });
  context.after(() => client.close());
  return client;
}

function answerOf(port: number, options: object = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const ask = request(
      { host: "127.0.0.1", port, path: "/health", ca: authority.certificate, agent: false, ...options },
      (answer) => {
        let body = "";
        answer.on("data", (chunk: Buffer) => {
          body += chunk.toString();
        });
        answer.on("end", () => resolve(body));
      },
    );
    ask.on("error", reject);
    ask.end();
  });
}

const nameOf: Method = {
  kind: "unary",
  handle: (_request, call) => call.respond(Buffer.from(String(call.peerCertificateCommonName))),
};

both("gRPC and HTTPS on one TLS port, in clear on another", async (context) => {
  const onHttp = (one: HttpExchange): void => one.respond(200, {}, `${one.target} ${one.secure}`);
  const { port, server: running } = await serve(context, { [path]: echo }, { tls: plain(), onHttp });
  assert.deepEqual([...(await dial(context, port).request(path, new Uint8Array([4, 2])))], [4, 2]);
  assert.equal(await answerOf(port), "/health true");
  assert.equal(
    await answerOf(port, { ALPNProtocols: [] }),
    "/health true",
    "without ALPN the first bytes tell",
  );
  const clear = await running.listen({ host: "127.0.0.1", port: 0 });
  assert.equal(await (await fetch(`http://127.0.0.1:${clear.port}/x`)).text(), "/x false");
});

both("a client that does not trust the certificate gets UNAVAILABLE, the server goes on", async (context) => {
  const { port } = await serve(context, { [path]: echo }, { tls: plain() });
  const stranger = createGrpcClient(`https://127.0.0.1:${port}`);
  context.after(() => stranger.close());
  await assert.rejects(stranger.request(path, new Uint8Array(1)), { code: 14 });
  await dial(context, port).request(path, new Uint8Array(1));
  await dial(context, port, { serverName: "localhost" }).request(path, new Uint8Array(1));
  const elsewhere = dial(context, port, { serverName: "else.where" });
  await assert.rejects(elsewhere.request(path, new Uint8Array(1)), { code: 14 });
  const careless = createGrpcClient(`https://127.0.0.1:${port}`, { tls: { insecureSkipVerify: true } });
  context.after(() => careless.close());
  await careless.request(path, new Uint8Array(1));
});

both(
  "mutual: the verified name is in the call; nobody else comes in, and the log says why",
  async (context) => {
    const refused: string[] = [];
    const onEvent = (event: ServerEvent): void => {
      if (event.kind === "connection-refused") {
        refused.push(event.reason);
      }
    };
    const { port } = await serve(context, { [path]: nameOf }, { tls: mutual(), onEvent });
    const asAlice = dial(context, port, { certificate: alice.certificate, key: alice.key });
    assert.equal(Buffer.from(await asAlice.request(path, new Uint8Array(0))).toString(), "alice");
    await assert.rejects(dial(context, port).request(path, new Uint8Array(0)), { code: 14 });
    const other = new TestAuthority("Other");
    for (const stranger of [
      other.issue({ commonName: "alice" }),
      authority.issue({ commonName: "alice", fromMs: -7_200_000, untilMs: -3_600_000 }),
      authority.issue({ commonName: "alice", fromMs: 3_600_000, untilMs: 7_200_000 }),
    ]) {
      const client = dial(context, port, { certificate: stranger.certificate, key: stranger.key });
      await assert.rejects(client.request(path, new Uint8Array(0)), { code: 14 });
    }
    await until(() => refused.length === 4, "four refusals");
    assert.match(refused[0] ?? "", /none was sent/);
    assert.match(refused[1] ?? "", /UNABLE_TO_|SELF_SIGNED|INVALID_/);
    assert.match(refused[2] ?? "", /CERT_HAS_EXPIRED/);
    assert.match(refused[3] ?? "", /CERT_NOT_YET_VALID/);
  },
);

both("without mutual TLS a client's certificate says nothing", async (context) => {
  const { port } = await serve(context, { [path]: nameOf }, { tls: plain() });
  const client = dial(context, port, { certificate: alice.certificate, key: alice.key });
  assert.equal(Buffer.from(await client.request(path, new Uint8Array(0))).toString(), "null");
});

both(
  "other credentials take effect with the next connection; a session is not resumed past them",
  async (context) => {
    let credentials = { cert: server.certificate, key: server.key, ca: authority.certificate };
    const tls: ListenTls = { credentials: () => credentials, clientCertificates: "identity" };
    const { port } = await serve(context, { [path]: nameOf }, { tls });
    const shown = { certificate: alice.certificate, key: alice.key };
    const old = dial(context, port, shown);
    await old.request(path, new Uint8Array(0));
    const resumed = await new Promise<boolean>((resolve, reject) => {
      const first = connectTls(
        { port, host: "127.0.0.1", ca: authority.certificate, cert: alice.certificate, key: alice.key },
        () => {
          const session = first.getSession();
          const second = connectTls(
            {
              port,
              host: "127.0.0.1",
              ca: authority.certificate,
              cert: alice.certificate,
              key: alice.key,
              session,
            },
            () => {
              resolve(second.isSessionReused());
              first.destroy();
              second.destroy();
            },
          );
          second.on("error", reject);
        },
      );
      first.on("error", reject);
    });
    assert.equal(resumed, false);
    const next = new TestAuthority("Next");
    const renewed = next.issue();
    credentials = { cert: renewed.certificate, key: renewed.key, ca: next.certificate };
    await old.request(path, new Uint8Array(0));
    await assert.rejects(dial(context, port, shown).request(path, new Uint8Array(0)), { code: 14 });
    const bob = next.issue({ commonName: "bob" });
    const client = dial(context, port, {
      certificateAuthority: next.certificate,
      certificate: bob.certificate,
      key: bob.key,
    });
    assert.equal(Buffer.from(await client.request(path, new Uint8Array(0))).toString(), "bob");
  },
);

both("what `admit` refuses does not come in", async (context) => {
  let refusal: string | null = "revoked";
  const refused: string[] = [];
  const { port } = await serve(
    context,
    { [path]: echo },
    {
      tls: { ...mutual(), admit: () => refusal },
      onEvent: (event) => event.kind === "connection-refused" && refused.push(event.reason),
    },
  );
  const shown = { certificate: alice.certificate, key: alice.key };
  await assert.rejects(dial(context, port, shown).request(path, new Uint8Array(0)), { code: 14 });
  assert.deepEqual(refused, ["revoked"]);
  refusal = null;
  await dial(context, port, shown).request(path, new Uint8Array(0));
});

both("plaintext, garbage and half a handshake on a TLS port end that connection alone", async (context) => {
  const { port, server: running } = await serve(
    context,
    { [path]: echo },
    { tls: plain(), limits: { handshakeMs: 100 } },
  );
  const text = (await exchange(port, ["GET / HTTP/1.1\r\nhost: x\r\n\r\n"])).toString();
  assert.match(text, /^HTTP\/1\.0 400 Bad Request\r\n[\s\S]*HTTPS server/);
  await exchange(port, ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]);
  await exchange(port, []);
  await exchange(port, [Buffer.from([22, 3, 1])]);
  const alert = await exchange(port, [Buffer.concat([Buffer.from([22, 3, 1, 1, 0]), Buffer.alloc(256, 7)])]);
  assert.ok(alert.length === 0 || alert[0] === 21, "nothing, or an alert");
  await until(() => running.stats().connectionCount === 0, "the connections to be gone");
  await dial(context, port).request(path, new Uint8Array(0));
});

both("TLS to a port in clear ends that connection alone", async (context) => {
  const { port, server: running } = await serve(context, { [path]: echo });
  await assert.rejects(dial(context, port).request(path, new Uint8Array(0)), { code: 14 });
  await until(() => running.stats().connectionCount === 0, "the connection to be gone");
});

both("many that begin a handshake and do not go on do not keep others out", async (context) => {
  const { port, server: running } = await serve(
    context,
    { [path]: echo },
    { tls: plain(), limits: { handshakesMax: 4 } },
  );
  const flood: Socket[] = [];
  context.after(() => {
    for (const socket of flood) {
      socket.destroy();
    }
  });
  for (let i = 0; i < 6; i++) {
    const socket = connect(port, "127.0.0.1", () => socket.write(Buffer.from([22, 3, 1, 1, 0, 1])));
    socket.on("error", () => {});
    flood.push(socket);
  }
  await until(() => running.stats().connectionCount === 6, "the flood to have come");
  await dial(context, port).request(path, new Uint8Array(0), { timeoutMs: 30_000 });
  for (const socket of flood) {
    socket.destroy();
  }
  await until(() => running.stats().connectionCount === 1, "the flood to be gone");
});

both("credentials that do not fit together are refused when the server begins to listen", async (context) => {
  const bad: ListenTls = {
    credentials: () => ({ cert: server.certificate, key: alice.key }),
    clientCertificates: "none",
  };
  await assert.rejects(serve(context, { [path]: echo }, { tls: bad }), /key values mismatch/);
});
