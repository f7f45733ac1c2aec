/**
 * What members ask the leader of their own accord, and its answers: changes of the membership, transfers of leadership. Wired
 * formats inside request frames, so: a version first, every length bounded, golden bytes in the tests.
 */
import { assert, ByteReader, ByteWriter, DecodeError, utf8Decode, utf8Encode } from "@quorate/base";
import type { ConfChangeSingle, ConfChangeTransition } from "../types/conf-change.ts";
import { type NodeId, toLogIndex } from "../types/ids.ts";
import type { ConfChangeRefusal } from "../types/proposal.ts";
import { readBytes, readCount, readFlag } from "../wire/layout.ts";
import { readConfState, readIndex, readNodeId, readNodeIdOrNone, writeConfState } from "../wire/parts.ts";
import { memberNotesMax, memberTextBytesMax } from "./member-codec.ts";
import type { MemberChange, MembershipChange, MembershipOutcome } from "./membership-change.ts";
import type { UnknownReason } from "./outcome.ts";
import type { TransferOutcome, TransferRefusal } from "./transfers.ts";

const version = 1;
/** Bytes of a sentence that says why. */
const problemBytesMax = 4096;

// The orders stand on the wire: only append.
const ops: readonly ConfChangeSingle["op"][] = ["add-voter", "add-learner", "remove", "update"];
const transitions: readonly ConfChangeTransition[] = ["auto", "implicit", "explicit"];
const forms: readonly ("single" | "joint")[] = ["single", "joint"];
const kinds: readonly string[] = ["applied", "refused", "conf-change", "unknown"];
const refusals: readonly (MembershipOutcome & { kind: "refused" })["reason"][] = [
  "no-leader",
  "not-leader",
  "uncommitted-limit",
  "too-large",
  "transferring",
  "not-a-member",
  "stopped",
  "leader-changed",
];
const changeRefusals: readonly ConfChangeRefusal[] = [
  "pending",
  "joint",
  "not-joint",
  "invalid",
  "conf-index",
  "quorum",
];
const unknowns: readonly UnknownReason[] = [
  "leader-changed",
  "connection-lost",
  "snapshot",
  "stopped",
  "abandoned",
];
const transferKinds: readonly TransferOutcome["kind"][] = ["done", "refused", "timed-out"];
const transferRefusals: readonly TransferRefusal[] = [
  "no-leader",
  "not-leader",
  "not-a-member",
  "learner",
  "already-leader",
  "unreachable",
  "no-candidate",
  "stopped",
];

/** The bytes of a change as it is asked for. */
export function encodeMembershipChange(change: MembershipChange): Uint8Array {
  const { changes, expectedConfIndex, form, transition } = change;
  assert(changes.length <= memberNotesMax, "request: too many steps");
  const writer = new ByteWriter(64);
  writer.u8(version);
  writeOption(writer, transition, (value) => writeName(writer, transitions, value));
  writeOption(writer, form, (value) => writeName(writer, forms, value));
  writeOption(writer, expectedConfIndex, (value) => writer.varint(value));
  writer.varint(changes.length);
  for (const { address, id, label, op, promote } of changes) {
    writeName(writer, ops, op);
    writer.varint(id);
    writeOption(writer, address, (value) => writeText(writer, value, memberTextBytesMax));
    writeOption(writer, label, (value) => writeText(writer, value, memberTextBytesMax));
    writeOption(writer, promote, (value) => writer.u8(value ? 1 : 0));
  }
  return writer.finish();
}

/** Reads what {@link encodeMembershipChange} wrote. @throws DecodeError when it did not. */
export function decodeMembershipChange(bytes: Uint8Array): MembershipChange {
  const reader = open(bytes);
  const transition = readOption(reader, () => readName(reader, transitions));
  const form = readOption(reader, () => readName(reader, forms));
  const expectedConfIndex = readOption(reader, () => readIndex(reader));
  const count = readCount(reader, memberNotesMax, 5, "steps");
  const changes = Array.from({ length: count }, () => readStep(reader));
  reader.end();
  return {
    changes,
    ...(transition === undefined ? {} : { transition }),
    ...(form === undefined ? {} : { form }),
    ...(expectedConfIndex === undefined ? {} : { expectedConfIndex }),
  };
}

function readStep(reader: ByteReader): MemberChange {
  const op = readName(reader, ops);
  const id = readNodeId(reader);
  const address = readOption(reader, () => readText(reader, memberTextBytesMax));
  const label = readOption(reader, () => readText(reader, memberTextBytesMax));
  const promote = readOption(reader, () => readFlag(reader));
  return {
    op,
    id,
    ...(address === undefined ? {} : { address }),
    ...(label === undefined ? {} : { label }),
    ...(promote === undefined ? {} : { promote }),
  };
}

