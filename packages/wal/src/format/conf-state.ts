/** The configuration as it stands in the identity file and in snapshot headers. */
import { type ByteReader, type ByteWriter, DecodeError } from "@quorate/base";
import { type ConfState, type NodeId, toNodeId } from "@quorate/raft";

/** Most members in one list: a longer one is not read. */
const memberCountMax = 4096;

/** Appends the configuration. */
export function writeConfState(writer: ByteWriter, confState: ConfState): void {
  writeMembers(writer, confState.voters);
  writeMembers(writer, confState.learners);
  writeMembers(writer, confState.votersOutgoing);
  writeMembers(writer, confState.learnersNext);
  writer.u8(confState.autoLeave ? 1 : 0);
}

/** Reads what {@link writeConfState} wrote. @throws DecodeError where it is malformed. */
export function readConfState(reader: ByteReader): ConfState {
  const voters = readMembers(reader);
  const learners = readMembers(reader);
  const votersOutgoing = readMembers(reader);
  const learnersNext = readMembers(reader);
  const autoLeave = reader.u8();
  if (autoLeave > 1) {
    throw new DecodeError("conf state: flag is neither 0 nor 1", reader.offset - 1);
  }
  return { voters, learners, votersOutgoing, learnersNext, autoLeave: autoLeave === 1 };
}

function writeMembers(writer: ByteWriter, members: readonly NodeId[]): void {
  writer.varint(members.length);
  for (const member of members) {
    writer.u64(member);
  }
}

function readMembers(reader: ByteReader): NodeId[] {
  const at = reader.offset;
  const count = reader.varint();
  if (count > memberCountMax) {
    throw new DecodeError("conf state: too many members", at);
  }
  const members: NodeId[] = [];
  for (let i = 0; i < count; i++) {
    const id = reader.u64();
    if (id === 0) {
      throw new DecodeError("conf state: member 0", reader.offset - 8);
    }
    members.push(toNodeId(id));
  }
  return members;
}
