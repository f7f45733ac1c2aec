/** What the core says, on its way: its messages to other members, and the step of those that it sends to itself. */
import { assert } from "@quorate/base";
import { StorageError } from "../errors.ts";
import type { LogIndex } from "../types/ids.ts";
import type { InstallSnapshot, Message } from "../types/message.ts";
import { coreOf, emit, type Group, sendFrame } from "./group.ts";
import { idsOf } from "./member-record.ts";

/** Hands a message to the core; one that it does not take is counted, a request that it refuses is told. */
export function stepMessage<Result>(group: Group<Result>, message: Message): void {
  const result = coreOf(group).step(message);
  if (result.status === "inconsistent") {
    group.counters.framesRefused++;
    emit(group, { type: "message-inconsistent", from: message.from, what: result.what });
    if (result.lostAfter !== undefined) {
      throw setBack(result.lostAfter);
    }
  } else if (result.status !== "accepted") {
    group.counters.framesRefused++;
  } else if (result.refusal !== undefined) {
    const { from, term, type } = message;
    emit(group, { type: "request-refused", from, request: type, term, refusal: result.refusal });
  } else if (message.type === "pre-vote" || message.type === "request-vote") {
    group.failOver?.granted();
  }
}

/** A member that forgot acknowledgements may have forgotten votes as well: it must not go on under its old id. */
function setBack(lastIndex: LogIndex): StorageError {
  const why = `ends at entry ${lastIndex}, and the leader holds this member's acknowledgement for later ones: the disk was set back to an older copy; remove this member and add it again with an empty folder`;
  return new StorageError({ code: "STORAGE_CORRUPT", file: "wal", offset: 0, why });
}

/** In order, but for appends without entries: see {@link CommitNotices}. */
export function sendAll<Result>(group: Group<Result>, messages: readonly Message[]): void {
  for (const message of messages) {
    if (message.type !== "append-entries") {
      sendMessage(group, message);
    } else if (message.entries.length > 0) {
      group.notices.overtakenBy(message);
      sendMessage(group, message);
    } else if (!group.notices.hold(message, group.counters.turns)) {
      sendMessage(group, message);
    }
  }
}

/** Sends the commit indexes that no append has told since the last turn; all of them where there may be no next one. */
export function sendNotices<Result>(group: Group<Result>): void {
  const { counters, notices } = group;
  if (group.stopping === null && coreOf(group).role === "leader") {
    notices.flush(counters.turns);
  } else {
    notices.end();
  }
}

/** One message to another member; a snapshot goes as its image, in chunks. */
export function sendMessage<Result>(group: Group<Result>, message: Message): void {
  assert(message.to !== group.id, "host: message to self outside the durable part");
  group.notices.precede(message.to);
  if (message.type === "install-snapshot") {
    sendSnapshot(group, message);
  } else {
    sendFrame(group, message.to, { kind: "message", message });
  }
}

function sendSnapshot<Result>(group: Group<Result>, message: InstallSnapshot): void {
  if (idsOf(message.snapshot.confState).includes(message.to)) {
    group.sender.begin(message);
    return;
  }
  // It was made before the member was added, who would not take it up. The core asks again with the next heartbeat.
  group.maker.demand();
  coreOf(group).reportSnapshot(message.to, false);
}
