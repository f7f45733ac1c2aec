/**
 * Protobuf's JSON, both ways, as Go's protojson with the settings of etcd's gateway: names as in the .proto files, unset fields left
 * out; on the way in both forms of names, numbers as text or not, enums by name or number, unknown fields and names passed over.
 */
import {
  type DescEnum,
  type DescField,
  type DescMessage,
  fromBinary,
  ScalarType,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { type ReflectList, type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { JsonReader, type JsonToken } from "./json-reader.ts";

/** Messages within messages; a transaction in a transaction is three. ETCD: differs, 10,000 there, which no stack here holds. */
const depthMax = 1000;
/** An answer nests as deep as its request, and a little deeper. */
const answerDepthMax = 2 * depthMax;

/** The bytes of a message, of its JSON. @throws `ProtoJsonError` when the JSON is none of it. */
export function encodeProtoJson(schema: DescMessage, json: Uint8Array): Uint8Array {
  const message = reflect(schema);
  readMessage(new JsonReader(json), message, depthMax);
  return toBinary(schema, message.message);
}

/** The JSON of a message, of its bytes. */
export function decodeProtoJson(schema: DescMessage, bytes: Uint8Array): string {
  const message = fromBinary(schema, bytes, { recursionLimit: answerDepthMax });
  return JSON.stringify(toJson(schema, message, { useProtoFieldName: true }));
}

/** Fields by both of their names. */
const fieldsOf = new WeakMap<DescMessage, ReadonlyMap<string, DescField>>();

function fieldNamed(schema: DescMessage, name: string): DescField | undefined {
  let fields = fieldsOf.get(schema);
  if (fields === undefined) {
    fields = new Map([
      ...schema.fields.map((field) => [field.name, field] as const),
      // Where they differ, the name for JSON goes before.
      ...schema.fields.map((field) => [field.jsonName, field] as const),
    ]);
    fieldsOf.set(schema, fields);
  }
  return fields.get(name);
}

function readMessage(reader: JsonReader, message: ReflectMessage, depth: number): void {
  const opening = reader.next();
  if (opening.kind !== "{") {
    throw reader.syntaxError(opening.at, `unexpected token ${opening.raw}`);
  }
  if (depth === 0) {
    throw reader.error(opening.at, "exceeded max recursion depth");
  }
  const seenFields = new Set<DescField>();
  const seenOneofs = new Set<string>();
  while (reader.more()) {
    const name = reader.next();
    const field = fieldNamed(message.desc, reader.stringOf(name));
    reader.colon();
    if (field === undefined) {
      reader.skipValue();
      continue;
    }
    if (seenFields.has(field)) {
      throw reader.error(name.at, `duplicate field ${name.raw}`);
    }
    seenFields.add(field);
    if (reader.isNull()) {
      reader.skipValue();
      continue;
    }
    if (field.oneof !== undefined) {
      const oneof = `${message.desc.typeName}.${field.oneof.name}`;
      if (seenOneofs.has(oneof)) {
        throw reader.error(name.at, `error parsing ${name.raw}, oneof ${oneof} is already set`);
      }
      seenOneofs.add(oneof);
    }
    readField(reader, message, field, depth);
  }
}

function readField(reader: JsonReader, message: ReflectMessage, field: DescField, depth: number): void {
  switch (field.fieldKind) {
    case "message": {
      const child = reflect(field.message);
      readMessage(reader, child, depth - 1);
      message.set(field, child);
      return;
    }
    case "list": {
      const opening = reader.next();
      if (opening.kind !== "[") {
        throw reader.syntaxError(opening.at, `unexpected token ${opening.raw}`);
      }
      const list = message.get(field);
      while (reader.more()) {
        readElement(reader, list, field, depth);
      }
      return;
    }
    case "map":
      throw new Error(`gateway: ${field.name} is a map, of which etcd's API has none`);
    default: {
      const value = readScalar(reader, field);
      if (value !== undefined) {
        message.set(field, value);
      }
    }
  }
}

function readElement(
  reader: JsonReader,
  list: ReflectList,
  field: DescField & { fieldKind: "list" },
  depth: number,
): void {
  if (field.listKind === "message") {
    const child = reflect(field.message);
    readMessage(reader, child, depth - 1);
    list.add(child);
    return;
  }
  const value = readScalar(reader, field);
  if (value !== undefined) {
    list.add(value);
  }
}

type Scalar = boolean | number | bigint | string | Uint8Array;

/** The value of a field that has no parts; undefined for the name of an enum that it does not have. */
function readScalar(reader: JsonReader, field: DescField): Scalar | undefined {
  const token = reader.next();
  const value =
    field.enum === undefined ? scalarOf(reader, token, field.scalar) : enumOf(reader, token, field.enum);
  if (value === null) {
    const kind = field.enum === undefined ? kindNames[field.scalar ?? ScalarType.BYTES] : "enum";
    throw reader.error(token.at, `invalid value for ${kind} field ${field.jsonName}: ${token.raw}`);
  }
  return value;
}

/** The kinds that occur in etcd's API, as Go names them. */
const kindNames: Readonly<Partial<Record<ScalarType, string>>> = {
  [ScalarType.BOOL]: "bool",
  [ScalarType.BYTES]: "bytes",
  [ScalarType.INT64]: "int64",
  [ScalarType.STRING]: "string",
  [ScalarType.UINT32]: "uint32",
  [ScalarType.UINT64]: "uint64",
};

function enumOf(reader: JsonReader, token: JsonToken, type: DescEnum): Scalar | undefined | null {
  if (token.kind === "string") {
    const name = reader.stringOf(token);
    return type.values.find((value) => value.name === name)?.number;
  }
  const number = token.kind === "number" ? integerOf(token.raw) : null;
  return number === null || BigInt.asIntN(32, number) !== number ? null : Number(number);
}

function scalarOf(reader: JsonReader, token: JsonToken, type: ScalarType | undefined): Scalar | null {
  switch (type) {
    case ScalarType.BOOL:
      return token.kind === "true" || token.kind === "false" ? token.kind === "true" : null;
    case ScalarType.STRING:
      return token.kind === "string" ? reader.stringOf(token) : null;
    case ScalarType.BYTES:
      return token.kind === "string" ? decodeBase64(reader.stringOf(token)) : null;
    default: {
      const number = numberOf(reader, token);
      if (type === ScalarType.UINT32) {
        return number === null || BigInt.asUintN(32, number) !== number ? null : Number(number);
      }
      const wrapped =
        number === null
          ? null
          : type === ScalarType.UINT64
            ? BigInt.asUintN(64, number)
            : BigInt.asIntN(64, number);
      return wrapped === number ? number : null;
    }
  }
}

/** A number, or text whose first token is one. */
function numberOf(reader: JsonReader, token: JsonToken): bigint | null {
  if (token.kind === "number") {
    return integerOf(token.raw);
  }
  if (token.kind !== "string") {
    return null;
  }
  const text = reader.stringOf(token);
  const [, number = ""] = /^(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?)(?:[\s,\]}:].*)?$/s.exec(text) ?? [];
  return text === text.trim() && number !== "" ? integerOf(number) : null;
}

