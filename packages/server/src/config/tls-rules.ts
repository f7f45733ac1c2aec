/** Which flags of TLS go together. ETCD: the same rules, but that nothing is left without effect that somebody may count on. */
import type { FlagValues } from "./server-config.ts";

type Add = (setting: keyof FlagValues, problem: string) => void;

/** Adds what is missing or contradicts. */
export function checkTls(values: FlagValues, add: Add): void {
  checkPair(values, "certFile", "keyFile", add);
  checkPair(values, "peerCertFile", "peerKeyFile", add);
  checkPair(values, "peerClientCertFile", "peerClientKeyFile", add);
  checkClients(values, add);
  checkPeers(values, add);
  if (values.tlsMinVersion === "TLS1.3" && values.tlsMaxVersion === "TLS1.2") {
    add("tlsMaxVersion", "is older than --tls-min-version");
  }
  if (values.tlsMinVersion === "TLS1.3" && values.cipherSuites.length > 0) {
    add("cipherSuites", "cannot be chosen when only TLS 1.3 is spoken");
  }
}

function checkPair(
  values: FlagValues,
  certificate: "certFile" | "peerCertFile" | "peerClientCertFile",
  key: "keyFile" | "peerKeyFile" | "peerClientKeyFile",
  add: Add,
): void {
  if (values[certificate] !== "" && values[key] === "") {
    add(key, "is needed with the certificate");
  } else if (values[certificate] === "" && values[key] !== "") {
    add(certificate, "is needed with the key");
  }
}

function checkClients(values: FlagValues, add: Add): void {
  for (const setting of ["listenClientUrls", "listenClientHttpUrls", "listenMetricsUrls"] as const) {
    const secure = values[setting].find(({ scheme }) => scheme === "https");
    if (secure !== undefined && values.certFile === "" && !values.autoTls) {
      add(setting, `${secure.text} needs --cert-file and --key-file, or --auto-tls`);
    }
  }
  const isVerified = values.certFile !== "" && values.trustedCaFile !== "";
  for (const [setting, isGiven] of [
    ["clientCertAuth", values.clientCertAuth],
    ["clientCrlFile", values.clientCrlFile !== ""],
    ["clientCertAllowedHostname", values.clientCertAllowedHostname.length > 0],
  ] as const) {
    if (isGiven && !isVerified) {
      add(
        setting,
        "needs --cert-file and --trusted-ca-file, by which the certificates of clients are verified",
      );
    }
  }
}

function checkPeers(values: FlagValues, add: Add): void {
  const secure = values.listenPeerUrls.find(({ scheme }) => scheme === "https");
  if (secure !== undefined && values.peerCertFile === "" && !values.peerAutoTls) {
    add("listenPeerUrls", `${secure.text} needs --peer-cert-file and --peer-key-file, or --peer-auto-tls`);
  }
  const isVerified = values.peerCertFile !== "" && values.peerTrustedCaFile !== "";
  for (const [setting, isGiven] of [
    ["peerClientCertAuth", values.peerClientCertAuth],
    ["peerCrlFile", values.peerCrlFile !== ""],
    ["peerCertAllowedCn", values.peerCertAllowedCn.length > 0],
    ["peerCertAllowedHostname", values.peerCertAllowedHostname.length > 0],
  ] as const) {
    if (isGiven && !isVerified) {
      add(
        setting,
        "needs --peer-cert-file and --peer-trusted-ca-file, by which the certificates of members are verified",
      );
    }
  }
}
