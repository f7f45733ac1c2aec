/** Which certificates a caller may come with that no configuration names: a client's is not enough to pass for a member. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { TLSSocket } from "node:tls";
import { toNodeId } from "@quorate/raft";
import { TestAuthority, type TestCertificate } from "quorate/testing";
import { resolveConfig } from "../../src/config/resolve.ts";
import { createLogger } from "../../src/logging/logger.ts";
import { peerTls } from "../../src/tls/peer-tls.ts";

const folder = mkdtempSync(join(tmpdir(), "quorate-tls-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const members = new TestAuthority("Members");
const clients = new TestAuthority("Clients");
const own = members.issue({ commonName: "member", hosts: ["127.0.0.1"] });
const file = (name: string, content: string): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const certFile = file("cert.pem", own.certificate);
const keyFile = file("key.pem", own.key);
const memberAuthority = file("members.pem", members.certificate);
const clientAuthority = file("clients.pem", clients.certificate);
const bothAuthorities = file("both.pem", `${clients.certificate}\n${members.certificate}`);

/** Why a caller with `shown`, which no configuration names and which says that it is reached at `advertised`, is refused. */
function judged(shown: TestCertificate, advertised: string, flags: readonly string[] = []): string | null {
  const { config } = resolveConfig({
    argv: [
      "--listen-peer-urls=https://127.0.0.1:2380",
      `--peer-cert-file=${certFile}`,
      `--peer-key-file=${keyFile}`,
      `--peer-trusted-ca-file=${memberAuthority}`,
      "--peer-client-cert-auth",
      ...flags,
    ],
    environment: {},
  });
  const tls = peerTls(config, createLogger({ level: "error", format: "json", outputs: [] }), () => []);
  assert.ok(tls?.judge !== undefined);
  const socket = { getPeerX509Certificate: () => new X509Certificate(shown.certificate) };
  return tls.judge(toNodeId(9), socket as unknown as TLSSocket, advertised);
}

const stranger = members.issue({ commonName: "four", hosts: ["four.test"] });
const urls = "https://four.test:2380,https://127.0.0.4:2380";

test("a remote's certificate names a host of the peer URLs that it tells", () => {
  assert.equal(judged(stranger, urls), null);
  assert.match(
    judged(stranger, "https://five.test:2380") ?? "",
    /does not name member 9, which is reached at five\.test/,
  );
  assert.match(judged(stranger, "four.test:2380") ?? "", /does not name member 9/, "no URL");
  assert.match(judged(members.issue({ commonName: "four.test", hosts: [] }), urls) ?? "", /does not name/);
  assert.equal(judged(stranger, "https://five.test:2380", ["--peer-skip-client-san-verification"]), null);
});

test("where clients and members share an authority, a remote comes in only if a flag says which certificates are members'", () => {
  const flags = (authority: string): string[] => [
    `--cert-file=${certFile}`,
    `--key-file=${keyFile}`,
    `--trusted-ca-file=${authority}`,
  ];
  assert.equal(judged(stranger, urls, flags(clientAuthority)), null);
  for (const shared of [memberAuthority, bothAuthorities]) {
    assert.match(judged(stranger, urls, flags(shared)) ?? "", /its certificate may be a client's/);
  }
  assert.equal(judged(stranger, urls, [...flags(memberAuthority), "--peer-cert-allowed-cn=four"]), null);
  assert.equal(
    judged(stranger, urls, [...flags(memberAuthority), "--peer-cert-allowed-hostname=four.test"]),
    null,
  );
});
