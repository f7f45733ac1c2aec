/** Decoder of TxnRequest: compares, and operations that may be transactions again. */
import { assert, DecodeError, emptyBytes } from "@quorate/base";
import type { Compare, CompareResult, RequestOp, TxnRequest } from "@quorate/kv";
import {
  emptyDeleteRange,
  emptyPut,
  emptyRange,
  type Mutable,
  readDeleteRange,
  readPut,
  readRange,
} from "./kv-requests.ts";
import { ProtoReader, wireType } from "./proto-reader.ts";

/** Transactions within transactions; far above what the check of operations allows, it only bounds the stack. */
const depthMax = 1000;

const compareResults: readonly CompareResult[] = ["equal", "greater", "less", "not-equal"];

/** What a compare carries on the wire: the oneof, and apart from it the target that tells how to read it. */
interface WireCompare {
  result: number;
  target: number;
  key: Uint8Array;
  rangeEnd: Uint8Array;
  operandField: number;
  integer: number;
  bytes: Uint8Array;
  lease: bigint;
}

const { varint, bytes } = wireType;
const operandField = { version: 4, createRevision: 5, modRevision: 6, value: 7, lease: 8 } as const;

function readCompareField(reader: ProtoReader, tag: number, end: number, wire: WireCompare): void {
  const field = tag >>> 3;
  switch (tag) {
    case 1 * 8 + varint:
      wire.result = reader.enumNumber(end);
      return;
    case 2 * 8 + varint:
      wire.target = reader.enumNumber(end);
      return;
    case 3 * 8 + bytes:
      wire.key = reader.bytes(end);
      return;
    case operandField.version * 8 + varint:
    case operandField.createRevision * 8 + varint:
    case operandField.modRevision * 8 + varint:
      wire.operandField = field;
      wire.integer = reader.int64(end);
      return;
    case operandField.value * 8 + bytes:
      wire.operandField = field;
      wire.bytes = reader.bytes(end);
      return;
    case operandField.lease * 8 + varint:
      wire.operandField = field;
      wire.lease = reader.int64Exact(end);
      return;
    case 64 * 8 + bytes:
      wire.rangeEnd = reader.bytes(end);
      return;
    default:
      reader.skip(tag, end);
  }
}

function toCompare(wire: WireCompare): Compare {
  const base = {
    key: wire.key,
    rangeEnd: wire.rangeEnd,
    result: compareResults[wire.result] ?? "unknown",
  } as const;
  const { operandField: field } = wire;
  // ETCD: the target chooses what is compared; an operand of another kind counts as zero.
  switch (wire.target) {
    case 0:
      return { ...base, target: "version", value: field === operandField.version ? wire.integer : 0 };
    case 1:
      return { ...base, target: "create", value: field === operandField.createRevision ? wire.integer : 0 };
    case 2:
      return { ...base, target: "mod", value: field === operandField.modRevision ? wire.integer : 0 };
    case 3:
      return { ...base, target: "value", value: field === operandField.value ? wire.bytes : emptyBytes };
    case 4:
      return { ...base, target: "lease", value: field === operandField.lease ? wire.lease : 0n };
    default:
      return { ...base, target: "unknown" };
  }
}

function readCompare(reader: ProtoReader, end: number): Compare {
  const wire: WireCompare = {
    result: 0,
    target: 0,
    key: emptyBytes,
    rangeEnd: emptyBytes,
    operandField: 0,
    integer: 0,
    bytes: emptyBytes,
    lease: 0n,
  };
  while (reader.offset < end) {
    readCompareField(reader, reader.tag(end), end, wire);
  }
  return toCompare(wire);
}

interface MutableTxn {
  readonly type: "txn";
  readonly compares: Compare[];
  readonly success: RequestOp[];
  readonly failure: RequestOp[];
}

function emptyTxn(): MutableTxn {
  return { type: "txn", compares: [], success: [], failure: [] };
}

/** A oneof: the member that came last stands; the same member twice is merged. */
function readOp(reader: ProtoReader, end: number, depth: number): RequestOp {
  let op: RequestOp = { type: "none" };
  while (reader.offset < end) {
    const tag = reader.tag(end);
    if ((tag & 7) !== bytes || tag >>> 3 > 4) {
      reader.skip(tag, end);
      continue;
    }
    op = readOpMember(reader, tag >>> 3, reader.endOfBytes(end), op, depth);
  }
  return op;
}

function readOpMember(
  reader: ProtoReader,
  field: number,
  end: number,
  present: RequestOp,
  depth: number,
): RequestOp {
  switch (field) {
    case 1: {
      const range = present.type === "range" ? { ...present } : emptyRange();
      readRange(reader, end, range);
      return range;
    }
    case 2: {
      const put = present.type === "put" ? { ...present } : emptyPut();
      readPut(reader, end, put);
      return put;
    }
    case 3: {
      const deletion: Mutable<ReturnType<typeof emptyDeleteRange>> =
        present.type === "delete-range" ? { ...present } : emptyDeleteRange();
      readDeleteRange(reader, end, deletion);
      return deletion;
    }
    default: {
      assert(field === 4, "txn codec: no such operation");
      // In place: copying for each repetition would let a small message cost quadratic time.
      const txn = present.type === "txn" ? (present as MutableTxn) : emptyTxn();
      readTxn(reader, end, depth + 1, txn);
      return txn;
    }
  }
}

function readTxn(reader: ProtoReader, end: number, depth: number, target: MutableTxn): void {
  if (depth > depthMax) {
    throw new DecodeError("transactions nested too deep", reader.offset);
  }
  while (reader.offset < end) {
    const tag = reader.tag(end);
    switch (tag) {
      case 1 * 8 + bytes:
        target.compares.push(readCompare(reader, reader.endOfBytes(end)));
        break;
      case 2 * 8 + bytes:
        target.success.push(readOp(reader, reader.endOfBytes(end), depth));
        break;
      case 3 * 8 + bytes:
        target.failure.push(readOp(reader, reader.endOfBytes(end), depth));
        break;
      default:
        reader.skip(tag, end);
    }
  }
}

/**
 * A TxnRequest, its byte strings views into `input`.
 *
 * @throws DecodeError for bytes that are no protobuf message.
 */
export function decodeTxnRequest(input: Uint8Array): TxnRequest {
  const request = emptyTxn();
  readTxn(new ProtoReader(input), input.length, 0, request);
  return request;
}
