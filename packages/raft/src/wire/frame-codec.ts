/** What travels between hosts, as frames: the group's id, then a message of the core or a request of the host itself. */
import { assert, type ByteReader, type ByteWriter, DecodeError } from "@quorate/base";
import type { GroupId, LeaderRequestRefusal, PeerFrame, RepairOutcome } from "../host/ports.ts";
import { toLogIndex } from "../types/ids.ts";
import type { ProposalRefusal } from "../types/proposal.ts";
import {
  beginFrame,
  chunkBytesMax,
  endFrame,
  entryCountMax,
  type FrameKind,
  readBytes,
  readCount,
  readFlag,
  requestBytesMax,
  requestChannelMax,
} from "./layout.ts";
import { messageKind, readMessage, writeMessage } from "./message-codec.ts";
import {
  readEntries,
  readIndex,
  readLogId,
  readNodeIdOrNone,
  readSnapshotMetadata,
  readTerm,
  writeEntries,
  writeLogId,
  writeSnapshotMetadata,
} from "./parts.ts";

/** The order stands on the wire: only append. */
const refusals: readonly ProposalRefusal[] = [
  "no-leader",
  "not-leader",
  "uncommitted-limit",
  "too-large",
  "transferring",
  "not-a-member",
  "stopped",
];

/** The order stands on the wire: only append. 0 stands for none. */
const requestRefusals: readonly LeaderRequestRefusal[] = [
  "no-leader",
  "not-leader",
  "unknown-channel",
  "stopped",
  "too-large",
  "too-many",
];

/** The order stands on the wire: only append. */
const outcomes: readonly RepairOutcome[] = ["entries", "conflict", "snapshot"];

/** Appends one frame of `group` to `writer`, so that the frames of a turn share one buffer. */
export function encodePeerFrame(writer: ByteWriter, group: GroupId, frame: PeerFrame): void {
  const kind = frame.kind === "message" ? messageKind(frame.message) : frame.kind;
  const start = beginFrame(writer, kind);
  writer.varint(group);
  if (frame.kind === "message") {
    writeMessage(writer, frame.message);
  } else {
    writeRequest(writer, frame);
  }
  endFrame(writer, start);
}

function writeRequest(writer: ByteWriter, frame: Exclude<PeerFrame, { readonly kind: "message" }>): void {
  switch (frame.kind) {
    case "propose":
      assert(frame.commands.length <= entryCountMax, "wire: too many commands");
      writer.varint(frame.term);
      writer.varint(frame.requestId);
      writer.varint(frame.commands.length);
      for (const command of frame.commands) {
        writer.lengthPrefixed(command);
      }
      return;
    case "propose-accepted":
      writer.varint(frame.requestId);
      writer.varint(frame.term);
      writer.varint(frame.firstIndex);
      writer.varint(frame.count);
      return;
    case "propose-refused":
      writer.varint(frame.requestId);
      writer.u8(refusals.indexOf(frame.reason));
      writer.varint(frame.leader);
      return;
    case "request":
      assert(frame.channel >= 1 && frame.channel <= requestChannelMax, "wire: not a channel");
      assert(frame.bytes.length <= requestBytesMax, "wire: request too long");
      writer.varint(frame.term);
      writer.varint(frame.requestId);
      writer.varint(frame.channel);
      writer.lengthPrefixed(frame.bytes);
      return;
    case "answer":
      assert(frame.bytes.length <= requestBytesMax, "wire: answer too long");
      writer.varint(frame.requestId);
      writer.u8(frame.refusal === null ? 0 : requestRefusals.indexOf(frame.refusal) + 1);
      writer.varint(frame.leader);
      writer.lengthPrefixed(frame.bytes);
      return;
    case "snapshot-chunk":
      assert(frame.chunk.length <= chunkBytesMax, "wire: chunk too long");
      writeSnapshotMetadata(writer, frame.snapshot);
      writer.varint(frame.term);
      writer.varint(frame.totalBytes);
      writer.varint(frame.offset);
      writer.lengthPrefixed(frame.chunk);
      return;
    case "snapshot-answer":
      writeSnapshotMetadata(writer, frame.snapshot);
      writer.varint(frame.offset);
      writer.u8(frame.failed ? 1 : 0);
      return;
    case "repair-request":
      writer.varint(frame.requestId);
      writer.varint(frame.term);
      writeLogId(writer, frame.previous);
      return;
    case "repair-answer":
      writeRepair(writer, frame);
      return;
  }
}