/** Larger exponents make numbers that no field holds. */
const exponentMax = 100;

/** The whole number that JSON's `text` stands for, also as `1.5e1`; null when it is none. */
function integerOf(text: string): bigint | null {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(text) ?? [];
  const digits = (whole + fraction).replace(/0+$/, "");
  // What stands behind the last digit that is not zero.
  const zeros = whole.length - digits.length + Number(exponent);
  if (whole === "" || whole.length > 100 || Math.abs(Number(exponent)) > exponentMax) {
    return null;
  }
  if (digits === "") {
    return 0n;
  }
  return zeros < 0 ? null : BigInt(`${sign}${digits}${"0".repeat(zeros)}`);
}

/** Go's base64: either alphabet, with padding or without it, and line ends anywhere. */
function decodeBase64(text: string): Uint8Array | null {
  const isUrl = /[-_]/.test(text);
  const digits = text.replaceAll(/[\r\n]/g, "");
  const alphabet = isUrl ? /^[A-Za-z0-9_-]*$/ : /^[A-Za-z0-9+/]*$/;
  const body = text.length % 4 === 0 ? digits.replace(/={1,2}$/, "") : digits;
  const isPadded = text.length % 4 === 0;
  const isWhole = isPadded ? digits.length % 4 === 0 : body.length % 4 !== 1;
  return alphabet.test(body) && isWhole ? Buffer.from(body, isUrl ? "base64url" : "base64") : null;
}
