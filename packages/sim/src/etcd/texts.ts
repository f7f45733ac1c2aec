/**
 * Answers as text, from whichever side they come: what a member's state machine answered, what the model did, what a client read from
 * the wire. Equal answers have equal texts. Revisions of whole answers are compared beside, because not every answer carries one.
 */
import { must, unreachable, utf8Decode } from "@quorate/base";
import type { KeyValue, KvResult, ResponseOp } from "@quorate/kv";
import type { Message } from "./protobuf.ts";

/** A pair with keys and values as text, which all of this world's are. */
export interface TextPair {
  readonly key: string;
  readonly value: string;
  readonly create: number;
  readonly mod: number;
  readonly version: number;
  readonly lease: bigint | number;
}

/** The text of bytes. */
export function textOf(bytes: Uint8Array): string {
  return must(utf8Decode(bytes), "texts: not text");
}

/** One pair. */
export function pairText({ key, value, create, mod, version, lease }: TextPair): string {
  return `${key}=${value}@${create}/${mod}/${version}/${lease}`;
}

function pairsText(pairs: readonly (TextPair | null)[]): string {
  return pairs.map((pair) => (pair === null ? "-" : pairText(pair))).join(",");
}

/** What a put answers. */
export function putText(prev: TextPair | null): string {
  return `put ${pairsText([prev])}`;
}

/** What a range answers. */
export function rangeText(pairs: readonly TextPair[], count: number, more: boolean): string {
  return `range ${count}${more ? "+" : ""} ${pairsText(pairs)}`;
}

/** What a delete answers. */
export function deleteText(deleted: number, prevs: readonly TextPair[]): string {
  return `delete ${deleted} ${pairsText(prevs)}`;
}

/** What a transaction answers. */
export function txnText(succeeded: boolean, responses: readonly string[]): string {
  return `txn ${succeeded} [${responses.join("; ")}]`;
}

/** What a grant answers. */
export function grantText(id: bigint | number, ttlSeconds: number): string {
  return `lease-grant ${id} ${ttlSeconds}`;
}

/** A refusal, wherever it was made. */
export function refusalText(code: string): string {
  return `refused ${code}`;
}

/** A store's pair as text. */
export function pairOf(kv: KeyValue): TextPair {
  return {
    key: textOf(kv.key),
    value: textOf(kv.value),
    create: kv.createRevision,
    mod: kv.modRevision,
    version: kv.version,
    lease: kv.lease,
  };
}

/** The answer of a member's state machine. */
export function resultText(result: KvResult): string {
  switch (result.type) {
    case "put":
    case "delete-range":
    case "txn":
      return responseText(result);
    case "refused":
      return refusalText(result.code);
    case "lease-grant":
      return grantText(result.id, result.ttlSeconds);
    case "alarm":
      return `alarm ${result.alarms.map(({ alarm, memberId }) => `${alarm}/${memberId}`).join()}`;
    default:
      return result.type;
  }
}

function responseText(response: ResponseOp): string {
  switch (response.type) {
    case "put":
      return putText(response.prevKv === null ? null : pairOf(response.prevKv));
    case "range":
      return rangeText(response.kvs.map(pairOf), response.count, response.more);
    case "delete-range":
      return deleteText(response.deleted, response.prevKvs.map(pairOf));
    case "txn":
      return txnText(response.succeeded, response.responses.map(responseText));
    default:
      return unreachable(response);
  }
}

/** etcd's mvccpb.KeyValue. */
export function pairOfMessage(message: Message): TextPair {
  return {
    key: message.text(1),
    create: message.number(2),
    mod: message.number(3),
    version: message.number(4),
    value: message.text(5),
    lease: message.number(6),
  };
}

function optionalPair(message: Message | null): TextPair | null {
  return message === null ? null : pairOfMessage(message);
}

/** Which message an answer is. */
export type AnswerKind =
  | "put"
  | "range"
  | "delete-range"
  | "txn"
  | "lease-grant"
  | "compaction"
  | "auth"
  | "lease-revoke";

/** The answer that a client read from the wire, by etcd's field numbers. */
export function messageText(kind: AnswerKind, message: Message): string {
  switch (kind) {
    case "put":
      return putText(optionalPair(message.message(2)));
    case "range":
      return rangeText(message.messages(2).map(pairOfMessage), message.number(4), message.flag(3));
    case "delete-range":
      return deleteText(message.number(2), message.messages(3).map(pairOfMessage));
    case "txn":
      return txnText(message.flag(2), message.messages(3).map(responseOpText));
    case "lease-grant":
      return grantText(message.number(2), message.number(3));
    default:
      return kind;
  }
}

const responseKinds = ["range", "put", "delete-range", "txn"] as const;

/** etcd's ResponseOp: one of four messages. */
function responseOpText(message: Message): string {
  const at = responseKinds.findIndex((_, place) => message.message(place + 1) !== null);
  const kind = must(responseKinds[at], "texts: an operation without a response");
  return messageText(kind, must(message.message(at + 1), "texts: no response"));
}
