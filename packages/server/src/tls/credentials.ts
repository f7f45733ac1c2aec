/**
 * Certificates, keys, authorities and revocation lists, read from files and checked before anything rests on them. What is wrong is one
 * line that names the flag and the file; never a word of a key.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { TlsCredentials } from "@quorate/grpc";
import { readRevokedSerials } from "./revocation-list.ts";

/** A file, and the flag that named it. */
export interface NamedFile {
  readonly flag: string;
  readonly path: string;
}

/** The files of one kind of connection. */
export interface TlsFiles {
  readonly certificate: NamedFile;
  readonly key: NamedFile;
  /** Who vouches for the other side; null: the system's authorities. */
  readonly authorities: NamedFile | null;
  readonly revoked: NamedFile | null;
}

/** What the flags say about versions and ciphers. */
export type TlsPolicy = Pick<TlsCredentials, "ciphers" | "maxVersion" | "minVersion">;

/** The files' contents, found to be good. */
export interface LoadedTls {
  readonly credentials: TlsCredentials;
  /** Serial numbers, as `normalSerial` has them. */
  readonly revoked: ReadonlySet<string>;
}

/** A file cannot be used; the message is one line. */
export class TlsFileError extends Error {
  override readonly name = "TlsFileError";

  constructor(file: NamedFile, problem: string, options?: ErrorOptions) {
    super(`${file.flag} ${file.path}: ${problem}`, options);
  }
}

/** Reads and checks. @throws {@link TlsFileError} for the first file that is not good. */
export function loadTls(files: TlsFiles, policy: TlsPolicy, nowMs: number): LoadedTls {
  const cert = read(files.certificate);
  const key = read(files.key);
  checkCertificate(files.certificate, cert, nowMs);
  checkKey(files, cert, key);
  const ca = files.authorities === null ? null : readAuthorities(files.authorities);
  const credentials = { ...policy, cert, key, ...(ca === null ? {} : { ca }) };
  checkContext(files.certificate, credentials);
  return {
    credentials,
    revoked: files.revoked === null ? new Set() : readRevoked(files.revoked),
  };
}

function read(file: NamedFile): Buffer {
  try {
    return readFileSync(file.path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const problem =
      code === "ENOENT"
        ? "there is no such file"
        : code === "EACCES"
          ? "this user may not read it"
          : `cannot be read (${String(code)})`;
    throw new TlsFileError(file, problem, { cause: error });
  }
}

function checkCertificate(file: NamedFile, cert: Buffer, nowMs: number): void {
  const { validFromDate, validToDate } = parseCertificate(file, cert);
  if (nowMs >= validToDate.getTime()) {
    throw new TlsFileError(file, `the certificate expired at ${validToDate.toISOString()}`);
  }
  if (nowMs < validFromDate.getTime()) {
    throw new TlsFileError(file, `the certificate is not valid before ${validFromDate.toISOString()}`);
  }
}

function parseCertificate(file: NamedFile, cert: Buffer): X509Certificate {
  try {
    return new X509Certificate(cert);
  } catch (error) {
    throw new TlsFileError(file, "holds no certificate in PEM form", { cause: error });
  }
}

function checkKey(files: TlsFiles, cert: Buffer, key: Buffer): void {
  let parsed: KeyObject;
  try {
    parsed = createPrivateKey(key);
  } catch (error) {
    throw new TlsFileError(files.key, "holds no private key in PEM form that opens without a password", {
      cause: error,
    });
  }
  if (!parseCertificate(files.certificate, cert).checkPrivateKey(parsed)) {
    const { flag, path } = files.certificate;
    throw new TlsFileError(files.key, `is not the key of the certificate in ${flag} ${path}`);
  }
}

/** What passed for itself may be too weak for OpenSSL, or not go with the ciphers. */
function checkContext(file: NamedFile, credentials: TlsCredentials): void {
  try {
    process.getBuiltinModule("node:tls").createSecureContext(credentials);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new TlsFileError(file, `OpenSSL does not take it (${why})`, { cause: error });
  }
}

function readAuthorities(file: NamedFile): Buffer {
  const bytes = read(file);
  const blocks = bytes
    .toString("latin1")
    .match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g);
  if (blocks === null) {
    throw new TlsFileError(file, "holds no certificate in PEM form");
  }
  for (const block of blocks) {
    parseCertificate(file, Buffer.from(block, "latin1"));
  }
  return bytes;
}

function readRevoked(file: NamedFile): ReadonlySet<string> {
  try {
    return readRevokedSerials(read(file));
  } catch (error) {
    if (error instanceof TlsFileError) {
      throw error;
    }
    const why = error instanceof Error ? error.message : String(error);
    throw new TlsFileError(file, `holds no certificate revocation list (${why})`, { cause: error });
  }
}
