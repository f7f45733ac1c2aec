/** Keys in simple and fields output, shared by the commands that print them. */
import type {
  DeleteRangeResponse,
  KeyValueSchema,
  MessageShape,
  PutResponse,
  RangeResponse,
  TxnResponse,
} from "@quorate/etcd/messages";
import { quote } from "./go-text.ts";
import type { Line, Output } from "./output.ts";

/** A key with what belongs to it. */
type KeyValueMessage = MessageShape<typeof KeyValueSchema>;

/** Key and value, a line each. */
export function kvSimple(output: Output, kv: KeyValueMessage): Line[] {
  return [[output.bytes(kv.key)], [output.bytes(kv.value)]];
}

/** The fields of a key, each name behind `prefix`. */
export function kvFields(output: Output, prefix: string, kv: KeyValueMessage): string[] {
  const lease = output.hex ? BigInt.asUintN(64, kv.lease).toString(16).padStart(16, "0") : kv.lease;
  return [
    `"${prefix}Key" : ${quote(kv.key)}`,
    `"${prefix}CreateRevision" : ${kv.createRevision}`,
    `"${prefix}ModRevision" : ${kv.modRevision}`,
    `"${prefix}Version" : ${kv.version}`,
    `"${prefix}Value" : ${quote(kv.value)}`,
    `"${prefix}Lease" : ${lease}`,
  ];
}

/** The answer to a range. */
export const rangeForms = (
  output: Output,
  answer: RangeResponse,
): { simple: () => Line[]; fields: () => Line[] } => ({
  simple: () => answer.kvs.flatMap((kv) => kvSimple(output, kv)),
  fields: () => [
    ...output.header(answer.header),
    ...answer.kvs.flatMap((kv) => kvFields(output, "", kv)),
    `"More" : ${answer.more}`,
    `"Count" : ${answer.count}`,
  ],
});

/** The answer to a put. */
export const putForms = (
  output: Output,
  { header, prevKv }: PutResponse,
): { simple: () => Line[]; fields: () => Line[] } => ({
  simple: () => ["OK", ...(prevKv === undefined ? [] : kvSimple(output, prevKv))],
  fields: () => [...output.header(header), ...(prevKv === undefined ? [] : kvFields(output, "Prev", prevKv))],
});

/** The answer to a removal. */
export const deleteForms = (
  output: Output,
  { deleted, header, prevKvs }: DeleteRangeResponse,
): { simple: () => Line[]; fields: () => Line[] } => ({
  simple: () => [String(deleted), ...prevKvs.flatMap((kv) => kvSimple(output, kv))],
  fields: () => [
    ...output.header(header),
    `"Deleted" : ${deleted}`,
    ...prevKvs.flatMap((kv) => kvFields(output, "Prev", kv)),
  ],
});

/** The answer to a transaction. */
export const txnForms = (
  output: Output,
  answer: TxnResponse,
): { simple: () => Line[]; fields: () => Line[] } => ({
  simple: () => [
    answer.succeeded ? "SUCCESS" : "FAILURE",
    ...answer.responses.flatMap(({ response }) => ["", ...opForms(output, response).simple()]),
  ],
  fields: () => [
    ...output.header(answer.header),
    `"Succeeded" : ${answer.succeeded}`,
    ...answer.responses.flatMap(({ response }) => opForms(output, response).fields()),
  ],
});

function opForms(
  output: Output,
  response: TxnResponse["responses"][number]["response"],
): { simple: () => Line[]; fields: () => Line[] } {
  switch (response.case) {
    case "responseRange":
      return rangeForms(output, response.value);
    case "responsePut":
      return putForms(output, response.value);
    case "responseDeleteRange":
      return deleteForms(output, response.value);
    case "responseTxn":
      return txnForms(output, response.value);
    default:
      return { simple: () => [], fields: () => [] };
  }
}