/** The bytes of how a change ended. */
export function encodeMembershipOutcome(outcome: MembershipOutcome): Uint8Array {
  const writer = new ByteWriter(64);
  writer.u8(version);
  switch (outcome.kind) {
    case "applied":
      writeName(writer, kinds, "applied");
      writer.varint(outcome.confIndex);
      writeConfState(writer, outcome.confState);
      break;
    case "unknown":
      writeName(writer, kinds, "unknown");
      writeName(writer, unknowns, outcome.reason);
      break;
    case "refused":
      if (outcome.reason === "conf-change") {
        writeName(writer, kinds, "conf-change");
        writeName(writer, changeRefusals, outcome.refusal);
        writeText(writer, outcome.problem.slice(0, problemBytesMax / 4), problemBytesMax);
        writer.varint(outcome.confIndex);
      } else {
        writeName(writer, kinds, "refused");
        writeName(writer, refusals, outcome.reason);
        writer.varint(outcome.leader);
      }
      break;
  }
  return writer.finish();
}

/** Reads what {@link encodeMembershipOutcome} wrote. @throws DecodeError when it did not. */
export function decodeMembershipOutcome(bytes: Uint8Array): MembershipOutcome {
  const reader = open(bytes);
  const outcome = readOutcome(reader, readName(reader, kinds));
  reader.end();
  return outcome;
}

function readOutcome(reader: ByteReader, kind: string): MembershipOutcome {
  switch (kind) {
    case "applied":
      return { kind, confIndex: readIndex(reader), confState: readConfState(reader) };
    case "unknown":
      return { kind, reason: readName(reader, unknowns) };
    case "conf-change":
      return {
        kind: "refused",
        reason: "conf-change",
        refusal: readName(reader, changeRefusals),
        problem: readText(reader, problemBytesMax),
        confIndex: toLogIndex(reader.varint()),
      };
    default: {
      const reason = readName(reader, refusals);
      assert(reason !== "conf-change", "request: the list holds the other reasons");
      return { kind: "refused", reason, leader: readNodeIdOrNone(reader) };
    }
  }
}

/** The bytes of whom to hand over to; null leaves the choice to the leader. */
export function encodeTransfer(target: NodeId | null): Uint8Array {
  const writer = new ByteWriter(16);
  writer.u8(version);
  writer.varint(target ?? 0);
  return writer.finish();
}

/** Reads what {@link encodeTransfer} wrote. @throws DecodeError when it did not. */
export function decodeTransfer(bytes: Uint8Array): NodeId | null {
  const reader = open(bytes);
  const target = readNodeIdOrNone(reader);
  reader.end();
  return target === 0 ? null : target;
}

/** The bytes of how a transfer ended. */
export function encodeTransferOutcome(outcome: TransferOutcome): Uint8Array {
  const writer = new ByteWriter(16);
  writer.u8(version);
  writeName(writer, transferKinds, outcome.kind);
  if (outcome.kind === "done") {
    writer.varint(outcome.leader);
  } else {
    writer.varint(outcome.transferee);
  }
  if (outcome.kind === "refused") {
    writeName(writer, transferRefusals, outcome.reason);
    writer.varint(outcome.leader);
  }
  return writer.finish();
}

/** Reads what {@link encodeTransferOutcome} wrote. @throws DecodeError when it did not. */
export function decodeTransferOutcome(bytes: Uint8Array): TransferOutcome {
  const reader = open(bytes);
  const kind = readName(reader, transferKinds);
  const member = readNodeIdOrNone(reader);
  let outcome: TransferOutcome;
  if (kind === "done") {
    outcome = { kind, leader: member };
  } else if (kind === "timed-out") {
    outcome = { kind, transferee: member };
  } else {
    const reason = readName(reader, transferRefusals);
    outcome = { kind, reason, transferee: member, leader: readNodeIdOrNone(reader) };
  }
  reader.end();
  return outcome;
}

function open(bytes: Uint8Array): ByteReader {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== version) {
    throw new DecodeError("a request of another version", 0);
  }
  return reader;
}

function writeOption<T>(writer: ByteWriter, value: T | undefined, write: (value: T) => void): void {
  writer.u8(value === undefined ? 0 : 1);
  if (value !== undefined) {
    write(value);
  }
}

function readOption<T>(reader: ByteReader, read: () => T): T | undefined {
  return readFlag(reader) ? read() : undefined;
}

function writeName<T>(writer: ByteWriter, names: readonly T[], name: T): void {
  const number = names.indexOf(name);
  assert(number >= 0, "request: a name that has no number");
  writer.u8(number);
}

function readName<T>(reader: ByteReader, names: readonly T[]): T {
  const at = reader.offset;
  const name = names[reader.u8()];
  if (name === undefined) {
    throw new DecodeError("a number that has no name", at);
  }
  return name;
}

function writeText(writer: ByteWriter, text: string, bytesMax: number): void {
  const bytes = utf8Encode(text);
  assert(bytes.length <= bytesMax, "request: a text too long");
  writer.lengthPrefixed(bytes);
}

function readText(reader: ByteReader, bytesMax: number): string {
  const at = reader.offset;
  const text = utf8Decode(readBytes(reader, bytesMax, "text"));
  if (text === null) {
    throw new DecodeError("a text that is not UTF-8", at);
  }
  return text;
}
