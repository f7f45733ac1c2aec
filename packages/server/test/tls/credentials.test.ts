/** Files of TLS: what is wrong with them is one line that names flag and file; what is changed is read again; what is broken is not taken. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { eventually, TestAuthority } from "quorate/testing";
import { loadTls, type TlsFiles } from "../../src/tls/credentials.ts";
import { RenewedTls } from "../../src/tls/renewed-tls.ts";
import { normalSerial } from "../../src/tls/revocation-list.ts";

const authority = new TestAuthority();
const good = authority.issue();
const other = authority.issue();

interface Folder {
  readonly path: string;
  readonly files: TlsFiles;
  write(name: "cert" | "key" | "ca" | "crl", text: string): void;
}

function folder(context: TestContext): Folder {
  const path = mkdtempSync(join(tmpdir(), "quorate-credentials-"));
  context.after(() => rmSync(path, { recursive: true, force: true }));
  const write = (name: string, text: string): void => writeFileSync(join(path, name), text);
  write("cert", good.certificate);
  write("key", good.key);
  write("ca", authority.certificate);
  write("crl", authority.revoke(other));
  const file = (flag: string, name: string): { flag: string; path: string } => ({
    flag,
    path: join(path, name),
  });
  return {
    path,
    write,
    files: {
      certificate: file("--cert-file", "cert"),
      key: file("--key-file", "key"),
      authorities: file("--trusted-ca-file", "ca"),
      revoked: file("--client-crl-file", "crl"),
    },
  };
}

const garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const hourMs = 3_600_000;
const expired = authority.issue({ fromMs: -2 * hourMs, untilMs: -hourMs });
const early = authority.issue({ fromMs: hourMs, untilMs: 2 * hourMs });

const cases: readonly (readonly [string, (one: Folder) => void, RegExp])[] = [
  ["no certificate", (one) => rmSync(join(one.path, "cert")), /^--cert-file \S+cert: there is no such file$/],
  ["no key", (one) => rmSync(join(one.path, "key")), /^--key-file \S+key: there is no such file$/],
  [
    "garbage for a certificate",
    (one) => one.write("cert", garbage),
    /^--cert-file \S+cert: holds no certificate/,
  ],
  ["an empty certificate", (one) => one.write("cert", ""), /^--cert-file \S+cert: holds no certificate/],
  [
    "garbage for a key",
    (one) => one.write("key", "secret words"),
    /^--key-file \S+key: holds no private key/,
  ],
  [
    "another's key",
    (one) => one.write("key", other.key),
    /^--key-file \S+key: is not the key of the certificate in --cert-file \S+cert$/,
  ],
  [
    "garbage for an authority",
    (one) => one.write("ca", garbage),
    /^--trusted-ca-file \S+ca: holds no certificate/,
  ],
  [
    "half a bundle",
    (one) => one.write("ca", authority.certificate + garbage),
    /^--trusted-ca-file \S+ca: holds no/,
  ],
  [
    "a key for an authority",
    (one) => one.write("ca", good.key),
    /^--trusted-ca-file \S+ca: holds no certificate/,
  ],
  [
    "garbage for a list",
    (one) => one.write("crl", garbage),
    /^--client-crl-file \S+crl: holds no certificate revocation list/,
  ],
  [
    "an empty list file",
    (one) => one.write("crl", ""),
    /^--client-crl-file \S+crl: holds no certificate revocation list/,
  ],
  [
    "a certificate that expired",
    (one) => {
      one.write("cert", expired.certificate);
      one.write("key", expired.key);
    },
    /^--cert-file \S+cert: the certificate expired at \d{4}-\d\d-\d\dT/,
  ],
  [
    "a certificate of the future",
    (one) => {
      one.write("cert", early.certificate);
      one.write("key", early.key);
    },
    /^--cert-file \S+cert: the certificate is not valid before \d{4}-\d\d-\d\dT/,
  ],
];

for (const [title, spoil, message] of cases) {
  test(`${title} is told with its flag and file, and never a key`, (context) => {
    const one = folder(context);
    loadTls(one.files, {}, Date.now());
    spoil(one);
    assert.throws(
      () => loadTls(one.files, {}, Date.now()),
      (error: Error) => message.test(error.message) && !error.message.includes("secret words"),
    );
  });
}

test("what OpenSSL does not take is told before a handshake fails on it", (context) => {
  const one = folder(context);
  const usable = { ciphers: "ECDHE-RSA-AES128-GCM-SHA256", maxVersion: "TLSv1.2" } as const;
  loadTls(one.files, usable, Date.now());
  assert.throws(
    () => loadTls(one.files, { ciphers: "NO-SUCH-CIPHER", maxVersion: "TLSv1.2" }, Date.now()),
    /^TlsFileError: --cert-file \S+cert: OpenSSL does not take it/,
  );
});

test("a file that may not be read is told", (context) => {
  const one = folder(context);
  chmodSync(join(one.path, "key"), 0);
  if (process.getuid?.() !== 0) {
    assert.throws(() => loadTls(one.files, {}, Date.now()), /--key-file \S+key: this user may not read it$/);
    return;
  }
  // Root may read everything, so somebody else has to try.
  chmodSync(one.path, 0o755);
  const source = join(import.meta.dirname, "../../src/tls/credentials.ts");
  const script = `import(${JSON.stringify(source)}).then(({ loadTls }) => loadTls(${JSON.stringify(one.files)}, {}, Date.now())).catch((error) => console.log(error.message))`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--conditions=source", "-e", script], {
    uid: 65_534,
    encoding: "utf8",
  });
  if (/EACCES|ERR_MODULE_NOT_FOUND|Permission denied/.test(stderr + stdout) || stdout === "") {
    context.skip(`nobody may not run from here: ${stderr.slice(0, 200)}`);
    return;
  }
  assert.match(stdout, /--key-file \S+key: this user may not read it$/m);
});

test("revoked serial numbers are read from PEM and from DER", (context) => {
  const one = folder(context);
  const serial = normalSerial(Buffer.from(other.serial).toString("hex"));
  assert.deepEqual([...loadTls(one.files, {}, Date.now()).revoked], [serial]);
  const der = Buffer.from(authority.revoke(good, other).replaceAll(/-----.*-----|\s/g, ""), "base64");
  writeFileSync(join(one.path, "crl"), der);
  assert.equal(loadTls(one.files, {}, Date.now()).revoked.size, 2);
  for (let length = 0; length < der.length; length += 7) {
    writeFileSync(join(one.path, "crl"), der.subarray(0, length));
    assert.throws(() => loadTls(one.files, {}, Date.now()), /--client-crl-file/, `cut at ${length}`);
  }
  one.write("crl", authority.revoke());
  assert.equal(loadTls(one.files, {}, Date.now()).revoked.size, 0);
});

test("files are read again when they change; broken ones are told once, and those before stay", async (context) => {
  const one = folder(context);
  const told: string[] = [];
  const renewed = new RenewedTls(
    one.files,
    {},
    {
      renewed: () => void told.push("renewed"),
      failed: (problem) => void told.push(problem),
    },
  );
  const first = renewed.current();
  assert.equal(renewed.current(), first);
  one.write("cert", other.certificate);
  await eventually("half a change to be seen", 10_000, () => {
    renewed.current();
    return told.length > 0 ? true : undefined;
  });
  assert.match(told[0] ?? "", /--key-file \S+key: is not the key of the certificate/);
  assert.equal(renewed.current(), first, "the old ones stay in force");
  one.write("key", other.key);
  const second = await eventually("the whole change to be seen", 10_000, () => {
    const now = renewed.current();
    return now === first ? undefined : now;
  });
  assert.equal(String(second.credentials.cert), other.certificate);
  assert.deepEqual(told.slice(1), ["renewed"]);
  rmSync(join(one.path, "ca"));
  await eventually("a lost file to be seen", 10_000, () => {
    renewed.current();
    return told.length > 2 ? true : undefined;
  });
  assert.equal(renewed.current(), second);
});
