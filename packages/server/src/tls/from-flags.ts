/** What clients' and peers' TLS have in common. */
import type { ServerConfig } from "../config/server-config.ts";
import type { Logger } from "../logging/logger.ts";
import { opensslCiphers } from "./cipher-suites.ts";
import type { NamedFile, TlsPolicy } from "./credentials.ts";
import type { RenewalListener } from "./renewed-tls.ts";

/** The file of a flag; null when none was given. */
export function namedFile(flag: string, path: string): NamedFile | null {
  return path === "" ? null : { flag, path };
}

/** Versions and ciphers. */
export function policyOf(config: ServerConfig): TlsPolicy {
  const ciphers = opensslCiphers(config.cipherSuites);
  return {
    minVersion: config.tlsMinVersion === "TLS1.3" ? "TLSv1.3" : "TLSv1.2",
    ...(config.tlsMaxVersion === "TLS1.2" ? { maxVersion: "TLSv1.2" } : {}),
    ...(ciphers === undefined ? {} : { ciphers }),
  };
}

/** Tells of renewals in the log. */
export function renewalLog(logger: Logger): RenewalListener {
  return {
    renewed: (paths) => logger.info("certificates were read again", { paths }),
    failed: (problem) =>
      logger.error("changed certificates are not good: those before stay in force", { error: problem }),
  };
}
