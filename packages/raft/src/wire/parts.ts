/** The pieces that several frames share: ids, log ids, entries, snapshot metadata. */
import { assert, type ByteReader, type ByteWriter, DecodeError } from "@quorate/base";
import type { ConfState } from "../types/conf-state.ts";
import type { Entry, EntryType, LogId } from "../types/entry.ts";
import {
  type LogIndex,
  type NodeId,
  noNode,
  offsetIndex,
  type Term,
  toLogIndex,
  toNodeId,
  toTerm,
} from "../types/ids.ts";
import type { SnapshotMetadata } from "../types/snapshot.ts";
import { entryCountMax, memberCountMax, readCount, readFlag } from "./layout.ts";

const entryTypes: readonly EntryType[] = ["normal", "conf-change", "conf-change-v2"];

/** A member, never none. */
export function readNodeId(reader: ByteReader): NodeId {
  const at = reader.offset;
  const value = reader.varint();
  if (value === 0) {
    throw new DecodeError("member id 0", at);
  }
  return toNodeId(value);
}

/** A member, or `noNode`. */
export function readNodeIdOrNone(reader: ByteReader): NodeId {
  const value = reader.varint();
  return value === 0 ? noNode : toNodeId(value);
}

/** A term from outside. */
export function readTerm(reader: ByteReader): Term {
  return toTerm(reader.varint());
}

/** A log index from outside. */
export function readIndex(reader: ByteReader): LogIndex {
  return toLogIndex(reader.varint());
}

/** Term, then index. */
export function writeLogId(writer: ByteWriter, id: LogId): void {
  writer.varint(id.term);
  writer.varint(id.index);
}

/** Reads what {@link writeLogId} wrote. */
export function readLogId(reader: ByteReader): LogId {
  const term = readTerm(reader);
  return { term, index: readIndex(reader) };
}

/** Entries without their indexes: the reader counts from the first. */
export function writeEntries(writer: ByteWriter, entries: readonly Entry[]): void {
  assert(entries.length <= entryCountMax, "wire: too many entries");
  writer.varint(entries.length);
  // PERF: the hot loop of replication; one pass, no intermediate buffer.
  for (const entry of entries) {
    writer.u8(entryTypes.indexOf(entry.type));
    writer.varint(entry.term);
    writer.lengthPrefixed(entry.data);
  }
}

/** Entries that begin at `first` and follow each other (`step` 1), or all stand at it (`step` 0). Their data are views. */
export function readEntries(reader: ByteReader, first: LogIndex, step: 0 | 1): Entry[] {
  const count = readCount(reader, entryCountMax, 3, "entries");
  if (first + count > Number.MAX_SAFE_INTEGER) {
    throw new DecodeError("log index above 2^53", reader.offset);
  }
  const entries: Entry[] = [];
  for (let i = 0; i < count; i++) {
    const at = reader.offset;
    const type = entryTypes[reader.u8()];
    if (type === undefined) {
      throw new DecodeError("unknown type of an entry", at);
    }
    const term = readTerm(reader);
    entries.push({ term, index: offsetIndex(first, i * step), type, data: reader.lengthPrefixed() });
  }
  return entries;
}

/** Index, term, configuration. */
export function writeSnapshotMetadata(writer: ByteWriter, snapshot: SnapshotMetadata): void {
  writer.varint(snapshot.index);
  writer.varint(snapshot.term);
  writeConfState(writer, snapshot.confState);
}

/** The four lists, then the flag. */
export function writeConfState(writer: ByteWriter, confState: ConfState): void {
  for (const list of [
    confState.voters,
    confState.learners,
    confState.votersOutgoing,
    confState.learnersNext,
  ]) {
    assert(list.length <= memberCountMax, "wire: too many members");
    writer.varint(list.length);
    for (const id of list) {
      writer.varint(id);
    }
  }
  writer.u8(confState.autoLeave ? 1 : 0);
}

/** Reads what {@link writeSnapshotMetadata} wrote; the core judges the configuration. */
export function readSnapshotMetadata(reader: ByteReader): SnapshotMetadata {
  const index = readIndex(reader);
  const term = readTerm(reader);
  return { index, term, confState: readConfState(reader) };
}

/** Reads what {@link writeConfState} wrote; whether it is a possible configuration is for its user to judge. */
export function readConfState(reader: ByteReader): ConfState {
  return {
    voters: readMembers(reader),
    learners: readMembers(reader),
    votersOutgoing: readMembers(reader),
    learnersNext: readMembers(reader),
    autoLeave: readFlag(reader),
  };
}

function readMembers(reader: ByteReader): NodeId[] {
  const count = readCount(reader, memberCountMax, 1, "members");
  return Array.from({ length: count }, () => readNodeId(reader));
}
