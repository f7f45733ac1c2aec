/**
 * Whether clients and members have an authority in common. Then its word for a certificate does not tell the one from the other, and whoever
 * is not known as a member is not taken for one.
 */
import { readFileSync } from "node:fs";
import type { TlsCredentials } from "@quorate/grpc";

const pemBlocks = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** Whether a certificate of `peerAuthorities` stands in the file of the clients' authorities. What cannot be read counts as shared. */
export function sharesAuthority(
  peerAuthorities: NonNullable<TlsCredentials["ca"]>,
  clientFile: string,
): boolean {
  let clientAuthorities: Buffer;
  try {
    clientAuthorities = readFileSync(clientFile);
  } catch {
    return true; // What is not proven is refused, with words that name the file.
  }
  const known = new Set(certificatesIn(clientAuthorities));
  return [peerAuthorities].flat().some((part) => certificatesIn(part).some((one) => known.has(one)));
}

/** The certificates of a PEM file, each without the blanks in which they may differ. */
function certificatesIn(pem: string | Buffer): string[] {
  return (pem.toString("latin1").match(pemBlocks) ?? []).map((block) => block.replace(/\s+/g, ""));
}
