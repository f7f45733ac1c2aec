/**
 * What a transaction's operations answer, nested as deep as the transaction was. Sizes are computed once, bottom up, and
 * consumed in the order of writing: computing them at each level again would cost depth times size.
 */
import { assert, type ByteWriter, unreachable } from "@quorate/base";
import type { DeleteRangeResult, PutResult, RangeResult, ResponseOp, TxnResult } from "@quorate/kv";
import { keyValueSize, writeKeyValue } from "./key-value.ts";
import { bytesFieldSize, varintFieldSize, writeFieldStart, writeVarintField } from "./proto-size.ts";

/** Field of each kind of answer in ResponseOp. */
const opField = { range: 1, put: 2, "delete-range": 3, txn: 4 } as const;

/** Sizes of ResponseOps and of the messages in them, in the order in which they are written. */
export class TxnSizes {
  readonly #sizes: number[] = [];
  #next = 0;

  constructor(responses: readonly ResponseOp[]) {
    for (const op of responses) {
      this.#measureOp(op);
    }
  }

  /** The size that is written next. */
  next(): number {
    const size = this.#sizes[this.#next++];
    assert(size !== undefined, "txn codec: more messages than measured");
    return size;
  }

  /** Asserts that every size was written. */
  end(): void {
    assert(this.#next === this.#sizes.length, "txn codec: fewer messages than measured");
  }

  /** Appends the op's size, then its message's size, then what is in it; returns the op's size with tag and length. */
  #measureOp(op: ResponseOp): number {
    const at = this.#sizes.length;
    this.#sizes.push(0, 0);
    const messageSize = this.#measureMessage(op);
    const opSize = bytesFieldSize(messageSize);
    this.#sizes[at] = opSize;
    this.#sizes[at + 1] = messageSize;
    return bytesFieldSize(opSize);
  }

  #measureMessage(op: ResponseOp): number {
    switch (op.type) {
      case "range":
        return rangeSize(op);
      case "put":
        return putSize(op);
      case "delete-range":
        return deleteRangeSize(op);
      case "txn": {
        // The header of an inner transaction is there, and empty.
        let size = bytesFieldSize(0) + varintFieldSize(op.succeeded ? 1 : 0);
        for (const inner of op.responses) {
          size += this.#measureOp(inner);
        }
        return size;
      }
      default:
        return unreachable(op);
    }
  }
}

function innerHeaderSize(revision: number): number {
  return bytesFieldSize(varintFieldSize(revision));
}

function rangeSize(result: RangeResult): number {
  let size =
    innerHeaderSize(result.revision) + varintFieldSize(result.more ? 1 : 0) + varintFieldSize(result.count);
  for (const kv of result.kvs) {
    size += bytesFieldSize(keyValueSize(kv));
  }
  return size;
}

function putSize(result: PutResult): number {
  const prevKv = result.prevKv === null ? 0 : bytesFieldSize(keyValueSize(result.prevKv));
  return innerHeaderSize(result.revision) + prevKv;
}

function deleteRangeSize(result: DeleteRangeResult): number {
  let size = innerHeaderSize(result.revision) + varintFieldSize(result.deleted);
  for (const kv of result.prevKvs) {
    size += bytesFieldSize(keyValueSize(kv));
  }
  return size;
}

/** ETCD: answers within a transaction carry a header with the revision alone; an inner transaction's is empty. */
function writeInnerHeader(writer: ByteWriter, revision: number): void {
  writeFieldStart(writer, 1, varintFieldSize(revision));
  writeVarintField(writer, 3, revision);
}

/** Writes the fields of one ResponseOp, whose own size was taken already. */
export function writeResponseOp(writer: ByteWriter, op: ResponseOp, sizes: TxnSizes): void {
  const size = sizes.next();
  writeFieldStart(writer, opField[op.type], size);
  const from = writer.length;
  switch (op.type) {
    case "range":
      writeInnerHeader(writer, op.revision);
      for (const kv of op.kvs) {
        writeKeyValue(writer, 2, kv);
      }
      writeVarintField(writer, 3, op.more ? 1 : 0);
      writeVarintField(writer, 4, op.count);
      break;
    case "put":
      writeInnerHeader(writer, op.revision);
      if (op.prevKv !== null) {
        writeKeyValue(writer, 2, op.prevKv);
      }
      break;
    case "delete-range":
      writeInnerHeader(writer, op.revision);
      writeVarintField(writer, 2, op.deleted);
      for (const kv of op.prevKvs) {
        writeKeyValue(writer, 3, kv);
      }
      break;
    case "txn":
      writeInnerTxn(writer, op, sizes);
      break;
    default:
      unreachable(op);
  }
  assert(writer.length - from === size, "txn codec: measured another size than was written");
}

function writeInnerTxn(writer: ByteWriter, txn: TxnResult, sizes: TxnSizes): void {
  writeInnerHeader(writer, 0);
  writeVarintField(writer, 2, txn.succeeded ? 1 : 0);
  for (const inner of txn.responses) {
    writeFieldStart(writer, 3, sizes.next());
    writeResponseOp(writer, inner, sizes);
  }
}
