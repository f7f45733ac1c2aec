/** TLS for clients and between members. */
import { unknownCipherSuite } from "../../tls/cipher-suites.ts";
import type { Flag, FlagRows } from "../flag-row.ts";
import {
  booleanKind,
  choiceKind,
  integerKind,
  optionalListKind,
  textKind,
  type ValueKind,
} from "../value-kind.ts";

/** The settings of this group. */
export interface SecurityValues {
  readonly certFile: string;
  readonly keyFile: string;
  readonly trustedCaFile: string;
  readonly clientCertAuth: boolean;
  readonly clientCrlFile: string;
  readonly clientCertAllowedHostname: readonly string[];
  readonly autoTls: boolean;
  readonly peerCertFile: string;
  readonly peerKeyFile: string;
  readonly peerTrustedCaFile: string;
  readonly peerClientCertAuth: boolean;
  readonly peerClientCertFile: string;
  readonly peerClientKeyFile: string;
  readonly peerCrlFile: string;
  readonly peerCertAllowedCn: readonly string[];
  readonly peerCertAllowedHostname: readonly string[];
  readonly peerSkipClientSanVerification: boolean;
  readonly peerAutoTls: boolean;
  readonly selfSignedCertValidityYears: number;
  readonly cipherSuites: readonly string[];
  readonly tlsMinVersion: TlsVersion;
  /** Empty: the highest there is. */
  readonly tlsMaxVersion: TlsVersion | "";
}

/** ETCD: the words of its flags. */
type TlsVersion = "TLS1.2" | "TLS1.3";

const cipherSuitesKind: ValueKind<readonly string[]> = {
  ...optionalListKind,
  parse(text) {
    const parsed = optionalListKind.parse(text);
    const unknown = "value" in parsed ? unknownCipherSuite(parsed.value) : null;
    return unknown === null ? parsed : { problem: `there is no cipher suite "${unknown}"` };
  },
};

const renewed = "Read again when it changes, without a restart.";

/** A row for a file; empty means none. */
function fileFlag(name: string, help: string): Flag<string> {
  return {
    name,
    group: "Security",
    kind: textKind,
    defaultValue: "",
    etcdDefault: "",
    isEtcds: true,
    help: `${help} ${renewed}`,
  };
}

/** A row for yes or no. */
function switchFlag(name: string, defaultValue: boolean, help: string, differs?: string): Flag<boolean> {
  return {
    name,
    group: "Security",
    kind: booleanKind,
    defaultValue,
    etcdDefault: String(defaultValue),
    isEtcds: true,
    help,
    ...(differs === undefined ? {} : { differs }),
  };
}

/** A row for words divided by commas. */
function listFlag(name: string, defaultValue: readonly string[], help: string): Flag<readonly string[]> {
  return {
    name,
    group: "Security",
    kind: optionalListKind,
    defaultValue,
    etcdDefault: defaultValue.join(","),
    isEtcds: true,
    help,
  };
}

/** Its rows. */
export const securityFlags: FlagRows<SecurityValues> = {
  certFile: fileFlag(
    "cert-file",
    "Certificate shown to clients, with those between it and its authority, as PEM.",
  ),
  keyFile: fileFlag("key-file", "The private key of --cert-file, as PEM."),
  trustedCaFile: fileFlag(
    "trusted-ca-file",
    "Authorities that vouch for clients, as PEM. Clients then need a certificate.",
  ),
  clientCertAuth: switchFlag(
    "client-cert-auth",
    false,
    "Clients need a certificate for which --trusted-ca-file vouches; its common name is their user name.",
    "it needs --trusted-ca-file: the system's authorities vouch for too many",
  ),
  clientCrlFile: fileFlag("client-crl-file", "Revoked certificates of clients, as DER or PEM."),
  clientCertAllowedHostname: listFlag(
    "client-cert-allowed-hostname",
    [],
    "Host names of which a client's certificate must have one. Empty: any.",
  ),
  autoTls: switchFlag(
    "auto-tls",
    false,
    "For trials: makes a certificate for clients' connections by itself, below the data directory. It encrypts, and proves nothing.",
  ),
  peerCertFile: fileFlag("peer-cert-file", "Certificate shown to the other members, as PEM."),
  peerKeyFile: fileFlag("peer-key-file", "The private key of --peer-cert-file, as PEM."),
  peerTrustedCaFile: fileFlag(
    "peer-trusted-ca-file",
    "Authorities that vouch for members, as PEM. Members then need a certificate.",
  ),
  peerClientCertAuth: switchFlag(
    "peer-client-cert-auth",
    false,
    "Members that connect need a certificate for which --peer-trusted-ca-file vouches, and which names the host of their peer URL.",
    "it needs --peer-trusted-ca-file; the certificate must name the member that it is used for",
  ),
  peerClientCertFile: fileFlag(
    "peer-client-cert-file",
    "Certificate for connecting to other members. Empty: --peer-cert-file.",
  ),
  peerClientKeyFile: fileFlag("peer-client-key-file", "The private key of --peer-client-cert-file, as PEM."),
  peerCrlFile: fileFlag("peer-crl-file", "Revoked certificates of members, as DER or PEM."),
  peerCertAllowedCn: listFlag(
    "peer-cert-allowed-cn",
    [],
    "Common names of which a member's certificate must have one. Empty: any.",
  ),
  peerCertAllowedHostname: listFlag(
    "peer-cert-allowed-hostname",
    [],
    "Host names of which a member's certificate must have one. Empty: any.",
  ),
  peerSkipClientSanVerification: switchFlag(
    "peer-skip-client-san-verification",
    false,
    "Takes a member's certificate even when it does not name the host of the member's peer URL.",
  ),
  peerAutoTls: switchFlag(
    "peer-auto-tls",
    false,
    "For trials: makes a certificate for connections between members by itself. It encrypts, and proves nothing.",
  ),
  selfSignedCertValidityYears: {
    name: "self-signed-cert-validity",
    group: "Security",
    kind: integerKind("years", 1, 100),
    defaultValue: 1,
    etcdDefault: "1",
    isEtcds: true,
    help: "For how long certificates of --auto-tls and --peer-auto-tls are good.",
  },
  cipherSuites: {
    name: "cipher-suites",
    group: "Security",
    kind: cipherSuitesKind,
    defaultValue: [],
    etcdDefault: "",
    isEtcds: true,
    differs: "without RC4 and 3DES",
    help: "Cipher suites for TLS 1.2, by their IANA names, divided by commas. Empty: all that are safe.",
  },
  tlsMinVersion: {
    name: "tls-min-version",
    group: "Security",
    kind: choiceKind<TlsVersion>(["TLS1.2", "TLS1.3"]),
    defaultValue: "TLS1.2",
    etcdDefault: "TLS1.2",
    isEtcds: true,
    help: "The oldest version of TLS that is spoken.",
  },
  tlsMaxVersion: {
    name: "tls-max-version",
    group: "Security",
    kind: choiceKind<TlsVersion | "">(["", "TLS1.2", "TLS1.3"]),
    defaultValue: "",
    etcdDefault: "",
    isEtcds: true,
    help: "The newest version of TLS that is spoken. Empty: the newest there is.",
  },
};
