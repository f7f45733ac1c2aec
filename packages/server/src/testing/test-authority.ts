/** Certificates for tests, made when they run, so that none of them is ever out of date. */
import { randomBytes } from "node:crypto";
import {
  createKey,
  distinguishedName,
  type Issued,
  issueCertificate,
  pem,
  signatureAlgorithm,
  signed,
} from "../tls/certificate.ts";
import { der, integer, tag, time } from "../tls/der.ts";

/** A certificate, its key, and what revokes it. */
export interface TestCertificate extends Issued {
  readonly serial: Uint8Array;
}

/** What a certificate says; without names it is for this machine. */
export interface TestCertificateOptions {
  readonly commonName?: string;
  readonly hosts?: readonly string[];
  /** From now, in milliseconds; a minute ago without it. */
  readonly fromMs?: number;
  /** From now, in milliseconds; an hour without it. */
  readonly untilMs?: number;
}

/**
 * Issues certificates for servers and clients, and revokes them.
 *
 * @example
 * ```ts
 * import { TestAuthority } from "quorate/testing";
 * const authority = new TestAuthority("Example");
 * const { certificate, key } = authority.issue({ commonName: "alice" });
 * certificate.startsWith("-----BEGIN CERTIFICATE-----"); // true
 * key.startsWith("-----BEGIN PRIVATE KEY-----"); // true
 * ```
 */
export class TestAuthority {
  /** As PEM. */
  readonly certificate: string;
  readonly #organization: string;
  readonly #key = createKey();

  constructor(organization = "Test authority") {
    this.#organization = organization;
    const contents = { organization, hosts: [], authority: true, ...validity({}) };
    this.certificate = issueCertificate(contents, this.#key).certificate;
  }

  issue(options: TestCertificateOptions = {}): TestCertificate {
    const serial = randomBytes(16);
    const contents = {
      organization: "Test",
      commonName: options.commonName ?? "localhost",
      hosts: options.hosts ?? ["localhost", "127.0.0.1", "::1"],
      authority: false,
      serial,
      ...validity(options),
    };
    const issuer = { organization: this.#organization, key: this.#key };
    return { ...issueCertificate(contents, createKey(), issuer), serial };
  }

  /** A list of revoked certificates, as PEM. */
  revoke(...revoked: readonly TestCertificate[]): string {
    const { notBeforeMs, notAfterMs } = validity({});
    const entries = revoked.map(({ serial }) => der(tag.sequence, integer(serial), time(notBeforeMs)));
    const list = der(
      tag.sequence,
      integer(Uint8Array.of(1)), // Version 2.
      signatureAlgorithm,
      distinguishedName(this.#organization),
      time(notBeforeMs),
      time(notAfterMs),
      ...(entries.length === 0 ? [] : [der(tag.sequence, ...entries)]),
    );
    return pem("X509 CRL", signed(list, this.#key));
  }
}

function validity(options: TestCertificateOptions): { notBeforeMs: number; notAfterMs: number } {
  const nowMs = Date.now();
  return {
    notBeforeMs: nowMs + (options.fromMs ?? -60_000),
    notAfterMs: nowMs + (options.untilMs ?? 3_600_000),
  };
}
