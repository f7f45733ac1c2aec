/**
 * The way from any configuration to one member alone, as entries of its own log: what remains when the others are lost for good.
 * RAFT §4.1 has none, because a majority must agree to each change; so it is for a new cluster, and only an operator decides it.
 */
import { assert, emptyBytes } from "@quorate/base";
import { changeConf, isJoint } from "./conf/changer.ts";
import { decodeConfChange, encodeConfChange, leaveJointChange } from "./conf/codec.ts";
import { decodeChangeNotes } from "./host/member-codec.ts";
import { idsOf } from "./host/member-record.ts";
import type { ConfChange } from "./types/conf-change.ts";
import type { ConfState } from "./types/conf-state.ts";
import type { Entry } from "./types/entry.ts";
import { type LogIndex, type NodeId, offsetIndex, type Term } from "./types/ids.ts";

/** The configuration behind `entry`, given the one before it. @throws DecodeError when it is a change that does not decode. */
export function confStateBehind(confState: ConfState, entry: Entry): ConfState {
  if (entry.type === "normal") {
    return confState;
  }
  const change = decodeConfChange(entry.data);
  const joins = idsOf(confState).length === 0 && change.context.length > 0;
  const before = joins ? decodeChangeNotes(change.context).base : confState;
  const outcome = changeConf(before, change);
  return outcome.ok ? outcome.confState : before;
}

/** The entries, from index `first` on, that leave `id` as the only voter. Empty where it is that already. */
export function soleMemberEntries(confState: ConfState, id: NodeId, first: LogIndex, term: Term): Entry[] {
  const entries: Entry[] = [];
  let present = confState;
  const add = (change: ConfChange, type: Entry["type"]): void => {
    const outcome = changeConf(present, change);
    assert(outcome.ok, "sole member: an impossible step");
    present = outcome.confState;
    entries.push({ index: offsetIndex(first, entries.length), term, type, data: encodeConfChange(change) });
  };
  const step = (op: "add-voter" | "remove", member: NodeId): void =>
    add({ transition: "auto", changes: [{ op, id: member }], context: emptyBytes }, "conf-change");
  if (isJoint(present)) {
    add(leaveJointChange, "conf-change-v2");
  }
  if (!present.voters.includes(id)) {
    step("add-voter", id);
  }
  for (const other of idsOf(present).filter((member) => member !== id)) {
    step("remove", other);
  }
  assert(present.voters.length === 1 && present.voters[0] === id, "sole member: others are left");
  assert(present.learners.length === 0, "sole member: learners are left");
  return entries;
}
