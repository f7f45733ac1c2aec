/** TLS between members: who comes in, whose certificate it must be, renewal without a restart, and what is no handshake. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import type { PeerTls } from "@quorate/raft-node";
import { TestAuthority, type TestCertificate } from "quorate/testing";
import {
  closeEndpoint,
  type Endpoint,
  freePorts,
  isConnected,
  openEndpoint,
  until,
} from "./cluster-of-transports.ts";

const authority = new TestAuthority();

function tlsOf(own: TestCertificate, trusted = authority): PeerTls {
  const both = { cert: own.certificate, key: own.key, ca: trusted.certificate };
  return { server: { ...both, requestCert: true, rejectUnauthorized: true }, client: both };
}

async function withEndpoints(
  settings: readonly PeerTls[],
  body: (endpoints: Endpoint[], ports: ReadonlyMap<number, number>) => Promise<void>,
): Promise<void> {
  const ports = await freePorts(settings.length);
  const limits = { handshakeTimeoutMs: 500, strangersMax: 3 };
  const endpoints = await Promise.all(
    settings.map((tls, i) => openEndpoint({ id: i + 1, ports, tls, limits })),
  );
  try {
    await body(endpoints, ports);
  } finally {
    await Promise.all(endpoints.map(closeEndpoint));
  }
}

const bothWays = (endpoint: Endpoint): boolean => isConnected(endpoint, "in") && isConnected(endpoint, "out");

test("members with certificates of one authority connect both ways", async () => {
  await withEndpoints([tlsOf(authority.issue()), tlsOf(authority.issue())], async (endpoints) => {
    await until("both connected", () => endpoints.every(bothWays), 60_000);
  });
});

test("a certificate of another authority gets nobody in", async () => {
  const other = new TestAuthority("Other");
  await withEndpoints([tlsOf(authority.issue()), tlsOf(other.issue())], async ([first, second]) => {
    assert.ok(first !== undefined && second !== undefined);
    await until("a failed handshake", () => first.events.some(({ type }) => type === "bad-frame"), 60_000);
    assert.ok(!isConnected(first, "in") && !isConnected(second, "out"));
  });
});

test("a certificate that is another member's is refused by name, to both sides", async () => {
  const picky: PeerTls = {
    ...tlsOf(authority.issue()),
    judge: (peer, socket) =>
      socket.getPeerX509Certificate()?.checkHost(`member-${peer}`) === undefined
        ? `the certificate does not name member ${peer}`
        : null,
  };
  const hosts = ["localhost", "127.0.0.1"];
  for (const [name, fits] of [
    ["member-2", true],
    ["member-3", false],
  ] as const) {
    await withEndpoints(
      [picky, tlsOf(authority.issue({ hosts: [...hosts, name] }))],
      async ([first, second]) => {
        assert.ok(first !== undefined && second !== undefined);
        await until(
          "in, or refused",
          () => isConnected(first, "in") || first.events.some(({ type }) => type === "refused"),
          60_000,
        );
        assert.equal(isConnected(first, "in"), fits);
        if (!fits) {
          await until("told", () => second.events.some(({ type }) => type === "refused-by"), 60_000);
          const told = second.events.find((event) => event.type === "refused-by");
          assert.match(told?.detail ?? "", /does not name member 2/);
        }
      },
    );
  }
});

test("what `admit` refuses is told with the reason", async () => {
  const closed: PeerTls = { ...tlsOf(authority.issue()), admit: () => "revoked" };
  await withEndpoints([closed, tlsOf(authority.issue())], async ([first]) => {
    assert.ok(first !== undefined);
    await until("refused", () => first.events.some(({ type }) => type === "refused"), 60_000);
    const refused = first.events.find((event) => event.type === "refused");
    assert.deepEqual([refused?.cause, refused?.detail], ["certificate", "revoked"]);
    assert.ok(!isConnected(first, "in"));
  });
});

test("renewed certificates count from the next connection on; the old connection stands", async () => {
  const next = new TestAuthority("Next");
  const set = (trusted: string, own: TestCertificate): { ca: string; cert: string; key: string } => ({
    ca: trusted,
    cert: own.certificate,
    key: own.key,
  });
  const checks = { requestCert: true, rejectUnauthorized: true };
  let present = set(authority.certificate, authority.issue());
  let server = { ...present, ...checks };
  const renewing: PeerTls = { server: () => server, client: () => present };
  await withEndpoints([renewing, renewing], async (endpoints, ports) => {
    await until("both connected", () => endpoints.every(bothWays), 60_000);
    const own = next.issue();
    assert.equal(await shakesHands(ports.get(1) ?? 0, set(next.certificate, own)), false, "not yet");
    present = set(next.certificate, next.issue());
    server = { ...present, ...checks };
    assert.equal(await shakesHands(ports.get(1) ?? 0, set(next.certificate, own)), true);
    assert.ok(endpoints.every(({ events }) => events.every(({ type }) => type !== "disconnected")));
  });
});

/** Whether both sides of a new connection take each other's certificates. */
function shakesHands(port: number, credentials: ConnectionOptions): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTls({ ...credentials, port, host: "127.0.0.1" }, () => {
      resolve(socket.authorized);
      socket.destroy();
    });
    socket.on("error", () => resolve(false));
  });
}

test("a member that is reached in clear among others with TLS", async () => {
  const tls = tlsOf(authority.issue());
  const clear: PeerTls = { server: null, client: tls.client };
  const mixed: PeerTls = { server: tls.server, client: (peer) => (peer === 2 ? null : {}) };
  await withEndpoints([mixed, clear], async (endpoints) => {
    await until("both connected", () => endpoints.every(bothWays), 60_000);
  });
});

test("connections that begin no handshake, or do not end it, are closed and do not keep members out for long", async () => {
  const tls = tlsOf(authority.issue());
  await withEndpoints([tls], async ([alone], ports) => {
    assert.ok(alone !== undefined);
    const port = ports.get(1) ?? 0;
    const ended: number[] = [];
    for (const bytes of [
      null,
      Buffer.from("GET /members HTTP/1.1\r\n\r\n"),
      Buffer.from([22, 3, 1, 1, 0, 1]),
    ]) {
      const socket = connect(port, "127.0.0.1", () => bytes !== null && socket.write(bytes));
      socket.on("error", () => {});
      socket.on("close", () => ended.push(1));
    }
    await until("all closed", () => ended.length === 3, 60_000);
  });
});
