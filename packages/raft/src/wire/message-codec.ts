/** The core's messages as frame bodies: one kind of frame for each variant, so that a body holds nothing but its own fields. */
import { type ByteReader, type ByteWriter, DecodeError } from "@quorate/base";
import { indexZero, toLogIndex } from "../types/ids.ts";
import type { AppendEntries, Message } from "../types/message.ts";
import { contextBytesMax, type FrameKind, readBytes, readFlag } from "./layout.ts";
import {
  readEntries,
  readIndex,
  readLogId,
  readNodeId,
  readSnapshotMetadata,
  readTerm,
  writeEntries,
  writeLogId,
  writeSnapshotMetadata,
} from "./parts.ts";

/** The kind of frame that carries `message`. */
export function messageKind(message: Message): FrameKind {
  if (message.type === "append-response") {
    return message.rejected ? "append-rejected" : "append-accepted";
  }
  return message.type;
}

/** Appends the body of `message`. */
export function writeMessage(writer: ByteWriter, message: Message): void {
  if (message.type === "append-entries") {
    writeAppendHead(writer, message);
    writeEntries(writer, message.entries);
    return;
  }
  writeHeader(writer, message);
  switch (message.type) {
    case "append-response":
      writer.varint(message.index);
      if (message.rejected) {
        writeLogId(writer, message.hint);
      }
      return;
    case "request-vote":
    case "pre-vote":
      writeLogId(writer, message.last);
      writer.u8(message.leadershipTransfer ? 1 : 0);
      return;
    case "vote-response":
    case "pre-vote-response":
      writer.u8(message.granted ? 1 : 0);
      return;
    case "heartbeat":
      writer.varint(message.commit);
      writer.lengthPrefixed(message.context);
      return;
    case "heartbeat-response":
    case "read-index":
      writer.lengthPrefixed(message.context);
      return;
    case "read-index-response":
      writer.varint(message.index);
      writer.lengthPrefixed(message.context);
      return;
    case "install-snapshot":
      writeSnapshotMetadata(writer, message.snapshot);
      return;
    case "forward-proposal":
      writeEntries(writer, message.entries);
      return;
    case "timeout-now":
    case "transfer-leadership":
      return;
  }
}

/** Appends what stands before the entries. */
export function writeAppendHead(writer: ByteWriter, message: AppendEntries): void {
  writeHeader(writer, message);
  writeLogId(writer, message.previous);
  writer.varint(message.commit);
}

function writeHeader(writer: ByteWriter, { from, to, term }: Message): void {
  writer.varint(from);
  writer.varint(to);
  writer.varint(term);
}

/**
 * Reads the body of a frame of `kind`; null when frames of this kind carry no message.
 *
 * @throws DecodeError when the bytes stand for none.
 */
export function readMessage(reader: ByteReader, kind: FrameKind): Message | null {
  if (!isMessageKind(kind)) {
    return null;
  }
  const from = readNodeId(reader);
  const to = readNodeId(reader);
  const term = readTerm(reader);
  // PERF: each field by its name; spread from an object that they share they took as long as all of the reading.
  switch (kind) {
    case "append-entries": {
      const at = reader.offset;
      const previous = readLogId(reader);
      if (previous.index === Number.MAX_SAFE_INTEGER) {
        throw new DecodeError("log index above 2^53", at);
      }
      const commit = readIndex(reader);
      const entries = readEntries(reader, toLogIndex(previous.index + 1), 1);
      return { type: kind, from, to, term, previous, commit, entries };
    }
    case "append-accepted":
      return { type: "append-response", from, to, term, rejected: false, index: readIndex(reader) };
    case "append-rejected":
      return {
        type: "append-response",
        from,
        to,
        term,
        rejected: true,
        index: readIndex(reader),
        hint: readLogId(reader),
      };
    case "request-vote":
    case "pre-vote":
      return { type: kind, from, to, term, last: readLogId(reader), leadershipTransfer: readFlag(reader) };
    case "vote-response":
    case "pre-vote-response":
      return { type: kind, from, to, term, granted: readFlag(reader) };
    case "heartbeat":
      return { type: kind, from, to, term, commit: readIndex(reader), context: readContext(reader) };
    case "heartbeat-response":
    case "read-index":
      return { type: kind, from, to, term, context: readContext(reader) };
    case "read-index-response":
      return { type: kind, from, to, term, index: readIndex(reader), context: readContext(reader) };
    case "install-snapshot":
      return { type: kind, from, to, term, snapshot: readSnapshotMetadata(reader) };
    case "forward-proposal":
      return { type: kind, from, to, term, entries: readEntries(reader, indexZero, 0) };
    case "timeout-now":
    case "transfer-leadership":
      return { type: kind, from, to, term };
  }
}

type MessageKind = ReturnType<typeof messageKind> &
  (Exclude<Message["type"], "append-response"> | "append-accepted" | "append-rejected");

const messageKinds: Readonly<Record<MessageKind, true>> = {
  "append-entries": true,
  "append-accepted": true,
  "append-rejected": true,
  "request-vote": true,
  "pre-vote": true,
  "vote-response": true,
  "pre-vote-response": true,
  heartbeat: true,
  "heartbeat-response": true,
  "install-snapshot": true,
  "timeout-now": true,
  "forward-proposal": true,
  "read-index": true,
  "read-index-response": true,
  "transfer-leadership": true,
};

function isMessageKind(kind: FrameKind): kind is MessageKind {
  return Object.hasOwn(messageKinds, kind);
}

function readContext(reader: ByteReader): Uint8Array {
  return readBytes(reader, contextBytesMax, "context");
}
