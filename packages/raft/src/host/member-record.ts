/**
 * The members as the log told of them: where each is reached, what it is called, who was removed. It changes only by what is
 * applied, so it is the same on every member that has applied the same index.
 */
import { assert } from "@quorate/base";
import type { ConfState } from "../types/conf-state.ts";
import { indexZero, type LogIndex, type NodeId } from "../types/ids.ts";
import type { MemberInfo } from "../types/member.ts";
import { type MemberNotes, memberNotesMax } from "./member-codec.ts";

/** The membership before any change. */
export const noNotes: MemberNotes = { confIndex: indexZero, members: [], removed: [] };

/** Whether a joint configuration is in force. RAFT §4.3. */
export function isJoint(confState: ConfState): boolean {
  return confState.votersOutgoing.length > 0;
}

/** Everybody who is part of `confState`, ascending. */
export function idsOf(confState: ConfState): readonly NodeId[] {
  const { learners, voters, votersOutgoing } = confState;
  // A voter to be demoted is an outgoing voter, so `learnersNext` adds nobody.
  return [...new Set([...voters, ...votersOutgoing, ...learners])].sort((left, right) => left - right);
}

/** Whether two configurations are the same; both have their lists in order. */
export function sameConfState(left: ConfState, right: ConfState): boolean {
  const same = (a: readonly NodeId[], b: readonly NodeId[]): boolean =>
    a.length === b.length && a.every((id, i) => id === b[i]);
  return (
    same(left.voters, right.voters) &&
    same(left.learners, right.learners) &&
    same(left.votersOutgoing, right.votersOutgoing) &&
    same(left.learnersNext, right.learnersNext) &&
    left.autoLeave === right.autoLeave
  );
}

/** The notes after a change was applied at `index` that led from `before` to `after`. */
export function notesAfter(
  notes: MemberNotes,
  told: readonly MemberInfo[],
  before: ConfState,
  after: ConfState,
  index: LogIndex,
): MemberNotes {
  assert(index > notes.confIndex, "members: changes are applied in order");
  const present = new Set(idsOf(after));
  const known = new Map(notes.members.map((member) => [member.id, member]));
  for (const member of told) {
    known.set(member.id, merged(known.get(member.id), member));
  }
  const members = [...known.values()]
    .filter(({ id }) => present.has(id))
    .map((member) => (after.voters.includes(member.id) ? { ...member, promote: false } : member))
    .sort((left, right) => left.id - right.id);
  const gone = idsOf(before).filter((id) => !present.has(id));
  const removed = [...notes.removed.filter((id) => !present.has(id)), ...gone].slice(-memberNotesMax);
  assert(new Set(removed).size === removed.length, "members: removed twice");
  return { confIndex: index, members, removed };
}

/** What a change leaves out stays as it was. */
function merged(old: MemberInfo | undefined, told: MemberInfo): MemberInfo {
  return {
    id: told.id,
    address: told.address === "" ? (old?.address ?? "") : told.address,
    label: told.label === "" ? (old?.label ?? "") : told.label,
    promote: told.promote,
  };
}
