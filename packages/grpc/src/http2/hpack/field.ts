/**
 * One header field, RFC 7541 §1.3, with what HTTP/2 thinks of it (RFC 9113 §8.2, §8.3).
 *
 * PERF: a field is judged when it is made, not each time it is referred to: most requests consist of references only.
 */

/** What a field is for, to whoever assembles a request. */
export const fieldRole = {
  regular: 0,
  method: 1,
  scheme: 2,
  path: 3,
  authority: 4,
  contentType: 5,
  contentLength: 6,
  grpcTimeout: 7,
  /** A pseudo-header that no request has. */
  otherPseudo: 8,
  /** Breaks §8.2: makes the request malformed. */
  malformed: 9,
} as const;

/** One of {@link fieldRole}. */
type FieldRole = (typeof fieldRole)[keyof typeof fieldRole];

const roleByName: ReadonlyMap<string, FieldRole> = new Map<string, FieldRole>([
  [":method", fieldRole.method],
  [":scheme", fieldRole.scheme],
  [":path", fieldRole.path],
  [":authority", fieldRole.authority],
  ["content-type", fieldRole.contentType],
  ["content-length", fieldRole.contentLength],
  ["grpc-timeout", fieldRole.grpcTimeout],
  // §8.2.2: what belongs to a connection of HTTP/1.1 has no place here.
  ["connection", fieldRole.malformed],
  ["proxy-connection", fieldRole.malformed],
  ["keep-alive", fieldRole.malformed],
  ["transfer-encoding", fieldRole.malformed],
  ["upgrade", fieldRole.malformed],
]);

const codeColon = 0x3a;

/** §8.2.1: no control characters, space, upper case or bytes above ASCII; a colon only in front. */
function isFieldName(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    const isUpper = code >= 0x41 && code <= 0x5a;
    if (code <= 0x20 || code >= 0x7f || isUpper || (code === codeColon && i > 0)) {
      return false;
    }
  }
  return name.length > 0;
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** §8.2.1: no NUL, CR or LF, no blank at either end. */
function isFieldValue(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code === 0x00 || code === 0x0a || code === 0x0d) {
      return false;
    }
  }
  return value.length === 0 || !(isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(value.length - 1)));
}

function roleOf(name: string, value: string): FieldRole {
  if (!isFieldName(name) || !isFieldValue(value)) {
    return fieldRole.malformed;
  }
  if (name === "te") {
    // §8.2.2: the one value that is allowed.
    return value === "trailers" ? fieldRole.regular : fieldRole.malformed;
  }
  const role = roleByName.get(name);
  if (role !== undefined) {
    return role;
  }
  return name.charCodeAt(0) === codeColon ? fieldRole.otherPseudo : fieldRole.regular;
}

/** A field; immutable, shared by every request that refers to it. */
export class HeaderField {
  readonly name: string;
  readonly value: string;
  readonly role: FieldRole;
  /** RFC 7541 §4.1: its share of a table, and of a header list by RFC 9113 §6.5.2. */
  readonly bytes: number;

  constructor(name: string, value: string) {
    this.name = name;
    this.value = value;
    this.role = roleOf(name, value);
    this.bytes = fieldBytes(name, value);
  }
}

/** RFC 7541 §4.1: the octets of both, and 32. */
export function fieldBytes(name: string, value: string): number {
  return name.length + value.length + 32;
}
