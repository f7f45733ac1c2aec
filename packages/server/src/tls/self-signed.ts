/** ETCD: certificates for trials, which the server makes for itself with --auto-tls: they encrypt, and prove nothing. */

import { X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fixturesFolder } from "../identity/data-directory.ts";
import { createKey, issueCertificate } from "./certificate.ts";
import type { NamedFile } from "./credentials.ts";

const yearMs = 365 * 24 * 3_600_000;

/** What a certificate is to be made of. */
interface SelfSignedOptions {
  readonly dataDir: string;
  readonly purpose: "client" | "peer";
  readonly hosts: readonly string[];
  readonly validityYears: number;
  /** Which flag asked for it, for messages. */
  readonly flag: string;
}

/** The files of the certificate; made unless they are there and good for another day. @throws the system's error. */
export function selfSignedFiles(options: SelfSignedOptions): {
  readonly certificate: NamedFile;
  readonly key: NamedFile;
} {
  const { dataDir, flag, purpose } = options;
  const folder = join(dataDir, fixturesFolder, purpose);
  const certificate = { flag, path: join(folder, "cert.pem") };
  const key = { flag, path: join(folder, "key.pem") };
  if (!isUsable(certificate.path, key.path)) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const issued = issueCertificate(
      {
        organization: "quorate",
        hosts: [...new Set(options.hosts)],
        authority: false,
        notBeforeMs: Date.now() - 60_000,
        notAfterMs: Date.now() + options.validityYears * yearMs,
      },
      createKey(),
    );
    writeWhole(key.path, issued.key);
    writeWhole(certificate.path, issued.certificate);
  }
  return { certificate, key };
}

function isUsable(certificatePath: string, keyPath: string): boolean {
  if (!existsSync(certificatePath) || !existsSync(keyPath)) {
    return false;
  }
  const { validToDate } = new X509Certificate(readFileSync(certificatePath));
  return validToDate.getTime() > Date.now() + 24 * 3_600_000;
}

/** A crash leaves the old file or the new one. Nothing durable rests on it: a lost one is made anew. */
function writeWhole(path: string, text: string): void {
  writeFileSync(`${path}.tmp`, text, { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
}
