/** Whom a verified certificate names, and whether it was revoked: what is asked beyond "an authority vouches for it". */
import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { TLSSocket } from "node:tls";
import { normalSerial } from "./revocation-list.ts";

/** Whether `certificate` is for `host`, a name or an address. Only subject alternative names count, as in Go. */
export function namesHost(certificate: X509Certificate, host: string): boolean {
  return isIP(host) === 0
    ? certificate.checkHost(host, { subject: "never" }) !== undefined
    : certificate.checkIP(host) !== undefined;
}

/** The common name; null where there is none, or more than one. */
function commonNameOf(certificate: X509Certificate): string | null {
  const name = certificate.toLegacyObject().subject.CN;
  return typeof name === "string" ? name : null;
}

/** Who may come in beyond those for whom an authority vouches. Empty lists let everybody in. */
interface Admission {
  readonly revoked: ReadonlySet<string>;
  readonly hostnames: readonly string[];
  readonly commonNames: readonly string[];
}

/** Why whoever is at the other end of `socket` may not come in, or null. */
export function admissionProblem(socket: TLSSocket, admission: Admission): string | null {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) {
    const anybody = admission.hostnames.length === 0 && admission.commonNames.length === 0;
    return anybody ? null : "certificate: none was sent";
  }
  for (let one: X509Certificate | undefined = certificate; one !== undefined; one = one.issuerCertificate) {
    const serial = normalSerial(one.serialNumber);
    if (admission.revoked.has(serial)) {
      return `certificate: serial ${serial} was revoked`;
    }
    if (one.issuerCertificate?.fingerprint256 === one.fingerprint256) {
      break; // An authority that vouches for itself ends the chain.
    }
  }
  const { commonNames, hostnames } = admission;
  if (hostnames.length > 0 && !hostnames.some((host) => namesHost(certificate, host))) {
    return "certificate: none of the allowed host names";
  }
  const commonName = commonNameOf(certificate);
  if (commonNames.length > 0 && (commonName === null || !commonNames.includes(commonName))) {
    return `certificate: common name ${JSON.stringify(commonName)} is not allowed`;
  }
  return null;
}
