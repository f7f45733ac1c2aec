/** Metadata as HTTP headers, both ways. Values of names that end in `-bin` travel as base64. */
import type { Metadata, MetadataInput } from "../types.ts";

/** Headers as Node's HTTP implementations hand them out. */
export type HeaderRecord = Readonly<Record<string, string | readonly string[] | undefined>>;

const base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const base64Set: ReadonlySet<string> = new Set(base64Digits);

function decodeBase64(text: string): Uint8Array | null {
  let digits = text.length;
  while (digits > 0 && text.charAt(digits - 1) === "=") {
    digits--;
  }
  for (let i = 0; i < digits; i++) {
    if (!base64Set.has(text.charAt(i))) {
      return null;
    }
  }
  const valid = digits % 4 !== 1 && text.length - digits <= 2;
  return valid ? new Uint8Array(Buffer.from(text, "base64")) : null;
}

/** A header's value, joined where it was sent more than once. */
export function headerText(headers: HeaderRecord, name: string): string | null {
  const value = headers[name];
  if (value === undefined) {
    return null;
  }
  return typeof value === "string" ? value : value.join(",");
}

/** The bytes of a `-bin` header, of the first value where there are several; null for another name or no base64. */
export function decodeBinaryValue(name: string, text: string | null): Uint8Array | null {
  if (text === null || !name.endsWith("-bin")) {
    return null;
  }
  return decodeBase64((text.split(",", 1)[0] ?? "").trim());
}

/** Metadata read from headers, lazily: most calls look at none. */
export class HeaderMetadata implements Metadata {
  readonly #headers: HeaderRecord;

  constructor(headers: HeaderRecord) {
    this.#headers = headers;
  }

  text(name: string): string | null {
    return headerText(this.#headers, name);
  }

  binary(name: string): Uint8Array | null {
    return decodeBinaryValue(name, headerText(this.#headers, name));
  }

  names(): readonly string[] {
    return Object.keys(this.#headers).filter((name) => !name.startsWith(":"));
  }
}

/** Copies metadata into headers to send. */
export function putMetadata(headers: Record<string, string>, metadata: MetadataInput): void {
  for (const [name, value] of Object.entries(metadata)) {
    headers[name.toLowerCase()] =
      typeof value === "string" ? value : Buffer.from(value).toString("base64").replaceAll("=", "");
  }
}
