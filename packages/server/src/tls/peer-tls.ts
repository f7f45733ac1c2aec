/**
 * TLS between members, from the flags. That an authority vouches for a certificate is not enough to speak for a member: it must name
 * the host of that member's peer URL.
 */
import type { X509Certificate } from "node:crypto";
import type { ConnectionOptions, TLSSocket, TlsOptions } from "node:tls";
import type { PeerTls } from "@quorate/raft-node";
import type { ServerConfig } from "../config/server-config.ts";
import { parseServerUrl } from "../config/server-url.ts";
import type { Logger } from "../logging/logger.ts";
import { advertisedUrls } from "../services/membership-port.ts";
import { admissionProblem, namesHost } from "./client-names.ts";
import type { LoadedTls, TlsFiles } from "./credentials.ts";
import { namedFile, policyOf, renewalLog } from "./from-flags.ts";
import { RenewedTls } from "./renewed-tls.ts";
import { selfSignedFiles } from "./self-signed.ts";
import { sharesAuthority } from "./shared-authority.ts";

/** Where members are reached, as the log tells it. */
export type PeerUrlsOf = (peer: number) => readonly string[];

/** TLS towards members, beside what the transport needs of it. */
interface ServerPeerTls extends PeerTls {
  /** For questions to members over HTTPS. */
  readonly dial: () => ConnectionOptions;
}

/** TLS for peers; null where no peer URL needs it. @throws `TlsFileError` when a file is not good. */
export function peerTls(config: ServerConfig, logger: Logger, peerUrlsOf: PeerUrlsOf): ServerPeerTls | null {
  const isServed = config.listenPeerUrls.some(({ scheme }) => scheme === "https");
  const urls = [...config.initialCluster.flatMap(({ peerUrls }) => peerUrls)];
  if (!isServed && !urls.some(({ scheme }) => scheme === "https")) {
    return null;
  }
  return new ConfiguredPeerTls(config, logger, peerUrlsOf, isServed).port;
}

class ConfiguredPeerTls {
  readonly port: ServerPeerTls;
  readonly #config: ServerConfig;
  readonly #server: RenewedTls;
  readonly #client: RenewedTls;
  readonly #peerUrlsOf: PeerUrlsOf;
  /** Nobody vouches for certificates that members made for themselves. */
  readonly #selfSigned: boolean;
  readonly #demandsCertificate: boolean;
  #served: { readonly from: LoadedTls; readonly options: TlsOptions } | null = null;

  constructor(config: ServerConfig, logger: Logger, peerUrlsOf: PeerUrlsOf, isServed: boolean) {
    const policy = policyOf(config);
    const listener = renewalLog(logger);
    this.#config = config;
    this.#peerUrlsOf = peerUrlsOf;
    this.#selfSigned = config.peerCertFile === "";
    this.#demandsCertificate = !this.#selfSigned && config.peerTrustedCaFile !== "";
    this.#server = new RenewedTls(serverFiles(config), policy, listener);
    this.#client =
      config.peerClientCertFile === "" ? this.#server : new RenewedTls(clientFiles(config), policy, listener);
    this.port = {
      server: isServed ? () => this.#serverOptions() : null,
      client: (peer, advertised) => (isSecure(this.#urlsOf(peer, advertised)) ? this.#dialOptions() : null),
      dial: () => this.#dialOptions(),
      admit: (socket) => this.#admit(socket),
      judge: (peer, socket, advertised) => this.#judge(peer, socket, advertised),
    };
  }

  #serverOptions(): TlsOptions {
    const loaded = this.#server.current();
    if (this.#served?.from !== loaded) {
      const options = {
        ...loaded.credentials,
        requestCert: this.#demandsCertificate,
        // Not by Node, which closes without a word: `admit` refuses what was not verified, and says so.
        rejectUnauthorized: false,
      };
      this.#served = { from: loaded, options };
    }
    return this.#served.options;
  }

  #dialOptions(): ConnectionOptions {
    const { credentials } = this.#client.current();
    const { checkServerIdentity } = process.getBuiltinModule("node:tls");
    const checks = this.#selfSigned
      ? { rejectUnauthorized: false }
      : { rejectUnauthorized: true, checkServerIdentity };
    return { ...credentials, ...checks };
  }

