/**
 * The leader's side of a repair: the entries behind the place that was asked for, with a hash that chains them to it; or the snapshot,
 * where they are gone. Nothing that the leader knows of the member changes.
 */
import type { Entry, LogId } from "../types/entry.ts";
import { type NodeId, nextIndex, toLogIndex } from "../types/ids.ts";
import type { LogRange } from "../types/log-view.ts";
import { isGone } from "./executing.ts";
import { coreOf, type Group, roleOf, sendFrame } from "./group.ts";
import { sendMessage } from "./outgoing.ts";
import type { PeerFrame } from "./ports.ts";
import { chainHash } from "./repair-chain.ts";

type RepairRequest = PeerFrame & { readonly kind: "repair-request" };

/** Answers a member that repairs its log; whether this member leads in its term. */
export function answerRepair<Result>(group: Group<Result>, from: NodeId, request: RepairRequest): boolean {
  return answer(group, from, request, true);
}

function answer<Result>(
  group: Group<Result>,
  from: NodeId,
  request: RepairRequest,
  readsBack: boolean,
): boolean {
  const core = coreOf(group);
  if (roleOf(group) !== "leader" || request.term !== core.term) {
    return false;
  }
  const { previous, requestId, term } = request;
  const { storage } = group;
  const known = storage.term(previous.index);
  const gone = known === "compacted";
  const range = rangeBehind(group, previous);
  const entries = gone || known !== previous.term ? [] : entriesOf(group, range);
  if (entries === "pending") {
    if (readsBack) {
      // Answered as soon as they are there: by the time the member asks again, what was read back for others may have taken their place.
      readBack(group, range, () => answer(group, from, request, false));
    }
    return true; // If it was in vain, the member asks again.
  }
  const image = gone || entries === "compacted" ? storage.snapshot() : null;
  if (image === "pending") {
    return true;
  }
  const found = entries === "compacted" ? [] : entries;
  sendFrame(group, from, {
    kind: "repair-answer",
    requestId,
    term,
    outcome: image !== null ? "snapshot" : known === previous.term ? "entries" : "conflict",
    previous,
    // RAFT §10.2.1: a member may have acknowledged what this leader has not on its own disk yet.
    last: core.status().last,
    commit: core.committed,
    hash: chainHash(previous, found),
    entries: found,
  });
  if (image !== null && !group.sender.isSending(from)) {
    sendMessage(group, { type: "install-snapshot", from: group.id, to: from, term, snapshot: image });
  }
  return true;
}

function entriesOf<Result>(
  group: Group<Result>,
  { low, high, bytesMax }: LogRange,
): readonly Entry[] | "compacted" | "pending" {
  return low >= high ? [] : group.storage.entries(low, high, bytesMax);
}

function readBack<Result>(group: Group<Result>, { low, high, bytesMax }: LogRange, done: () => void): void {
  group.storage.load(low, high, bytesMax, (error) => {
    group.guard.enter(() => {
      if (error !== null && !isGone(error)) {
        throw error;
      }
      done();
    });
  });
}

function rangeBehind<Result>({ appendBytesMax, options, storage }: Group<Result>, previous: LogId): LogRange {
  return {
    low: nextIndex(previous.index),
    high: toLogIndex(storage.lastIndex + 1),
    bytesMax: options.buggify?.("repair-one-entry") ? 1 : Math.max(1, appendBytesMax),
  };
}
