/**
 * TLS between members, from the flags. That an authority vouches for a certificate is not enough to speak for a member: it must name
 * the host of that member's peer URL.
 */
import type { X509Certificate } from "node:crypto";
import { type ConnectionOptions, checkServerIdentity, type TLSSocket, type TlsOptions } from "node:tls";
import type { PeerTls } from "@quorate/raft-node";
import type { ServerConfig } from "../config/server-config.ts";
import { parseServerUrl } from "../config/server-url.ts";
import type { Logger } from "../logging/logger.ts";
import { admissionProblem, namesHost } from "./client-names.ts";
import type { LoadedTls, TlsFiles } from "./credentials.ts";
import { namedFile, policyOf, renewalLog } from "./from-flags.ts";
import { RenewedTls } from "./renewed-tls.ts";
import { selfSignedFiles } from "./self-signed.ts";

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
      client: (peer) => (this.#isSecure(peer) ? this.#dialOptions() : null),
      dial: () => this.#dialOptions(),
      admit: (socket) => this.#admit(socket),
      judge: (peer, socket) => this.#judge(peer, socket),
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
    const checks = this.#selfSigned
      ? { rejectUnauthorized: false }
      : { rejectUnauthorized: true, checkServerIdentity };
    return { ...credentials, ...checks };
  }

  #isSecure(peer: number): boolean {
    const [first = ""] = this.#peerUrlsOf(peer);
    const parsed = parseServerUrl(first);
    return "value" in parsed ? parsed.value.scheme === "https" : true;
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

  #judge(peer: number, socket: TLSSocket): string | null {
    if (!this.#demandsCertificate || this.#config.peerSkipClientSanVerification) {
      return null;
    }
    const certificate = socket.getPeerX509Certificate();
    const hosts = this.#peerUrlsOf(peer).flatMap((text) => {
      const parsed = parseServerUrl(text);
      return "value" in parsed ? [parsed.value.host] : [];
    });
    return certificate !== undefined && isNamed(certificate, hosts)
      ? null
      : `the certificate does not name member ${peer.toString(16)}, which is reached at ${hosts.join(", ")}`;
  }
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
