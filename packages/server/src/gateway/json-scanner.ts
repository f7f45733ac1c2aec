/**
 * Where a JSON value ends. ETCD: bodies are cut by Go's encoding/json before they are understood, so that its words for what is no JSON,
 * its limit of nesting, and its blindness for what follows the value are the gateway's, too. Nothing here recurses.
 */

/** A body that is no JSON; the message is encoding/json's. */
export class JsonSyntaxError extends Error {
  override readonly name = "JsonSyntaxError";
}

/** One value within a body. */
export interface JsonSpan {
  readonly start: number;
  readonly end: number;
}

/** ETCD: encoding/json's. */
const depthMax = 10_000;

const space: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);
const quote = 0x22;
const backslash = 0x5c;
const openObject = 0x7b;
const closeObject = 0x7d;
const openArray = 0x5b;
const closeArray = 0x5d;
const comma = 0x2c;
const colon = 0x3a;

type State = "value" | "first-element" | "first-key" | "key" | "colon" | "after";

/** The next value from `start` on, or null when only white space is left. @throws {@link JsonSyntaxError} */
export function nextJsonValue(bytes: Uint8Array, start: number): JsonSpan | null {
  const scanner = new Scanner(bytes, start);
  return scanner.run();
}

class Scanner {
  readonly #bytes: Uint8Array;
  #at: number;
  #state: State = "value";
  /** The brackets that are open. */
  readonly #open: number[] = [];

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.#at = start;
  }

  run(): JsonSpan | null {
    this.#skipSpace();
    if (this.#at === this.#bytes.length) {
      return null;
    }
    const start = this.#at;
    do {
      this.#step();
    } while (this.#open.length > 0 || this.#state !== "after");
    return { start, end: this.#at };
  }

  #step(): void {
    const byte = this.#peek();
    switch (this.#state) {
      case "first-element":
        if (byte === closeArray) {
          this.#close();
          return;
        }
        this.#value(byte);
        return;
      case "value":
        this.#value(byte);
        return;
      case "first-key":
        if (byte === closeObject) {
          this.#close();
          return;
        }
        this.#key(byte);
        return;
      case "key":
        this.#key(byte);
        return;
      case "colon":
        this.#demand(byte === colon, "after object key");
        this.#state = "value";
        return;
      case "after":
        this.#after(byte);
    }
  }

  #key(byte: number): void {
    if (byte !== quote) {
      this.#fail("looking for beginning of object key string");
    }
    this.#string();
    this.#state = "colon";
  }

  #value(byte: number): void {
    if (byte === openObject || byte === openArray) {
      if (this.#open.length === depthMax) {
        this.#fail("exceeded max depth");
      }
      this.#at++;
      this.#open.push(byte);
      this.#state = byte === openObject ? "first-key" : "first-element";
      return;
    }
    this.#state = "after";
    if (byte === quote) {
      this.#string();
    } else if (byte === 0x2d || isDigit(byte)) {
      this.#number();
    } else {
      this.#literal(byte);
    }
  }

  #after(byte: number): void {
    const inObject = this.#open.at(-1) === openObject;
    if (byte === (inObject ? closeObject : closeArray)) {
      this.#close();
      return;
    }
    this.#demand(byte === comma, inObject ? "after object key:value pair" : "after array element");
    this.#state = inObject ? "key" : "value";
  }

  #close(): void {
    this.#at++;
    this.#open.pop();
    this.#state = "after";
  }

  #string(): void {
    this.#at++;
    for (;;) {
      const byte = this.#byte();
      if (byte === quote) {
        this.#at++;
        return;
      }
      if (byte === backslash) {
        this.#at++;
        this.#escape();
      } else {
        this.#demand(byte >= 0x20, "in string literal");
      }
    }
  }

  #escape(): void {
    const byte = this.#byte();
    this.#demand('"\\/bfnrtu'.includes(String.fromCharCode(byte)), "in string escape code");
    for (let digits = byte === 0x75 ? 4 : 0; digits > 0; digits--) {
      this.#demand(isHexadecimal(this.#byte()), "in \\u hexadecimal character escape");
    }
  }

  #number(): void {
    if (this.#byte() === 0x2d) {
      this.#at++;
      if (!isDigit(this.#byte())) {
        this.#fail("in numeric literal");
      }
    }
    if (this.#byte() === 0x30) {
      this.#at++;
    } else {
      this.#digits();
    }
    if (this.#bytes[this.#at] === 0x2e) {
      this.#at++;
      this.#someDigits("after decimal point in numeric literal");
    }
    if (this.#bytes[this.#at] === 0x65 || this.#bytes[this.#at] === 0x45) {
      this.#at++;
      if (this.#bytes[this.#at] === 0x2b || this.#bytes[this.#at] === 0x2d) {
        this.#at++;
      }
      this.#someDigits("in exponent of numeric literal");
    }
  }

  #someDigits(place: string): void {
    if (!isDigit(this.#byte())) {
      this.#fail(place);
    }
    this.#digits();
  }

  #digits(): void {
    while (isDigit(this.#bytes[this.#at] ?? 0)) {
      this.#at++;
    }
  }

  #literal(byte: number): void {
    const word = { 116: "true", 102: "false", 110: "null" }[byte];
    if (word === undefined) {
      this.#fail("looking for beginning of value");
    }
    this.#at++;
    for (const letter of word.slice(1)) {
      this.#demand(
        String.fromCharCode(this.#byte()) === letter,
        `in literal ${word} (expecting '${letter}')`,
      );
    }
  }

  /** The next byte that is no white space. */
  #peek(): number {
    this.#skipSpace();
    return this.#byte();
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) {
      throw new JsonSyntaxError("unexpected EOF");
    }
    return byte;
  }

  #skipSpace(): void {
    while (space.has(this.#bytes[this.#at] ?? 0)) {
      this.#at++;
    }
  }

  /** Goes past the present byte, which must be what was asked for. */
  #demand(holds: boolean, place: string): void {
    if (!holds) {
      this.#fail(place);
    }
    this.#at++;
  }

  #fail(place: string): never {
    throw new JsonSyntaxError(`invalid character ${quoted(this.#bytes[this.#at] ?? 0)} ${place}`);
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isHexadecimal(byte: number): boolean {
  return isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}

const escapes: Readonly<Record<number, string>> = {
  7: "\\a",
  8: "\\b",
  9: "\\t",
  10: "\\n",
  11: "\\v",
  12: "\\f",
  13: "\\r",
  39: "\\'",
  92: "\\\\",
};

/** A byte as Go quotes it. */
function quoted(byte: number): string {
  const escaped = escapes[byte];
  if (escaped !== undefined) {
    return `'${escaped}'`;
  }
  const isPlain = (byte >= 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
  const hex = byte.toString(16).padStart(2, "0");
  return `'${isPlain ? String.fromCharCode(byte) : byte < 0x80 ? `\\x${hex}` : `\\u00${hex}`}'`;
}
