/** X.509 certificates, RFC 5280, as this program issues them: for itself with --auto-tls, and for tests. */
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from "node:crypto";
import { isIP } from "node:net";
import { bitString, context, der, integer, objectId, tag, time } from "./der.ts";

/** A certificate and its private key, as PEM. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

/** Who signs. */
interface Issuer {
  readonly organization: string;
  readonly key: KeyObject;
}

/** What a certificate says. Times in milliseconds since 1970. */
interface CertificateContents {
  readonly organization: string;
  readonly commonName?: string;
  /** Names and addresses. */
  readonly hosts: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Whether it may sign others. */
  readonly authority: boolean;
  /** 20 bytes at most; by chance without it. */
  readonly serial?: Uint8Array;
}

const ecdsaWithSha256 = der(tag.sequence, objectId("1.2.840.10045.4.3.2"));
const yes = der(tag.boolean, Uint8Array.of(0xff));

/** A new key for signatures on P-256. */
export function createKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

/** Issues a certificate for `key`, signed by `issuer`, or by itself. */
export function issueCertificate(contents: CertificateContents, key: KeyObject, issuer?: Issuer): Issued {
  const signer = issuer ?? { organization: contents.organization, key };
  const tbs = der(
    tag.sequence,
    context(0, integer(Uint8Array.of(2))), // Version 3.
    integer(contents.serial ?? randomBytes(16)),
    ecdsaWithSha256,
    distinguishedName(signer.organization, issuer === undefined ? contents.commonName : undefined),
    der(tag.sequence, time(contents.notBeforeMs), time(contents.notAfterMs)),
    distinguishedName(contents.organization, contents.commonName),
    publicKeyInfo(key),
    context(3, der(tag.sequence, ...extensions(contents, key, signer.key))),
  );
  return {
    certificate: pem("CERTIFICATE", signed(tbs, signer.key)),
    key: key.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

/** `tbs` with its signature. */
export function signed(tbs: Buffer, key: KeyObject): Buffer {
  return der(tag.sequence, tbs, ecdsaWithSha256, bitString(sign("sha256", tbs, key)));
}

/** The algorithm of {@link signed}, for what is signed to name it. */
export const signatureAlgorithm: Buffer = ecdsaWithSha256;

/** RFC 7468. */
export function pem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/** A name of organization and, where given, common name. */
export function distinguishedName(organization: string, commonName?: string): Buffer {
  const part = (id: string, text: string): Buffer =>
    der(tag.set, der(tag.sequence, objectId(id), der(tag.utf8String, Buffer.from(text))));
  return der(
    tag.sequence,
    part("2.5.4.10", organization),
    ...(commonName === undefined ? [] : [part("2.5.4.3", commonName)]),
  );
}

function publicKeyInfo(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: "spki", format: "der" });
}

function keyId(key: KeyObject): Buffer {
  return createHash("sha1").update(publicKeyInfo(key)).digest();
}

function extensions(contents: CertificateContents, key: KeyObject, signer: KeyObject): Buffer[] {
  const extension = (id: string, critical: boolean, value: Buffer): Buffer =>
    der(tag.sequence, objectId(id), ...(critical ? [yes] : []), der(tag.octetString, value));
  // RFC 5280 §4.2.1.3: an authority signs certificates and lists (bits 5, 6), others sign handshakes (bit 0).
  const keyUsage = contents.authority ? bitString(Uint8Array.of(0x06), 1) : bitString(Uint8Array.of(0x80), 7);
  const purposes = der(
    tag.sequence,
    objectId("1.3.6.1.5.5.7.3.1"), // Servers.
    objectId("1.3.6.1.5.5.7.3.2"), // Clients.
  );
  const names = contents.hosts.map(generalName);
  return [
    extension("2.5.29.19", true, der(tag.sequence, ...(contents.authority ? [yes] : []))),
    extension("2.5.29.15", true, keyUsage),
    ...(contents.authority ? [] : [extension("2.5.29.37", false, purposes)]),
    extension("2.5.29.14", false, der(tag.octetString, keyId(key))),
    extension("2.5.29.35", false, der(tag.sequence, der(0x80, keyId(signer)))),
    ...(names.length === 0 ? [] : [extension("2.5.29.17", false, der(tag.sequence, ...names))]),
  ];
}

/** RFC 5280 §4.2.1.6: a name, or the bytes of an address. */
function generalName(host: string): Buffer {
  switch (isIP(host)) {
    case 4:
      return der(0x87, Buffer.from(host.split(".").map(Number)));
    case 6:
      return der(0x87, ipv6Bytes(host));
    default:
      return der(0x82, Buffer.from(host, "latin1"));
  }
}

function ipv6Bytes(host: string): Buffer {
  // URL writes every address in one form: groups of hexadecimal digits, "::" at most once, no dotted end.
  const text = new URL(`http://[${host}]/`).hostname.slice(1, -1);
  const [left = "", right] = text.split("::");
  const groups = (part: string): string[] => (part === "" ? [] : part.split(":"));
  const head = groups(left);
  const tail = groups(right ?? "");
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => "0");
  return Buffer.from(
    [...head, ...zeros, ...tail].flatMap((group) => {
      const value = Number.parseInt(group, 16);
      return [value >>> 8, value & 0xff];
    }),
  );
}
