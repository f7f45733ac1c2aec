/** Which port answers what: gRPC and HTTP together, apart, and the operators' pages; slow calls are noted. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { get } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createGrpcClient, type Method } from "@quorate/grpc";
import { freePorts } from "@quorate/raft-node/testing";
import { resolveConfig } from "../../src/config/resolve.ts";
import { textAnswer } from "../../src/http/http-answer.ts";
import type { Logger } from "../../src/logging/logger.ts";
import { createMetrics } from "../../src/metrics/metrics.ts";
import { type ClientPorts, createClientPorts } from "../../src/process/client-ports.ts";
import { eventually } from "../../src/testing/index.ts";

const path = "/etcdserverpb.KV/Put";
const echo: Method = {
  kind: "unary",
  handle: (request, call) => setTimeout(() => call.respond(request), 20),
};

interface Served {
  readonly ports: ClientPorts;
  readonly warnings: [string, unknown][];
}

function served(argv: readonly string[]): Served {
  const warnings: [string, unknown][] = [];
  const ignore = (): void => {};
  const logger: Logger = {
    debug: ignore,
    info: ignore,
    warn: (message, fields) => void warnings.push([message, fields]),
    error: ignore,
    fatal: ignore,
  };
  const ports = createClientPorts({
    config: resolveConfig({ argv, environment: {} }).config,
    methods: new Map([[path, echo]]),
    router: ({ path: page }, completed) => completed(textAnswer(200, `page ${page}\n`)),
    tls: null,
    certificatesAreIdentities: () => false,
    metrics: createMetrics("3.7.0"),
    logger,
    fatal: (error) => {
      throw error;
    },
  });
  return { ports, warnings };
}

async function statusOf(url: string): Promise<number> {
  return (await fetch(url)).status;
}

async function callTo(url: string): Promise<number> {
  const client = createGrpcClient(url);
  try {
    return (await client.request(path, new Uint8Array([7]), { timeoutMs: 60_000 }))[0] ?? -1;
  } finally {
    client.close();
  }
}

for (const by of ["--grpc-implementation=own", "--grpc-implementation=node"]) {
  test(`${by}: with nothing else said, one port answers all; a call over the limit is noted`, async () => {
    const [port] = await freePorts(1);
    const url = `http://127.0.0.1:${port}`;
    const { ports, warnings } = served([
      by,
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
      "--warning-unary-request-duration=1ms",
    ]);
    await ports.listen();
    try {
      assert.equal(await callTo(url), 7);
      assert.equal(await statusOf(`${url}/version`), 200);
      await eventually("the note", 60_000, () => (warnings.length > 0 ? true : undefined));
      const [[message, fields] = []] = warnings;
      assert.equal(message, "request stats");
      assert.equal((fields as Record<string, unknown>)["response type"], path);
    } finally {
      await ports.close(0);
    }
  });

  test(`${by}: HTTP apart from gRPC, and the operators' pages on a third port`, async () => {
    const [a, b, c] = await freePorts(3);
    const [grpc, http, pages] = [`http://127.0.0.1:${a}`, `http://127.0.0.1:${b}`, `http://127.0.0.1:${c}`];
    const { ports, warnings } = served([
      by,
      `--listen-client-urls=${grpc}`,
      `--advertise-client-urls=${grpc}`,
      `--listen-client-http-urls=${http}`,
      `--listen-metrics-urls=${pages}`,
      "--warning-unary-request-duration=1h",
    ]);
    await ports.listen();
    try {
      assert.equal(await callTo(grpc), 7);
      assert.equal(await statusOf(`${grpc}/health`), 404);
      assert.equal(await statusOf(`${http}/version`), 200);
      await assert.rejects(callTo(http), /is not implemented|unknown|12/i);
      for (const page of ["/metrics", "/health", "/livez", "/readyz/serializable_read"]) {
        assert.equal(await statusOf(pages + page), 200, page);
      }
      assert.equal(await statusOf(`${pages}/version`), 404);
      assert.deepEqual(warnings, []);
    } finally {
      await ports.close(0);
    }
  });

  test(`${by}: a unix socket beside a port: the same methods and pages; a file that is in the way is named`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "quorate-ports-"));
    const file = join(folder, "localhost:2379");
    const { ports } = served([
      by,
      `--listen-client-urls=unix://${file}`,
      `--advertise-client-urls=unix://${file}`,
    ]);
    const late = served([
      by,
      `--listen-client-urls=unix:${file}`,
      `--advertise-client-urls=http://127.0.0.1:1`,
    ]);
    await ports.listen();
    try {
      assert.equal(await callTo(`unix://${file}`), 7);
      const page = await new Promise<number | undefined>((resolve, reject) => {
        get({ socketPath: file, path: "/version" }, ({ statusCode }) => resolve(statusCode)).on(
          "error",
          reject,
        );
      });
      assert.equal(page, 200);
      await assert.rejects(late.ports.listen(), /--listen-client-urls unix:.*: something else has that file/);
    } finally {
      await ports.close(0);
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

test("one address in use: the flag is named, and nothing listens any more", async () => {
  const [a, b] = await freePorts(2);
  const taken = `http://127.0.0.1:${b}`;
  const first = served([`--listen-client-urls=${taken}`, `--advertise-client-urls=${taken}`]);
  await first.ports.listen();
  const free = `http://127.0.0.1:${a}`;
  const { ports } = served([
    `--listen-client-urls=${free}`,
    `--advertise-client-urls=${free}`,
    `--listen-metrics-urls=${taken}`,
  ]);
  try {
    await assert.rejects(ports.listen(), /--listen-metrics-urls .*: the port is in use/);
    await assert.rejects(
      new Promise((resolve, reject) => {
        connect(a ?? 0, "127.0.0.1")
          .on("connect", resolve)
          .on("error", reject);
      }),
      /ECONNREFUSED/,
    );
  } finally {
    await first.ports.close(0);
  }
});

test("--socket-reuse-port: two servers at one address", async () => {
  const [port] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const argv = [`--listen-client-urls=${url}`, `--advertise-client-urls=${url}`, "--socket-reuse-port"];
  const [one, two] = [served(argv), served(argv)];
  try {
    await one.ports.listen();
    await two.ports.listen();
    assert.equal(await callTo(url), 7);
  } finally {
    await Promise.all([one.ports.close(0), two.ports.close(0)]);
  }
});

/** The first frame of a server to a client of HTTP/2, in hexadecimal. */
function greeting(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    socket.on("error", reject);
    socket.once("data", (bytes: Buffer) => {
      socket.destroy();
      resolve(bytes.subarray(0, 9 + bytes.readUIntBE(0, 3)).toString("hex"));
    });
  });
}

test("--grpc-implementation: it is another that greets", async () => {
  const greetings: string[] = [];
  for (const by of ["own", "node"]) {
    const [port = 0] = await freePorts(1);
    const url = `http://127.0.0.1:${port}`;
    const { ports } = served([
      `--grpc-implementation=${by}`,
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
    ]);
    await ports.listen();
    try {
      greetings.push(await greeting(port));
    } finally {
      await ports.close(0);
    }
  }
  const [own, node] = greetings;
  assert.match(own ?? "", /^......0400/, "a SETTINGS frame");
  assert.match(node ?? "", /^......0400/, "a SETTINGS frame");
  assert.notEqual(own, node);
});
