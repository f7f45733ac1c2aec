/**
 * What members and leader say to each other about hashes: a wired format, so a version first, every length bounded, golden bytes in
 * the tests. A member asks which point to hash, reports what it found there, or asks whether its hash is the leader's.
 */
import { ByteReader, ByteWriter, DecodeError } from "@quorate/base";

const version = 1;

/** A place in the history at which members are comparable. */
export interface HashPoint {
  readonly revision: number;
  /** Where the history begins; −1 when it was never compacted. */
  readonly compactRevision: number;
}

/** From a member to the leader. */
export type HashQuestion =
  /** Which point is to be hashed now? */
  | { readonly kind: "poll" }
  /** The hash at the point of a round. */
  | { readonly kind: "report"; readonly round: number; readonly hash: number }
  /** Is this the leader's hash at the point, too? */
  | { readonly kind: "compare"; readonly point: HashPoint; readonly hash: number };

/** From the leader to a member. */
export type HashAnswer =
  /** Nothing to do, or taken. */
  | { readonly kind: "none" }
  | { readonly kind: "round"; readonly round: number; readonly point: HashPoint }
  /** `incomparable`: the leader has no hash at that point (yet, or any more). */
  | { readonly kind: "verdict"; readonly verdict: "equal" | "different" | "incomparable" };

const questionTags = { poll: 1, report: 2, compare: 3 } as const;
const answerTags = { none: 1, round: 2, verdict: 3 } as const;
const verdicts = ["equal", "different", "incomparable"] as const;

/** The bytes of a question. */
export function encodeQuestion(question: HashQuestion): Uint8Array {
  const writer = begin(questionTags[question.kind]);
  if (question.kind === "report") {
    writer.varint(question.round);
    writer.u32(question.hash);
  } else if (question.kind === "compare") {
    writePoint(writer, question.point);
    writer.u32(question.hash);
  }
  return writer.finish();
}

/** @throws DecodeError for bytes that are no question of this version. */
export function decodeQuestion(bytes: Uint8Array): HashQuestion {
  const { reader, tag } = open(bytes);
  const question = readQuestion(tag, reader);
  reader.end();
  return question;
}

function readQuestion(tag: number, reader: ByteReader): HashQuestion {
  switch (tag) {
    case questionTags.poll:
      return { kind: "poll" };
    case questionTags.report:
      return { kind: "report", round: reader.varint(), hash: reader.u32() };
    case questionTags.compare:
      return { kind: "compare", point: readPoint(reader), hash: reader.u32() };
    default:
      throw new DecodeError("hash question: unknown kind", 1);
  }
}

/** The bytes of an answer. */
export function encodeAnswer(answer: HashAnswer): Uint8Array {
  const writer = begin(answerTags[answer.kind]);
  if (answer.kind === "round") {
    writer.varint(answer.round);
    writePoint(writer, answer.point);
  } else if (answer.kind === "verdict") {
    writer.u8(verdicts.indexOf(answer.verdict));
  }
  return writer.finish();
}

/** @throws DecodeError for bytes that are no answer of this version. */
export function decodeAnswer(bytes: Uint8Array): HashAnswer {
  const { reader, tag } = open(bytes);
  const answer = readAnswer(tag, reader);
  reader.end();
  return answer;
}

function readAnswer(tag: number, reader: ByteReader): HashAnswer {
  switch (tag) {
    case answerTags.none:
      return { kind: "none" };
    case answerTags.round:
      return { kind: "round", round: reader.varint(), point: readPoint(reader) };
    case answerTags.verdict: {
      const verdict = verdicts[reader.u8()];
      if (verdict === undefined) {
        throw new DecodeError("hash answer: unknown verdict", 2);
      }
      return { kind: "verdict", verdict };
    }
    default:
      throw new DecodeError("hash answer: unknown kind", 1);
  }
}

function begin(tag: number): ByteWriter {
  const writer = new ByteWriter(32);
  writer.u8(version);
  writer.u8(tag);
  return writer;
}

function open(bytes: Uint8Array): { readonly reader: ByteReader; readonly tag: number } {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== version) {
    throw new DecodeError("hash message: unknown version", 0);
  }
  return { reader, tag: reader.u8() };
}

function writePoint(writer: ByteWriter, { compactRevision, revision }: HashPoint): void {
  writer.varint(revision);
  // Up by 1: a store that was never compacted has −1.
  writer.varint(compactRevision + 1);
}

function readPoint(reader: ByteReader): HashPoint {
  return { revision: reader.varint(), compactRevision: reader.varint() - 1 };
}
