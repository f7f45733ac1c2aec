/**
 * ADR 15: a member whose log lost its end to damage does not vote below what it had, and does not campaign, until it has all of that
 * again. Held against what its disk had before the damage, which the member itself may not know any more.
 */
import type { PeerFrame } from "@quorate/raft";
import { promise } from "../violation.ts";
import type { Committed } from "./committed.ts";
import { isBelow, type MemberModel, type Promised } from "./member-model.ts";

/** A frame leaves a member that minds a floor; `memberOf` finds whom it is for. */
export function checkFloorKept(
  member: MemberModel,
  frame: PeerFrame,
  committed: Committed,
  memberOf: (id: MemberModel["id"]) => MemberModel,
): void {
  if (member.promised === null || frame.kind !== "message") {
    return;
  }
  const { message } = frame;
  if (message.type === "request-vote" || message.type === "pre-vote") {
    checkReaches(member, member, committed, "campaigns");
  } else if (message.type === "vote-response" && message.granted) {
    checkReaches(member, memberOf(message.to), committed, `votes for ${message.to}`);
  }
}

/** The log is repaired: all of it that was committed is there again, durably. */
export function checkRepaired(member: MemberModel, promised: Promised, committed: Committed): void {
  const last = committedEnd(promised, committed);
  const chain = committed.chain(last);
  const { durable } = member;
  promise(
    chain !== null && durable.last >= last && durable.holds(last, chain),
    "vote-floor",
    () =>
      `node ${member.id} calls its log repaired, which ends at ${durable.last}; it had the committed ${last}`,
  );
}

/** How far of what was promised is committed by now: its end may have been replaced. */
function committedEnd({ log }: Promised, committed: Committed): number {
  let index = Math.min(log.last, committed.last);
  while (index > log.base && log.chain(index) !== committed.chain(index)) {
    index--;
  }
  return index;
}

/** Where the floor is not known to the member, what of it was committed counts. */
function checkReaches(member: MemberModel, voted: MemberModel, committed: Committed, what: string): void {
  const { promised } = member;
  if (promised === null) {
    return;
  }
  const index = committedEnd(promised, committed);
  const chain = committed.chain(index);
  const reaches = promised.isKnown
    ? !isBelow(voted.log, promised.log)
    : chain !== null && voted.log.last >= index && voted.log.holds(index, chain);
  promise(
    reaches,
    "vote-floor",
    () =>
      `node ${member.id} ${what}, whose log ends at ${voted.log.last} of term ${voted.log.lastTerm}; it had ${promised.log.last} of term ${promised.log.lastTerm}`,
  );
}