function writeRepair(writer: ByteWriter, answer: PeerFrame & { readonly kind: "repair-answer" }): void {
  writer.varint(answer.requestId);
  writer.varint(answer.term);
  writer.u8(outcomes.indexOf(answer.outcome));
  writeLogId(writer, answer.previous);
  writeLogId(writer, answer.last);
  writer.varint(answer.commit);
  writer.u32(answer.hash);
  writeEntries(writer, answer.entries);
}

/** A decoded frame: byte strings in it are views into the frame's buffer. */
export interface GroupFrame {
  readonly group: GroupId;
  readonly frame: PeerFrame;
}

/**
 * Reads the body of a frame of `kind`; null when frames of this kind are not for a group.
 *
 * @throws DecodeError when the bytes stand for none.
 */
export function readPeerFrame(reader: ByteReader, kind: FrameKind): GroupFrame | null {
  const group = reader.varint();
  const message = readMessage(reader, kind);
  const frame: PeerFrame | null = message === null ? readRequest(reader, kind) : { kind: "message", message };
  if (frame === null) {
    return null;
  }
  reader.end();
  return { group, frame };
}

function readRequest(reader: ByteReader, kind: FrameKind): PeerFrame | null {
  switch (kind) {
    case "propose":
      return { kind, term: readTerm(reader), requestId: reader.varint(), commands: readCommands(reader) };
    case "propose-accepted":
      return {
        kind,
        requestId: reader.varint(),
        term: readTerm(reader),
        firstIndex: readIndex(reader),
        count: reader.varint(),
      };
    case "propose-refused":
      return {
        kind,
        requestId: reader.varint(),
        reason: readRefusal(reader),
        leader: readNodeIdOrNone(reader),
      };
    case "request":
      return {
        kind,
        term: readTerm(reader),
        requestId: reader.varint(),
        channel: readChannel(reader),
        bytes: readBytes(reader, requestBytesMax, "request"),
      };
    case "answer":
      return {
        kind,
        requestId: reader.varint(),
        refusal: readRequestRefusal(reader),
        leader: readNodeIdOrNone(reader),
        bytes: readBytes(reader, requestBytesMax, "answer"),
      };
    case "snapshot-chunk":
      return {
        kind,
        snapshot: readSnapshotMetadata(reader),
        term: readTerm(reader),
        totalBytes: reader.varint(),
        offset: reader.varint(),
        chunk: readBytes(reader, chunkBytesMax, "chunk"),
      };
    case "snapshot-answer":
      return {
        kind,
        snapshot: readSnapshotMetadata(reader),
        offset: reader.varint(),
        failed: readFlag(reader),
      };
    case "repair-request":
      return { kind, requestId: reader.varint(), term: readTerm(reader), previous: readLogId(reader) };
    case "repair-answer":
      return readRepair(reader);
    default:
      return null;
  }
}

function readRepair(reader: ByteReader): PeerFrame {
  const requestId = reader.varint();
  const term = readTerm(reader);
  const at = reader.offset;
  const outcome = outcomes[reader.u8()];
  const previous = readLogId(reader);
  if (outcome === undefined || previous.index === Number.MAX_SAFE_INTEGER) {
    throw new DecodeError("impossible outcome of a repair", at);
  }
  const last = readLogId(reader);
  const commit = readIndex(reader);
  const hash = reader.u32();
  const entries = readEntries(reader, toLogIndex(previous.index + 1), 1);
  return { kind: "repair-answer", requestId, term, outcome, previous, last, commit, hash, entries };
}

function readCommands(reader: ByteReader): Uint8Array[] {
  const count = readCount(reader, entryCountMax, 1, "commands");
  const commands: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    commands.push(reader.lengthPrefixed());
  }
  return commands;
}

function readRefusal(reader: ByteReader): ProposalRefusal {
  const at = reader.offset;
  const reason = refusals[reader.u8()];
  if (reason === undefined) {
    throw new DecodeError("unknown reason of a refusal", at);
  }
  return reason;
}

function readChannel(reader: ByteReader): number {
  const at = reader.offset;
  const channel = reader.varint();
  if (channel < 1 || channel > requestChannelMax) {
    throw new DecodeError("not a channel", at);
  }
  return channel;
}

function readRequestRefusal(reader: ByteReader): LeaderRequestRefusal | null {
  const at = reader.offset;
  const number = reader.u8();
  const reason = number === 0 ? null : requestRefusals[number - 1];
  if (reason === undefined) {
    throw new DecodeError("unknown reason of a refusal", at);
  }
  return reason;
}
