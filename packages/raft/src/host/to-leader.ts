/**
 * What only a leader does, asked of any member: changes of the membership (RAFT §4) and transfers of leadership (RAFT §3.10) go to the
 * leader as one request each, sent once. Where the answer is lost the outcome is unknown, and is called so.
 */
import { assert, DecodeError } from "@quorate/base";
import { type NodeId, noNode } from "../types/ids.ts";
import { type Group, leaderOf, roleOf, schedule } from "./group.ts";
import type { MembershipChange, MembershipOutcome } from "./membership-change.ts";
import { refuse, sizeProblem } from "./membership-check.ts";
import type { Waiting } from "./outcome.ts";
import {
  decodeMembershipChange,
  decodeMembershipOutcome,
  decodeTransfer,
  decodeTransferOutcome,
  encodeMembershipChange,
  encodeMembershipOutcome,
  encodeTransfer,
  encodeTransferOutcome,
} from "./request-codec.ts";
import type { RequestOutcome } from "./requests.ts";
import type { TransferOutcome } from "./transfers.ts";

/** The host's own channels: the numbers stand on the wire. */
const membershipChannel = 1;
const transferChannel = 2;

/** Election time-outs that a change may take through another member, two commits and a catch-up among them. */
const changeElectionTimeouts = 20;

const notUnderstood: Uint8Array = new Uint8Array(0);
const settled: Waiting = { abandon: () => {} };

type Done<Outcome> = (outcome: Outcome) => void;
type NotAnswered = Exclude<RequestOutcome, { kind: "answered" }>;

/** Answers what other members ask. */
export function answerMembers<Result>(group: Group<Result>): void {
  group.requests.handle(membershipChannel, (_from, bytes, answer) => {
    const change = decodeOrNull(() => decodeMembershipChange(bytes));
    if (change === null) {
      answer(notUnderstood);
      return;
    }
    group.membership.change(change, (outcome) => answer(encodeMembershipOutcome(outcome)));
    schedule(group);
  });
  group.requests.handle(transferChannel, (_from, bytes, answer) => {
    const asked = decodeOrNull(() => ({ target: decodeTransfer(bytes) }));
    if (asked === null) {
      answer(notUnderstood);
      return;
    }
    group.transfers.begin(asked.target, (outcome) => answer(encodeTransferOutcome(outcome)));
    schedule(group);
  });
}

/** Changes the membership, here or through the leader; `applied` comes once the change is in force here too. */
export function changeMembers<Result>(
  group: Group<Result>,
  change: MembershipChange,
  done: Done<MembershipOutcome>,
): Waiting {
  if (!isAnothersWork(group)) {
    const waiting = group.membership.change(change, done);
    schedule(group);
    return waiting;
  }
  const problem = sizeProblem(change);
  if (problem !== null) {
    done(refuse(group.membership, "invalid", problem));
    return settled;
  }
  return askForChange(group, change, done);
}

function askForChange<Result>(
  group: Group<Result>,
  change: MembershipChange,
  done: Done<MembershipOutcome>,
): Waiting {
  let waiting: Waiting = settled;
  const ticks = changeElectionTimeouts * group.electionTimeoutTicks;
  const asked = group.requests.ask(membershipChannel, encodeMembershipChange(change), ticks, (outcome) => {
    const result = changeOutcome(group, outcome);
    if (result.kind !== "applied") {
      done(result);
      return;
    }
    // Whoever asked looks at the members here next.
    const { appliedWaiters, applyQueue } = group;
    waiting = appliedWaiters.add(result.confIndex, applyQueue.applied, () => done(result));
  });
  return {
    abandon() {
      asked.abandon();
      waiting.abandon();
    },
  };
}

function changeOutcome<Result>(group: Group<Result>, outcome: RequestOutcome): MembershipOutcome {
  if (outcome.kind === "unknown") {
    const { reason } = outcome;
    return { kind: "unknown", reason: reason === "timed-out" ? "connection-lost" : reason };
  }
  if (outcome.kind === "refused") {
    return { kind: "refused", reason: refusalOf(outcome), leader: outcome.leader };
  }
  const { bytes } = outcome;
  if (bytes.length === 0) {
    return refuse(group.membership, "invalid", "the leader does not understand the request");
  }
  // An answer that cannot be read says only that the request arrived.
  return decodeOrNull(() => decodeMembershipOutcome(bytes)) ?? { kind: "unknown", reason: "connection-lost" };
}

/** Hands over to `target`, or to the member best able where it is null, here or through the leader. */
export function handOver<Result>(
  group: Group<Result>,
  target: NodeId | null,
  done: Done<TransferOutcome>,
): Waiting {
  if (!isAnothersWork(group)) {
    const waiting = group.transfers.begin(target, done);
    schedule(group);
    return waiting;
  }
  // Who leads next shows here as well, and the old leader's answer may be lost with its place.
  const transfer = group.transfers.follow(target, leaderOf(group), done);
  const ticks = changeElectionTimeouts * group.electionTimeoutTicks;
  group.requests.ask(transferChannel, encodeTransfer(target), ticks, (outcome) => {
    const result = transferOutcome(group, target, outcome);
    if (result !== null) {
      transfer.settle(result);
    }
  });
  return transfer;
}

/** Null where the request may have been taken up: the transfer is watched until its time is over. */
function transferOutcome<Result>(
  group: Group<Result>,
  target: NodeId | null,
  outcome: RequestOutcome,
): TransferOutcome | null {
  const transferee = target ?? noNode;
  if (outcome.kind === "unknown") {
    return outcome.reason === "stopped"
      ? { kind: "refused", reason: "stopped", transferee, leader: noNode }
      : null;
  }
  if (outcome.kind === "refused") {
    return { kind: "refused", reason: refusalOf(outcome), transferee, leader: outcome.leader };
  }
  const { bytes } = outcome;
  return bytes.length === 0
    ? { kind: "refused", reason: "not-leader", transferee, leader: leaderOf(group) }
    : decodeOrNull(() => decodeTransferOutcome(bytes));
}

/** What was refused before it was taken up, in the words that changes and transfers share. */
function refusalOf({ reason }: NotAnswered & { kind: "refused" }): "no-leader" | "not-leader" | "stopped" {
  switch (reason) {
    case "no-leader":
    case "not-leader":
    case "stopped":
      return reason;
    // A leader that knows no such channel cannot do it for others; this member has too much under way to ask.
    case "unknown-channel":
    case "too-many":
    case "too-large":
      return "not-leader";
  }
}

/** Whether another member leads, as far as this one knows. */
function isAnothersWork<Result>(group: Group<Result>): boolean {
  assert(group.state === "running", "host: asked while it does not run");
  return roleOf(group) !== "leader" && leaderOf(group) !== noNode;
}

function decodeOrNull<T>(decode: () => T): T | null {
  try {
    return decode();
  } catch (error) {
    if (error instanceof DecodeError) {
      return null;
    }
    throw error;
  }
}
