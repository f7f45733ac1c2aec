/** Reads a JSON value that is known to be one, token by token, with the places that protobuf's messages about it name. */

/** What is wrong with a body beside its syntax; the message is protobuf's for Go. */
export class ProtoJsonError extends Error {
  override readonly name = "ProtoJsonError";
}

/** One token. */
export interface JsonToken {
  readonly kind: "{" | "[" | "string" | "number" | "true" | "false" | "null";
  readonly at: number;
  /** As it stands in the body; a bracket alone for what has parts. */
  readonly raw: string;
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

const comma = 0x2c;
/** Of one code unit, as in `\\u0041`. */
const escapeBytes = 6;

/** A walk over one value. */
export class JsonReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  /** @param bytes One whole JSON value. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The next token; a bracket is taken, what it holds is read by {@link more}. */
  next(): JsonToken {
    const at = this.#skip();
    const first = String.fromCharCode(this.#bytes[at] ?? 0);
    switch (first) {
      case "{":
      case "[":
        this.#at = at + 1;
        return { kind: first, at, raw: first };
      case '"':
        this.#at = this.#endOfString(at);
        return { kind: "string", at, raw: this.#text(at) };
      case "t":
        this.#at = at + 4;
        return { kind: "true", at, raw: "true" };
      case "f":
        this.#at = at + 5;
        return { kind: "false", at, raw: "false" };
      case "n":
        this.#at = at + 4;
        return { kind: "null", at, raw: "null" };
      default:
        this.#at = this.#endOfNumber(at);
        return { kind: "number", at, raw: this.#text(at) };
    }
  }

  /** Whether the object or array that was opened holds one more value; takes the comma, or the closing bracket. */
  more(): boolean {
    const at = this.#skip();
    const byte = this.#bytes[at];
    if (byte === 0x5d || byte === 0x7d) {
      this.#at = at + 1;
      return false;
    }
    this.#at = byte === comma ? at + 1 : at;
    return true;
  }

  /** Takes the colon behind a name. */
  colon(): void {
    this.#at = this.#skip() + 1;
  }

  /** Whether the next value is null. */
  isNull(): boolean {
    return this.#bytes[this.#skip()] === 0x6e;
  }

  /** Takes the next value, whatever it holds. */
  skipValue(): void {
    let depth = 0;
    do {
      const at = this.#skip();
      const byte = this.#bytes[at] ?? 0;
      if (byte === 0x7b || byte === 0x5b) {
        depth++;
        this.#at = at + 1;
      } else if (byte === 0x7d || byte === 0x5d) {
        depth--;
        this.#at = at + 1;
      } else if (byte === comma || byte === 0x3a) {
        this.#at = at + 1;
      } else {
        const token = this.next();
        if (token.kind === "string") {
          this.stringOf(token);
        }
      }
    } while (depth > 0);
  }

  /** What a string token stands for. @throws {@link ProtoJsonError} for what is no text. */
  stringOf(token: JsonToken): string {
    let raw: string;
    try {
      raw = strict.decode(this.#bytes.subarray(token.at, this.#endOfString(token.at)));
    } catch {
      throw this.syntaxError(token.at, "invalid UTF-8 in string");
    }
    const half = loneSurrogate(raw);
    if (half !== null) {
      throw this.#halfPair(token, raw.slice(0, half));
    }
    return JSON.parse(raw) as string; // A string in JSON, whose text is valid.
  }

  /** Go looks at the six bytes where the other half of a pair should be, even beyond the end of the string. */
  #halfPair(token: JsonToken, before: string): ProtoJsonError {
    const start = token.at + Buffer.byteLength(before);
    if (this.#bytes.length - start < escapeBytes) {
      return new ProtoJsonError("proto: unexpected EOF");
    }
    const found = lenient.decode(this.#bytes.subarray(start, start + escapeBytes));
    return this.syntaxError(token.at, `invalid escape code ${JSON.stringify(found)} in string`);
  }

  /** An error at a token. */
  error(at: number, text: string): ProtoJsonError {
    return new ProtoJsonError(`proto: (line ${this.#place(at)}): ${text}`);
  }

  /** An error of the form. */
  syntaxError(at: number, text: string): ProtoJsonError {
    return new ProtoJsonError(`proto: syntax error (line ${this.#place(at)}): ${text}`);
  }

  /** Line and column, in characters, from one on. */
  #place(at: number): string {
    const before = this.#bytes.subarray(0, at);
    let line = 1;
    let column = 1;
    for (const byte of before) {
      if (byte === 0x0a) {
        line++;
        column = 1;
      } else if ((byte & 0xc0) !== 0x80) {
        column++;
      }
    }
    return `${line}:${column}`;
  }

  #text(start: number): string {
    return lenient.decode(this.#bytes.subarray(start, this.#at));
  }

  #skip(): number {
    let at = this.#at;
    for (let byte = this.#bytes[at]; byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d; ) {
      at++;
      byte = this.#bytes[at];
    }
    return at;
  }

  #endOfString(start: number): number {
    let at = start + 1;
    while (this.#bytes[at] !== 0x22 && at < this.#bytes.length) {
      at += this.#bytes[at] === 0x5c ? 2 : 1;
    }
    return at + 1;
  }

  #endOfNumber(start: number): number {
    let at = start;
    while (/[-+.0-9eE]/.test(String.fromCharCode(this.#bytes[at] ?? 0))) {
      at++;
    }
    return at;
  }
}

/** Where the other half of a pair should stand that has none; null when all have theirs. */
function loneSurrogate(raw: string): number | null {
  for (let at = raw.indexOf("\\"); at >= 0; at = raw.indexOf("\\", at)) {
    if (raw[at + 1] !== "u") {
      at += 2;
      continue;
    }
    const unit = Number.parseInt(raw.slice(at + 2, at + 6), 16);
    if (unit >= 0xd800 && unit <= 0xdfff) {
      const other = /^\\u([dD][c-fC-F][0-9a-fA-F]{2})/.exec(raw.slice(at + 6));
      if (unit >= 0xdc00 || other === null) {
        return at + escapeBytes;
      }
      at += escapeBytes;
    }
    at += escapeBytes;
  }
  return null;
}
