/** RFC 9113 §8.3.1: the head of a request, assembled from its fields, or found to be malformed. */

import type { Verdict } from "../request-rules.ts";
import type { Metadata } from "../types.ts";
import { decodeBinaryValue } from "../wire/metadata.ts";
import { fieldRole, type HeaderField } from "./hpack/field.ts";

/** Digits of a content-length that a number holds exactly. */
const lengthDigitsMax = 15;

/** Names of fields whose values are remembered. */
const rememberedTextCountMax = 16;

/** Sums the fields of a header list by name. */
interface Gathered {
  method: string | null;
  scheme: string | null;
  path: string | null;
  authority: string | null;
  contentType: string | null;
  contentLength: number;
  timeout: string | null;
}

/**
 * The head of a request, and its metadata.
 *
 * PERF: immutable and shared by all requests of a connection that sent the same bytes; so what was found out about it once,
 * as its verdict, is kept here.
 */
export class RequestHead implements Metadata {
  readonly method: string;
  readonly path: string;
  readonly contentType: string | null;
  /** Bytes that the body must have, or -1. */
  readonly contentLength: number;
  readonly timeout: string | null;
  readonly authority: string | null;
  readonly #fields: readonly HeaderField[];
  /** Set by whoever serves the request first. */
  verdict: Verdict | null = null;
  /** What was asked for before. Bounded: the names that a server asks for are its own, few ones. */
  readonly #texts: Map<string, string | null> = new Map();

  constructor(gathered: Gathered, method: string, path: string, fields: readonly HeaderField[]) {
    this.method = method;
    this.path = path;
    this.authority = gathered.authority;
    this.contentType = gathered.contentType;
    this.contentLength = gathered.contentLength;
    this.timeout = gathered.timeout;
    this.#fields = fields;
  }

  text(name: string): string | null {
    const known = this.#texts.get(name);
    if (known !== undefined) {
      return known;
    }
    const text = this.#join(name);
    if (this.#texts.size < rememberedTextCountMax) {
      this.#texts.set(name, text);
    }
    return text;
  }

  #join(name: string): string | null {
    let joined: string | null = null;
    for (const field of this.#fields) {
      if (field.name === name) {
        // §8.2.3: only cookies are joined by another separator.
        joined = joined === null ? field.value : joined + (name === "cookie" ? "; " : ",") + field.value;
      }
    }
    return joined;
  }

  binary(name: string): Uint8Array | null {
    return decodeBinaryValue(name, this.text(name));
  }

  names(): readonly string[] {
    const names = new Set<string>();
    for (const field of this.#fields) {
      if (!field.name.startsWith(":")) {
        names.add(field.name);
      }
    }
    return [...names];
  }
}

function parseLength(text: string): number {
  if (text.length === 0 || text.length > lengthDigitsMax) {
    return -1;
  }
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) {
      return -1;
    }
    length = length * 10 + digit;
  }
  return length;
}

/** Notes one pseudo-header; false when it came before. */
function gatherPseudo(gathered: Gathered, field: HeaderField): boolean {
  switch (field.role) {
    case fieldRole.method:
      if (gathered.method !== null) {
        return false;
      }
      gathered.method = field.value;
      return true;
    case fieldRole.scheme:
      if (gathered.scheme !== null) {
        return false;
      }
      gathered.scheme = field.value;
      return true;
    case fieldRole.path:
      if (gathered.path !== null) {
        return false;
      }
      gathered.path = field.value;
      return true;
    case fieldRole.authority:
      if (gathered.authority !== null) {
        return false;
      }
      gathered.authority = field.value;
      return true;
    default:
      return false;
  }
}

/** Notes one field that is no pseudo-header; false when it makes the request malformed. */
function gatherRegular(gathered: Gathered, field: HeaderField): boolean {
  switch (field.role) {
    case fieldRole.regular:
      return true;
    case fieldRole.contentType:
      gathered.contentType = field.value;
      return true;
    case fieldRole.grpcTimeout:
      gathered.timeout = field.value;
      return true;
    case fieldRole.contentLength: {
      const length = parseLength(field.value);
      const agrees = gathered.contentLength < 0 || gathered.contentLength === length;
      gathered.contentLength = length;
      return agrees && length >= 0;
    }
    default:
      return false;
  }
}

function isPseudo(field: HeaderField): boolean {
  return field.role >= fieldRole.method && field.role <= fieldRole.authority;
}

/** The head that `fields` make, or null when they make none: §8.1.1 malformed. */
export function assembleRequest(fields: readonly HeaderField[]): RequestHead | null {
  const gathered: Gathered = {
    method: null,
    scheme: null,
    path: null,
    authority: null,
    contentType: null,
    contentLength: -1,
    timeout: null,
  };
  let pseudoOver = false;
  for (const field of fields) {
    const pseudo = isPseudo(field);
    // §8.3: all pseudo-headers come first.
    if (pseudo && pseudoOver) {
      return null;
    }
    pseudoOver = !pseudo;
    if (!(pseudo ? gatherPseudo(gathered, field) : gatherRegular(gathered, field))) {
      return null;
    }
  }
  const { method, scheme, path } = gathered;
  // A server that opens no tunnels has no use for CONNECT, the one request without a path.
  if (method === null || method === "" || scheme === null || path === null || path === "") {
    return null;
  }
  return new RequestHead(gathered, method, path, fields);
}

/** §8.1: whether `fields` may stand behind a body. */
export function areTrailers(fields: readonly HeaderField[]): boolean {
  return fields.every((field) => !isPseudo(field) && field.role < fieldRole.otherPseudo);
}
