/** Certificates as this program issues them, seen by Node's and OpenSSL's eyes; DER that is cut or lies about its length. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { TestAuthority } from "quorate/testing";
import { createKey, issueCertificate } from "../../src/tls/certificate.ts";
import { der, integer, objectId, readDer, time } from "../../src/tls/der.ts";
import { selfSignedFiles } from "../../src/tls/self-signed.ts";

test("what a certificate says is what it was issued for", () => {
  const authority = new TestAuthority("An authority");
  const hosts = ["a.example", "*.b.example", "10.1.2.3", "::1", "2001:db8::5", "::ffff:1.2.3.4"];
  const { certificate, key, serial } = authority.issue({ commonName: "älice", hosts });
  const parsed = new X509Certificate(certificate);
  const issuer = new X509Certificate(authority.certificate);
  assert.equal(parsed.subject, "O=Test\nCN=älice");
  assert.equal(parsed.issuer, "O=An authority");
  assert.ok(parsed.checkIssued(issuer) && parsed.verify(issuer.publicKey));
  assert.ok(issuer.ca && !parsed.ca);
  assert.equal(parsed.checkHost("a.example", { subject: "never" }), "a.example");
  assert.equal(parsed.checkHost("x.b.example", { subject: "never" }), "*.b.example");
  assert.equal(parsed.checkHost("c.example", { subject: "never" }), undefined);
  for (const ip of ["10.1.2.3", "::1", "2001:db8::5", "::ffff:1.2.3.4"]) {
    assert.notEqual(parsed.checkIP(ip), undefined, ip);
  }
  assert.equal(parsed.checkIP("10.1.2.4"), undefined);
  assert.equal(BigInt(`0x${parsed.serialNumber}`), BigInt(`0x${Buffer.from(serial).toString("hex")}`));
  assert.match(key, /^-----BEGIN PRIVATE KEY-----/);
});

test("times before and after 2050, RFC 5280 §4.1.2.5", () => {
  assert.equal(
    time(Date.UTC(2049, 11, 31, 23, 59, 59))
      .toString("latin1")
      .slice(2),
    "491231235959Z",
  );
  assert.equal(
    time(Date.UTC(2050, 0, 1))
      .toString("latin1")
      .slice(2),
    "20500101000000Z",
  );
  const notAfterMs = Date.UTC(2090, 5, 1);
  const contents = { organization: "x", hosts: [], authority: true, notBeforeMs: 0, notAfterMs };
  const { certificate } = issueCertificate(contents, createKey());
  assert.equal(new X509Certificate(certificate).validToDate.getTime(), notAfterMs);
});

test("DER: known forms, and lengths that lie", () => {
  assert.equal(objectId("1.2.840.10045.4.3.2").toString("hex"), "06082a8648ce3d040302");
  assert.equal(integer(Uint8Array.of(0, 0, 0x80)).toString("hex"), "02020080");
  assert.equal(integer(Uint8Array.of(0)).toString("hex"), "020100");
  for (const length of [0, 127, 128, 255, 256, 65_536]) {
    const [value] = readDer(der(4, Buffer.alloc(length, 7)));
    assert.equal(value?.content.length, length);
  }
  for (const bad of ["30", "3001", "3080", "308101", "3085ffffffffff", "30847fffffff", "0402ff"]) {
    assert.throws(() => readDer(Buffer.from(bad, "hex")), { name: "DerError" }, bad);
  }
});

test("--auto-tls makes its certificate once, for its owner's eyes, and anew when it has become old", (context) => {
  const dataDir = mkdtempSync(join(tmpdir(), "quorate-self-signed-"));
  context.after(() => rmSync(dataDir, { recursive: true, force: true }));
  const make = (validityYears: number): ReturnType<typeof selfSignedFiles> =>
    selfSignedFiles({
      dataDir,
      purpose: "client",
      hosts: ["127.0.0.1", "localhost"],
      validityYears,
      flag: "--auto-tls",
    });
  const { certificate, key } = make(1);
  assert.equal(certificate.path, join(dataDir, "fixtures/client/cert.pem"));
  assert.equal(statSync(key.path).mode & 0o777, 0o600);
  const first = readFileSync(certificate.path, "utf8");
  const parsed = new X509Certificate(first);
  assert.ok(parsed.checkIP("127.0.0.1") !== undefined && parsed.checkHost("localhost") !== undefined);
  const days = (parsed.validToDate.getTime() - Date.now()) / 86_400_000;
  assert.ok(days > 364 && days < 366);
  make(1);
  assert.equal(readFileSync(certificate.path, "utf8"), first, "kept");
  rmSync(key.path);
  make(2);
  assert.notEqual(readFileSync(certificate.path, "utf8"), first, "a lost key makes both anew");
});
