/** Lists of revoked certificates, RFC 5280 §5: read for their serial numbers. */
import { DerError, readDer, readSequence, tag } from "./der.ts";

/**
 * The serial numbers that a list names, as hexadecimal digits. ETCD: neither the list's signature nor its dates are looked at; whoever
 * writes the file is trusted with it.
 *
 * @throws {@link DerError} when it is no list.
 */
export function readRevokedSerials(file: Buffer): ReadonlySet<string> {
  const [list] = readDer(bytesOf(file));
  const [toBeSigned] = readSequence(list);
  const fields = readSequence(toBeSigned);
  // Version, algorithm, issuer, one or two dates, then a sequence of revoked certificates, if there is any.
  const dates = fields.findLastIndex(
    ({ tag: found }) => found === tag.utcTime || found === tag.generalizedTime,
  );
  if (dates < 0) {
    throw new DerError("a date is missing");
  }
  const revoked = fields[dates + 1];
  if (revoked?.tag !== tag.sequence) {
    return new Set();
  }
  return new Set(
    readSequence(revoked).map((entry) => {
      const [serial] = readSequence(entry);
      if (serial?.tag !== tag.integer) {
        throw new DerError("a serial number is missing");
      }
      return normalSerial(serial.content.toString("hex"));
    }),
  );
}

/** Hexadecimal digits in the form of {@link readRevokedSerials}. */
export function normalSerial(digits: string): string {
  return digits.toLowerCase().replace(/^0+(?=.)/, "");
}

function bytesOf(file: Buffer): Buffer {
  const text = file.toString("latin1");
  if (!text.includes("-----BEGIN ")) {
    return file;
  }
  const body = /-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]*)-----END X509 CRL-----/.exec(text)?.[1];
  if (body === undefined) {
    throw new DerError("no X509 CRL in this PEM file");
  }
  return Buffer.from(body, "base64");
}
