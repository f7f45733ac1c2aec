/**
 * ADR 15: a member whose log lost its end to damage does not vote below what it had, and does not campaign, until it has all of that
 * again. Held against what its disk had before the damage, which the member itself may not know any more.
 */
import type { LogId, PeerFrame } from "@quorate/raft";
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
  if ((member.promised === null && member.floor === null) || frame.kind !== "message") {
    return;
  }
  const { message } = frame;
  if (message.type === "request-vote" || message.type === "pre-vote") {
    checkOwnFloor(member, member, "campaigns");
    checkReaches(member, member, committed, "campaigns");
  } else if (message.type === "vote-response" && message.granted) {
    const voted = memberOf(message.to);
    checkOwnFloor(member, voted, `votes for ${message.to}`);
    checkReaches(member, voted, committed, `votes for ${message.to}`);
  }
}

/** What the member itself knows: an unknown floor gives no vote, a known one none to a log below it. */
function checkOwnFloor({ floor, id }: MemberModel, { log }: MemberModel, what: string): void {
  const reaches =
    floor === null || (floor !== "unknown" && !isBelow(log, { last: floor.index, lastTerm: floor.term }));
  promise(
    reaches,
    "vote-floor",
    () =>
      `node ${id} ${what}, whose log ends at ${log.last} of term ${log.lastTerm}; its floor is ${JSON.stringify(floor)}`,
  );
}

/** A leader named the floor that the disk did not tell: it is no lower than what was committed of what the member had. */
export function checkFloorNamed(member: MemberModel, floor: LogId, committed: Committed): void {
  const { id, promised } = member;
  promise(
    member.floor === "unknown",
    "vote-floor",
    () => `node ${id} moves its floor from ${JSON.stringify(member.floor)} to ${JSON.stringify(floor)}`,
  );
  if (promised === null) {
    return;
  }
  const last = committedEnd(promised, committed);
  const lastTerm = promised.log.term(last) ?? 0;
  promise(
    !isBelow({ last: floor.index, lastTerm: floor.term }, { last, lastTerm }),
    "vote-floor",
    () => `node ${id} is told a floor of ${JSON.stringify(floor)}; of what it had ${last} is committed`,
  );
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
