/**
 * The binary form of transactions and of what stands in them. Enumerations are written as their place in the lists below;
 * a place, once given, is never given to another name.
 */
import { type ByteReader, type ByteWriter, DecodeError, unreachable } from "@quorate/base";
import { UnsupportedFormat } from "../errors.ts";
import type {
  Compare,
  CompareOperand,
  CompareResult,
  RangeRequest,
  RequestOp,
  SortOrder,
  SortTarget,
  TxnRequest,
} from "../types.ts";
import { int64, readFlags, readInt64, readSigned, writeSigned } from "./codec-parts.ts";
import { readDeleteRange, readPut, writeDeleteRange, writePut } from "./write-codec.ts";

const sortOrders: readonly SortOrder[] = ["none", "ascend", "descend", "unknown"];
const sortTargets: readonly SortTarget[] = ["key", "version", "create", "mod", "value", "unknown"];
const compareResults: readonly CompareResult[] = ["equal", "greater", "less", "not-equal", "unknown"];
const compareTargets: readonly CompareOperand["target"][] = [
  "version",
  "create",
  "mod",
  "value",
  "lease",
  "unknown",
];

const opNumber = { none: 0, range: 1, put: 2, "delete-range": 3, txn: 4 } as const;

/** Deepest nesting that decodes. Each level takes at least one operation of the limit that was checked before. */
const txnDepthMax = 1024;

const rangeFlag = { serializable: 1, keysOnly: 2, countOnly: 4 } as const;
const rangeFlagsAll = 7;

/** Appends a transaction without version and type. */
export function writeTxn(writer: ByteWriter, txn: TxnRequest): void {
  writer.varint(txn.compares.length);
  for (const compare of txn.compares) {
    writeCompare(writer, compare);
  }
  writeOps(writer, txn.success);
  writeOps(writer, txn.failure);
}

/** Reads what {@link writeTxn} wrote. */
export function readTxn(reader: ByteReader, depth = 1): TxnRequest {
  if (depth > txnDepthMax) {
    throw new DecodeError("transaction nested too deeply", reader.offset);
  }
  const compares: Compare[] = [];
  for (let left = readCount(reader); left > 0; left--) {
    compares.push(readCompare(reader));
  }
  return { type: "txn", compares, success: readOps(reader, depth), failure: readOps(reader, depth) };
}

function writeOps(writer: ByteWriter, ops: readonly RequestOp[]): void {
  writer.varint(ops.length);
  for (const op of ops) {
    writer.u8(opNumber[op.type]);
    writeOp(writer, op);
  }
}

function writeOp(writer: ByteWriter, op: RequestOp): void {
  switch (op.type) {
    case "none":
      break;
    case "range":
      writeRange(writer, op);
      break;
    case "put":
      writePut(writer, op);
      break;
    case "delete-range":
      writeDeleteRange(writer, op);
      break;
    case "txn":
      writeTxn(writer, op);
      break;
    default:
      unreachable(op);
  }
}

function readOps(reader: ByteReader, depth: number): RequestOp[] {
  const ops: RequestOp[] = [];
  for (let left = readCount(reader); left > 0; left--) {
    ops.push(readOp(reader, depth));
  }
  return ops;
}

function readOp(reader: ByteReader, depth: number): RequestOp {
  const type = reader.u8();
  switch (type) {
    case opNumber.none:
      return { type: "none" };
    case opNumber.range:
      return readRange(reader);
    case opNumber.put:
      return readPut(reader);
    case opNumber["delete-range"]:
      return readDeleteRange(reader);
    case opNumber.txn:
      return readTxn(reader, depth + 1);
    default:
      throw new UnsupportedFormat(`transaction operation ${type}: this version cannot apply it`);
  }
}

function writeRange(writer: ByteWriter, range: RangeRequest): void {
  writer.u8(
    (range.serializable ? rangeFlag.serializable : 0) |
      (range.keysOnly ? rangeFlag.keysOnly : 0) |
      (range.countOnly ? rangeFlag.countOnly : 0),
  );
  writer.lengthPrefixed(range.key);
  writer.lengthPrefixed(range.rangeEnd);
  writer.u8(sortOrders.indexOf(range.sortOrder));
  writer.u8(sortTargets.indexOf(range.sortTarget));
  writeSigned(writer, range.limit);
  writeSigned(writer, range.revision);
  writeSigned(writer, range.minModRevision);
  writeSigned(writer, range.maxModRevision);
  writeSigned(writer, range.minCreateRevision);
  writeSigned(writer, range.maxCreateRevision);
}

function readRange(reader: ByteReader): RangeRequest {
  const flags = readFlags(reader, rangeFlagsAll);
  return {
    type: "range",
    key: reader.lengthPrefixed(),
    rangeEnd: reader.lengthPrefixed(),
    sortOrder: readEnum(reader, sortOrders),
    sortTarget: readEnum(reader, sortTargets),
    limit: readSigned(reader),
    revision: readSigned(reader),
    minModRevision: readSigned(reader),
    maxModRevision: readSigned(reader),
    minCreateRevision: readSigned(reader),
    maxCreateRevision: readSigned(reader),
    serializable: (flags & rangeFlag.serializable) !== 0,
    keysOnly: (flags & rangeFlag.keysOnly) !== 0,
    countOnly: (flags & rangeFlag.countOnly) !== 0,
  };
}

function writeCompare(writer: ByteWriter, compare: Compare): void {
  writer.u8(compareTargets.indexOf(compare.target));
  writer.u8(compareResults.indexOf(compare.result));
  writer.lengthPrefixed(compare.key);
  writer.lengthPrefixed(compare.rangeEnd);
  switch (compare.target) {
    case "version":
    case "create":
    case "mod":
      writeSigned(writer, compare.value);
      break;
    case "value":
      writer.lengthPrefixed(compare.value);
      break;
    case "lease":
      int64(writer, compare.value);
      break;
    case "unknown":
      break;
    default:
      unreachable(compare);
  }
}

function readCompare(reader: ByteReader): Compare {
  const target = readEnum(reader, compareTargets);
  const result = readEnum(reader, compareResults);
  const key = reader.lengthPrefixed();
  const rangeEnd = reader.lengthPrefixed();
  switch (target) {
    case "version":
    case "create":
    case "mod":
      return { key, rangeEnd, result, target, value: readSigned(reader) };
    case "value":
      return { key, rangeEnd, result, target, value: reader.lengthPrefixed() };
    case "lease":
      return { key, rangeEnd, result, target, value: readInt64(reader) };
    case "unknown":
      return { key, rangeEnd, result, target };
    default:
      return unreachable(target);
  }
}

function readEnum<T>(reader: ByteReader, names: readonly T[]): T {
  const place = reader.u8();
  const name = names[place];
  if (name === undefined) {
    throw new UnsupportedFormat(`enumeration value ${place}: this version knows ${names.length}`);
  }
  return name;
}

/** A count of things that take at least one byte each: bounded by what is left. */
function readCount(reader: ByteReader): number {
  const count = reader.varint();
  if (count > reader.remaining) {
    throw new DecodeError("count exceeds what follows", reader.offset);
  }
  return count;
}
