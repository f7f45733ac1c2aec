/**
 * The leader's part of requests for an image: one that ends above what the asking member had applied is made, where there is none, and sent.
 * The member's progress stays as it is: its log is whole, and goes on meanwhile.
 */
import { assert, DecodeError, emptyBytes } from "@quorate/base";
import type { LogIndex, NodeId } from "../types/ids.ts";
import { nextIndex } from "../types/ids.ts";
import { coreOf, type Group, leaderOf, roleOf, schedule } from "./group.ts";
import { idsOf } from "./member-record.ts";
import type { RequestOutcome } from "./requests.ts";
import {
  decodeSnapshotAnswer,
  decodeSnapshotRequest,
  encodeSnapshotAnswer,
  encodeSnapshotRequest,
} from "./snapshot-request-codec.ts";

/** The host's own channel: the number stands on the wire. */
const snapshotChannel = 3;

const notUnderstood: Uint8Array = new Uint8Array(0);

/** Asks the leader for an image of at least `index`. */
export function askForSnapshot<Result>(group: Group<Result>, index: LogIndex): void {
  const ticks = 5 * group.electionTimeoutTicks;
  group.requests.ask(snapshotChannel, encodeSnapshotRequest(index), ticks, (outcome) => {
    if (group.snapshotRequest.index === index) {
      takeAnswer(group, outcome);
    }
  });
}

function takeAnswer<Result>(group: Group<Result>, outcome: RequestOutcome): void {
  const { snapshotRequest } = group;
  if (outcome.kind === "unknown") {
    snapshotRequest.lost(outcome.reason === "snapshot" ? "connection-lost" : outcome.reason);
    return;
  }
  if (outcome.kind === "refused") {
    snapshotRequest.refused(outcome.reason, outcome.leader);
    return;
  }
  const comes = decodeOrNull(() => decodeSnapshotAnswer(outcome.bytes));
  if (comes === null) {
    snapshotRequest.lost("not-understood");
  } else if (!comes) {
    snapshotRequest.refused("busy", leaderOf(group));
  }
}

/** Answers the requests of other members. */
export function answerSnapshotRequests<Result>(group: Group<Result>): void {
  group.requests.handle(snapshotChannel, (from, bytes, answer) => {
    const index = decodeOrNull(() => decodeSnapshotRequest(bytes));
    answer(index === null ? notUnderstood : encodeSnapshotAnswer(admit(group, from, index)));
    schedule(group);
  });
}

/** Whether `from` will be sent an image of at least `index`. */
function admit<Result>(group: Group<Result>, from: NodeId, index: LogIndex): boolean {
  const core = coreOf(group);
  assert(core.role === "leader", "snapshot request: only a leader is asked");
  const end = core.status().last.index;
  if (index > nextIndex(end) || !idsOf(group.membership.confState).includes(from)) {
    return false;
  }
  // An image at an index of which that member may have one of its own would be taken for it: an empty entry makes the next index.
  if (index > end && !core.propose([emptyBytes]).ok) {
    return false;
  }
  group.imagesAsked.set(from, index);
  return true;
}

/** Sends what was asked for, once it is there; sees to it that it will be. */
export function serveSnapshots<Result>(group: Group<Result>): void {
  const { applyQueue, id, imagesAsked, maker, sender, storage } = group;
  if (imagesAsked.size > 0 && roleOf(group) !== "leader") {
    imagesAsked.clear();
  }
  for (const [to, index] of imagesAsked) {
    const newest = storage.snapshot();
    if (newest === "pending") {
      continue;
    }
    if (newest !== null && newest.index >= index && idsOf(newest.confState).includes(to)) {
      imagesAsked.delete(to);
      const { term } = coreOf(group);
      sender.begin({ type: "install-snapshot", from: id, to, term, snapshot: newest });
    } else if (applyQueue.applied >= index && !maker.busy) {
      maker.demand();
    }
  }
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
