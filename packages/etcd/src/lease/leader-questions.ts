/**
 * What members ask the leader about leases, because only it knows their time; and the form in which they ask. Each message
 * starts with a version; one that is not understood is answered as a failure, and the asker's request ends by its timeout.
 */
import { assert, ByteReader, ByteWriter, DecodeError } from "@quorate/base";

const questionFormatVersion = 1;
const kindNumber = { renew: 1, "time-to-live": 2 } as const;
const statusNumber = { failed: 0, gone: 1, found: 2 } as const;

/** A question about one lease. */
export interface LeaseQuestion {
  readonly kind: "renew" | "time-to-live";
  readonly id: bigint;
  /** Whether the keys of the lease are asked for. */
  readonly withKeys: boolean;
}

/** Its answer. `failed`: whoever was asked does not lead; nothing was done, ask again. */
export type LeaseAnswer =
  | { readonly status: "failed" | "gone" }
  | {
      readonly status: "found";
      /** What is left, in whole seconds. */
      readonly ttlSeconds: number;
      readonly grantedTtlSeconds: number;
      readonly keys: readonly Uint8Array[];
    };

/** The question's bytes. */
export function encodeQuestion(question: LeaseQuestion): Uint8Array {
  const writer = new ByteWriter(16);
  writer.u8(questionFormatVersion);
  writer.u8(kindNumber[question.kind]);
  const bits = BigInt.asUintN(64, question.id);
  writer.u32(Number(bits & 0xffffffffn));
  writer.u32(Number(bits >> 32n));
  writer.u8(question.withKeys ? 1 : 0);
  return writer.finish();
}

/** @throws DecodeError for bytes that are no question this version knows. */
export function decodeQuestion(bytes: Uint8Array): LeaseQuestion {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  const kind = reader.u8();
  const low = reader.u32();
  const id = BigInt.asIntN(64, (BigInt(reader.u32()) << 32n) | BigInt(low));
  const withKeys = reader.u8();
  reader.end();
  if (version !== questionFormatVersion || (kind !== 1 && kind !== 2) || withKeys > 1) {
    throw new DecodeError("a question of another version", 0);
  }
  return { kind: kind === kindNumber.renew ? "renew" : "time-to-live", id, withKeys: withKeys === 1 };
}

/** The answer's bytes. */
export function encodeAnswer(answer: LeaseAnswer): Uint8Array {
  const writer = new ByteWriter(64);
  writer.u8(questionFormatVersion);
  writer.u8(statusNumber[answer.status]);
  if (answer.status === "found") {
    assert(answer.ttlSeconds <= answer.grantedTtlSeconds, "lease answer: more left than granted");
    writer.varint(answer.ttlSeconds);
    writer.varint(answer.grantedTtlSeconds);
    writer.varint(answer.keys.length);
    for (const key of answer.keys) {
      writer.lengthPrefixed(key);
    }
  }
  return writer.finish();
}

/** @throws DecodeError for bytes that are no answer this version knows. */
export function decodeAnswer(bytes: Uint8Array): LeaseAnswer {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  const status = reader.u8();
  if (version !== questionFormatVersion || status > statusNumber.found) {
    throw new DecodeError("an answer of another version", 0);
  }
  if (status !== statusNumber.found) {
    reader.end();
    return { status: status === statusNumber.gone ? "gone" : "failed" };
  }
  const ttlSeconds = reader.varint();
  const grantedTtlSeconds = reader.varint();
  const count = reader.varint();
  if (count > reader.remaining) {
    throw new DecodeError("count exceeds what follows", reader.offset);
  }
  const keys: Uint8Array[] = [];
  for (let left = count; left > 0; left--) {
    keys.push(reader.lengthPrefixed());
  }
  reader.end();
  return { status: "found", ttlSeconds, grantedTtlSeconds, keys };
}