  /** Of a member by the log, of a remote by its own word. */
  #urlsOf(peer: number, advertised: string | null): readonly string[] {
    return advertised === null ? this.#peerUrlsOf(peer) : advertisedUrls(advertised);
  }

  #admit(socket: TLSSocket): string | null {
    if (!this.#demandsCertificate) {
      return null;
    }
    if (!socket.authorized) {
      return `certificate: ${String(socket.authorizationError ?? "none was sent")}`;
    }
    return admissionProblem(socket, {
      revoked: this.#server.current().revoked,
      hostnames: this.#config.peerCertAllowedHostname,
      commonNames: this.#config.peerCertAllowedCn,
    });
  }

  /** Whether the certificate of a client would pass for that of a member of which only the certificate tells. */
  get #clientsMayPass(): boolean {
    const { peerCertAllowedCn, peerCertAllowedHostname, trustedCaFile } = this.#config;
    const { ca } = this.#server.current().credentials;
    const isNarrowed = peerCertAllowedCn.length > 0 || peerCertAllowedHostname.length > 0;
    return !isNarrowed && trustedCaFile !== "" && ca !== undefined && sharesAuthority(ca, trustedCaFile);
  }

  #judge(peer: number, socket: TLSSocket, advertised: string | null): string | null {
    if (!this.#demandsCertificate || this.#config.peerSkipClientSanVerification) {
      return null;
    }
    if (advertised !== null && this.#clientsMayPass) {
      return "its certificate may be a client's: --trusted-ca-file and --peer-trusted-ca-file share an authority, and neither --peer-cert-allowed-cn nor --peer-cert-allowed-hostname says which certificates are members'";
    }
    const certificate = socket.getPeerX509Certificate();
    const hosts = this.#urlsOf(peer, advertised).flatMap((text) => {
      const parsed = parseServerUrl(text);
      return "value" in parsed ? [parsed.value.host] : [];
    });
    return certificate !== undefined && isNamed(certificate, hosts)
      ? null
      : `the certificate does not name member ${peer.toString(16)}, which is reached at ${hosts.join(", ")}`;
  }
}

/** Whether the first of the URLs, which is the one that is dialled, is one of TLS. */
function isSecure([first = ""]: readonly string[]): boolean {
  const parsed = parseServerUrl(first);
  return "value" in parsed ? parsed.value.scheme === "https" : true;
}

function isNamed(certificate: X509Certificate, hosts: readonly string[]): boolean {
  return hosts.some((host) => namesHost(certificate, host));
}

function serverFiles(config: ServerConfig): TlsFiles {
  const authorities = namedFile("--peer-trusted-ca-file", config.peerTrustedCaFile);
  const revoked = namedFile("--peer-crl-file", config.peerCrlFile);
  if (config.peerCertFile === "") {
    const hosts = config.listenPeerUrls.map(({ host }) => host);
    const flag = "--peer-auto-tls";
    const validityYears = config.selfSignedCertValidityYears;
    const made = selfSignedFiles({ dataDir: config.dataDir, purpose: "peer", hosts, validityYears, flag });
    return { ...made, authorities: null, revoked: null };
  }
  return {
    certificate: { flag: "--peer-cert-file", path: config.peerCertFile },
    key: { flag: "--peer-key-file", path: config.peerKeyFile },
    authorities,
    revoked,
  };
}

function clientFiles(config: ServerConfig): TlsFiles {
  return {
    certificate: { flag: "--peer-client-cert-file", path: config.peerClientCertFile },
    key: { flag: "--peer-client-key-file", path: config.peerClientKeyFile },
    authorities: namedFile("--peer-trusted-ca-file", config.peerTrustedCaFile),
    revoked: null,
  };
}
