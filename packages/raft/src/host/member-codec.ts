/**
 * What the host adds to configuration changes and to snapshots: the members' addresses and names, and the configuration that a
 * change rests on. Stored formats, so: a version first, every length bounded, golden bytes in the tests.
 */
import { assert, ByteReader, ByteWriter, crc32c, DecodeError, utf8Decode, utf8Encode } from "@quorate/base";
import type { ConfState } from "../types/conf-state.ts";
import { type LogIndex, type NodeId, toLogIndex } from "../types/ids.ts";
import type { MemberInfo } from "../types/member.ts";
import { addressBytesMax } from "../wire/layout.ts";
import { readConfState, readNodeId, writeConfState } from "../wire/parts.ts";

const version = 1;
const sectionMagic = 0x4d42_5251; // "QRBM"

/** Bytes of an address, and of a label, as UTF-8. */
export const memberTextBytesMax: number = addressBytesMax;
/** Members, and ids of former members, that a section holds. */
export const memberNotesMax = 4096;
/** Bytes before a section's body: magic, length and checksum of the body. */
export const sectionHeaderBytes = 12;
/** Bytes of a section's body. */
const sectionBytesMax: number = 4 * 1024 * 1024;

/** The context of a configuration change. */
interface ChangeNotes {
  /** The configuration that the change was made for: a new member takes it up, all others hold their own against it. */
  readonly base: ConfState;
  /** The members that the change adds or updates. */
  readonly members: readonly MemberInfo[];
}

/** The membership at one index: what a snapshot carries beside the configuration. */
export interface MemberNotes {
  /** Where the configuration in force was applied; 0 for the one that the group began with. */
  readonly confIndex: LogIndex;
  /** Ascending by id: those members that a change told of. */
  readonly members: readonly MemberInfo[];
  /** Those who were members and are no longer, the latest last. Their ids are not used again. */
  readonly removed: readonly NodeId[];
}

/** The bytes of a change's context. */
export function encodeChangeNotes(notes: ChangeNotes): Uint8Array {
  const writer = new ByteWriter(128);
  writer.u8(version);
  writeConfState(writer, notes.base);
  writeMembers(writer, notes.members);
  return writer.finish();
}

/** Reads what {@link encodeChangeNotes} wrote. @throws DecodeError when it did not. */
export function decodeChangeNotes(bytes: Uint8Array): ChangeNotes {
  const reader = new ByteReader(bytes);
  readVersion(reader);
  const base = readConfState(reader);
  const members = readMembers(reader);
  reader.end();
  return { base, members };
}

/** The section at the start of each image. */
export function encodeMemberSection(notes: MemberNotes): Uint8Array {
  const body = new ByteWriter(256);
  body.u8(version);
  body.varint(notes.confIndex);
  writeMembers(body, notes.members);
  assert(notes.removed.length <= memberNotesMax, "members: too many former members");
  body.varint(notes.removed.length);
  for (const id of notes.removed) {
    body.varint(id);
  }
  const bytes = body.finish();
  assert(bytes.length <= sectionBytesMax, "members: section too long");
  const writer = new ByteWriter(sectionHeaderBytes + bytes.length);
  writer.u32(sectionMagic);
  writer.u32(bytes.length);
  writer.u32(crc32c(bytes));
  writer.bytes(bytes);
  return writer.finish();
}

/** Length of the body after `header`. @throws DecodeError when no section begins there. */
export function memberSectionBytes(header: Uint8Array): number {
  const reader = new ByteReader(header);
  if (reader.u32() !== sectionMagic) {
    throw new DecodeError("the image does not begin with its members", 0);
  }
  const length = reader.u32();
  if (length > sectionBytesMax) {
    throw new DecodeError("the members of an image are too many", 4);
  }
  return length;
}

/** Reads what {@link encodeMemberSection} wrote. @throws DecodeError when it did not. */
export function decodeMemberSection(header: Uint8Array, body: Uint8Array): MemberNotes {
  if (body.length !== memberSectionBytes(header)) {
    throw new DecodeError("length of the members of an image", 4);
  }
  if (new ByteReader(header, 8).u32() !== crc32c(body)) {
    throw new DecodeError("checksum of the members of an image", 8);
  }
  const reader = new ByteReader(body);
  readVersion(reader);
  const confIndex = toLogIndex(reader.varint());
  const members = readMembers(reader);
  const count = readBounded(reader, memberNotesMax, "former members");
  const removed = Array.from({ length: count }, () => readNodeId(reader));
  reader.end();
  return { confIndex, members, removed };
}

function writeMembers(writer: ByteWriter, members: readonly MemberInfo[]): void {
  assert(members.length <= memberNotesMax, "members: too many");
  writer.varint(members.length);
  for (const { address, id, label, promote } of members) {
    writer.varint(id);
    writeText(writer, address);
    writeText(writer, label);
    writer.u8(promote ? 1 : 0);
  }
}

function readMembers(reader: ByteReader): MemberInfo[] {
  const count = readBounded(reader, memberNotesMax, "members");
  return Array.from({ length: count }, () => readMember(reader));
}

function readMember(reader: ByteReader): MemberInfo {
  const id = readNodeId(reader);
  const address = readText(reader);
  const label = readText(reader);
  const flag = reader.u8();
  if (flag > 1) {
    throw new DecodeError("a flag is neither 0 nor 1", reader.offset);
  }
  return { id, address, label, promote: flag === 1 };
}

function writeText(writer: ByteWriter, text: string): void {
  const bytes = utf8Encode(text);
  assert(bytes.length <= memberTextBytesMax, "members: text too long");
  writer.lengthPrefixed(bytes);
}

function readText(reader: ByteReader): string {
  const at = reader.offset;
  const bytes = reader.lengthPrefixed();
  const text = bytes.length <= memberTextBytesMax ? utf8Decode(bytes) : null;
  if (text === null) {
    throw new DecodeError("text of a member", at);
  }
  return text;
}

function readVersion(reader: ByteReader): void {
  if (reader.u8() !== version) {
    throw new DecodeError("unknown version of member notes", 0);
  }
}

function readBounded(reader: ByteReader, max: number, what: string): number {
  const count = reader.varint();
  if (count > max || count > reader.remaining) {
    throw new DecodeError(`too many ${what}`, reader.offset);
  }
  return count;
}
