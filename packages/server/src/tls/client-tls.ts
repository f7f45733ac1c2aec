/** TLS on the ports of clients, from the flags. */
import type { ListenTls } from "@quorate/grpc";
import type { ServerConfig } from "../config/server-config.ts";
import type { Logger } from "../logging/logger.ts";
import { admissionProblem } from "./client-names.ts";
import type { TlsFiles } from "./credentials.ts";
import { namedFile, policyOf, renewalLog } from "./from-flags.ts";
import { RenewedTls } from "./renewed-tls.ts";
import { selfSignedFiles } from "./self-signed.ts";

/** Whether any client URL needs TLS. */
function isAsked(config: ServerConfig): boolean {
  return [...config.listenClientUrls, ...config.listenClientHttpUrls, ...config.listenMetricsUrls].some(
    ({ scheme }) => scheme === "https",
  );
}

/** TLS for URLs with `https`; null where there is none. @throws `TlsFileError` when a file is not good. */
export function clientTls(config: ServerConfig, logger: Logger): ListenTls | null {
  if (!isAsked(config)) {
    return null;
  }
  const renewed = new RenewedTls(clientFiles(config), policyOf(config), renewalLog(logger));
  const admission = { hostnames: config.clientCertAllowedHostname, commonNames: [] };
  return {
    credentials: () => renewed.current().credentials,
    // ETCD: naming authorities is enough to make clients show certificates; whose names they are counts only when asked for.
    clientCertificates: config.clientCertAuth
      ? "identity"
      : config.trustedCaFile !== "" && config.certFile !== ""
        ? "required"
        : "none",
    admit: (socket) => admissionProblem(socket, { ...admission, revoked: renewed.current().revoked }),
  };
}

function clientFiles(config: ServerConfig): TlsFiles {
  // ETCD: a certificate of one's own goes before --auto-tls.
  if (config.certFile === "") {
    const secure = config.listenClientUrls.filter(({ scheme }) => scheme === "https");
    const hosts = secure.map(({ host }) => host);
    const flag = "--auto-tls";
    const validityYears = config.selfSignedCertValidityYears;
    const made = selfSignedFiles({ dataDir: config.dataDir, purpose: "client", hosts, validityYears, flag });
    return { ...made, authorities: null, revoked: null };
  }
  return {
    certificate: { flag: "--cert-file", path: config.certFile },
    key: { flag: "--key-file", path: config.keyFile },
    authorities: namedFile("--trusted-ca-file", config.trustedCaFile),
    revoked: namedFile("--client-crl-file", config.clientCrlFile),
  };
}
