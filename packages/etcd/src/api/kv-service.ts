/**
 * etcdserverpb.KV: what stands between a decoded request and a command or a read. Everything that does not depend on the
 * store's state is refused before it is proposed.
 */
import { assert } from "@quorate/base";
import { type CompactionRequest, checkRequest, type RequestOp, type TxnRequest } from "@quorate/kv";
import {
  decodeCompactionRequest,
  decodeDeleteRangeRequest,
  decodePutRequest,
  decodeRangeRequest,
} from "../codec/kv-requests.ts";
import {
  encodeDeleteRangeResponse,
  encodeHeaderOnly,
  encodePutResponse,
  encodeTxnResponse,
} from "../codec/kv-responses.ts";
import { decodeTxnRequest } from "../codec/txn-request.ts";
import type { UnaryApiCall } from "../ports.ts";
import type { ApiContext } from "./context.ts";
import { decodeOrFail, failWith } from "./failures.ts";
import { answerRange, refuseRead } from "./range-answer.ts";
import type { EncodeResult } from "./submission.ts";

const encodePut: EncodeResult = (writer, header, result) => {
  assert(result.type === "put", "kv service: a put answered by something else");
  encodePutResponse(writer, header, result);
};

const encodeDeleteRange: EncodeResult = (writer, header, result) => {
  assert(result.type === "delete-range", "kv service: a delete answered by something else");
  encodeDeleteRangeResponse(writer, header, result);
};

const encodeTxn: EncodeResult = (writer, header, result) => {
  assert(result.type === "txn", "kv service: a transaction answered by something else");
  encodeTxnResponse(writer, header, result);
};

const encodeCompaction: EncodeResult = (writer, header, result) => {
  assert(result.type === "compaction", "kv service: a compaction answered by something else");
  encodeHeaderOnly(writer, header);
};

/** KV.Range. */
export function handleRange(context: ApiContext, input: Uint8Array, call: UnaryApiCall): void {
  const request = decodeOrFail(call, input, decodeRangeRequest);
  if (request === null || !context.admit(call, request.serializable)) {
    return;
  }
  const refused = checkRequest(request);
  if (refused !== null) {
    failWith(call, refused);
  } else if (request.serializable) {
    answerRange(context, call, request);
  } else {
    context.readBarrier(call, () => answerRange(context, call, request));
  }
}

/** KV.Put. */
export function handlePut(context: ApiContext, input: Uint8Array, call: UnaryApiCall): void {
  const request = decodeOrFail(call, input, decodePutRequest);
  if (request === null || !context.admit(call, false)) {
    return;
  }
  const refused = checkRequest(request);
  if (refused === null) {
    context.submit(call, context.encode(request, input.length), encodePut);
  } else {
    failWith(call, refused);
  }
}

/** KV.DeleteRange. */
export function handleDeleteRange(context: ApiContext, input: Uint8Array, call: UnaryApiCall): void {
  const request = decodeOrFail(call, input, decodeDeleteRangeRequest);
  if (request === null || !context.admit(call, false)) {
    return;
  }
  const refused = checkRequest(request);
  if (refused === null) {
    context.submit(call, context.encode(request, input.length), encodeDeleteRange);
  } else {
    failWith(call, refused);
  }
}

/** KV.Txn. */
export function handleTxn(context: ApiContext, input: Uint8Array, call: UnaryApiCall): void {
  const request = decodeOrFail(call, input, decodeTxnRequest);
  if (request === null || !context.admit(call, false)) {
    return;
  }
  const refused = checkRequest(request, { txnOpCountMax: context.options.limits.txnOpCountMax });
  if (refused !== null) {
    failWith(call, refused);
  } else if (!isReadOnly(request)) {
    context.submit(call, context.encode(request, input.length), encodeTxn);
  } else if (isSerializable(request)) {
    answerTxn(context, call, request);
  } else {
    context.readBarrier(call, () => answerTxn(context, call, request));
  }
}

/** KV.Compact. */
export function handleCompact(context: ApiContext, input: Uint8Array, call: UnaryApiCall): void {
  const request: CompactionRequest | null = decodeOrFail(call, input, decodeCompactionRequest);
  if (request === null || !context.admit(call, false)) {
    return;
  }
  if (!request.physical) {
    context.submit(call, context.encode(request, input.length), encodeCompaction);
    return;
  }
  context.submitThen(call, context.encode(request, input.length), (result) => {
    // What is still hashed cannot be freed yet.
    if (!context.compactHashes.find(request.revision, () => sweepThen(context, call, result))) {
      sweepThen(context, call, result);
    }
  });
}

/** Records that one slice of a physical compaction looks at. PERF: some thousands take a millisecond. */
const recordsPerSlice = 4096;

/** Answers a compaction when this member has freed what it hid. What a reader still holds is freed when it lets go. */
function sweepThen(context: ApiContext, call: UnaryApiCall, result: Parameters<EncodeResult>[2]): void {
  const { defer, store } = context.options;
  const slice = (): void => {
    if (call.ended) {
      return;
    }
    if (store.sweep(recordsPerSlice)) {
      defer.defer(slice);
    } else {
      context.respond(call, (writer) => encodeCompaction(writer, context.header(result.revision), result));
    }
  };
  // Not from within the apply: what it hid is swept in turns of its own.
  defer.defer(slice);
}

function answerTxn(context: ApiContext, call: UnaryApiCall, request: TxnRequest): void {
  if (context.pace.isDue) {
    context.pace.later(call, () => answerTxn(context, call, request));
    return;
  }
  if (call.ended) {
    return;
  }
  const forbidden = context.auth.refuseOp(call, request);
  if (forbidden !== null) {
    refuseRead(context, call, isSerializable(request), forbidden, () => answerTxn(context, call, request));
    return;
  }
  const refused = context.refuseRead();
  if (refused !== null) {
    failWith(call, refused);
    return;
  }
  const result = context.options.store.readTxn(request);
  if (result.type === "refused") {
    failWith(call, result.code);
    return;
  }
  context.respond(call, (writer) => encodeTxnResponse(writer, context.header(result.revision), result));
}

function everyOp(txn: TxnRequest, holds: (op: RequestOp) => boolean): boolean {
  const check = (op: RequestOp): boolean => (op.type === "txn" ? everyOp(op, holds) : holds(op));
  return txn.success.every(check) && txn.failure.every(check);
}

/** Whether neither branch can write anything. */
function isReadOnly(txn: TxnRequest): boolean {
  return everyOp(txn, (op) => op.type === "range");
}

/**
 * Whether the client allowed a stale answer, by saying so for each range.
 *
 * ETCD: differs, a transaction without any range is linearized here: its compares are reads, and nobody allowed them to be
 * stale.
 */
function isSerializable(txn: TxnRequest): boolean {
  let rangeCount = 0;
  const all = everyOp(txn, (op) => {
    rangeCount++;
    return op.type === "range" && op.serializable;
  });
  return all && rangeCount > 0;
}
