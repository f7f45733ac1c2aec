/**
 * Limits of the leader's own log: how much may be appended and not applied, and how much is handed out for applying. What is
 * counted must return to zero, or the member blocks itself in the end.
 */
import { assert } from "@quorate/base";
import type { Entry, EntryType } from "../types/entry.ts";
import { type LogIndex, nextIndex, offsetIndex } from "../types/ids.ts";
import type { RaftState } from "./raft-state.ts";
import { send } from "./send.ts";

/** What is to be appended: an entry without its place. */
export interface EntryDraft {
  readonly type: EntryType;
  readonly data: Uint8Array;
}

/**
 * Appends to the leader's log; false when the limit on uncommitted bytes refuses it.
 * FIG 2 Rules for Servers, Leaders [leader-appends]: append entry to local log.
 */
export function appendOwn(state: RaftState, drafts: readonly EntryDraft[]): boolean {
  assert(state.role === "leader", "append: only a leader appends of itself");
  assert(drafts.length > 0, "append: nothing");
  if (!reserveUncommitted(state, drafts)) {
    return false;
  }
  // FIG 2 State [entry-shape]; the next index once, in the own term: FIG 3 Log Matching [log-matching].
  const first = nextIndex(state.log.lastIndex);
  const entries: Entry[] = [];
  for (const draft of drafts) {
    entries.push({
      term: state.term,
      index: offsetIndex(first, entries.length),
      type: draft.type,
      data: draft.data,
    });
  }
  // FIG 3 Leader Append-Only [leader-append-only]: entries only go to the end.
  state.log.append(entries);
  assert(state.log.lastIndex === first + drafts.length - 1, "append: one entry for each draft");
  // RAFT §10.2.1 [own-write-counted]: the leader counts itself only once its own disk has written; the driver loops this back then.
  send(state, {
    type: "append-response",
    from: state.id,
    to: state.id,
    term: state.term,
    rejected: false,
    index: state.log.lastIndex,
  });
  return true;
}

function reserveUncommitted(state: RaftState, drafts: readonly EntryDraft[]): boolean {
  let bytes = 0;
  for (const draft of drafts) {
    bytes += draft.data.length;
  }
  // Empty entries always pass (the no-op, the leaving of a joint configuration), and so does anything when nothing is
  // uncommitted: else an entry above the limit could never be proposed.
  const free = state.uncommittedBytes === 0 || bytes === 0;
  if (!free && state.uncommittedBytes + bytes > state.config.uncommittedBytesMax) {
    return false;
  }
  state.uncommittedBytes += bytes;
  assert(Number.isSafeInteger(state.uncommittedBytes), "append: uncommitted bytes are a number");
  return true;
}

/** Gives back what applied entries had reserved. Entries of earlier leaders were never counted, so it stops at zero. */
export function releaseUncommitted(state: RaftState, bytes: number): void {
  assert(bytes >= 0, "release: negative bytes");
  state.uncommittedBytes = Math.max(0, state.uncommittedBytes - bytes);
  assert(Number.isSafeInteger(state.uncommittedBytes), "release: uncommitted bytes are a number");
}

/** Notes that `entries` were handed out for applying. */
export function acceptPage(state: RaftState, entries: readonly Entry[], allowUnstable: boolean): void {
  const last = entries.at(-1);
  assert(last !== undefined, "page: nothing handed out");
  assert(last.index === state.log.applying + entries.length, "page: entries leave no gap");
  assert(last.index <= state.log.committed, "page: only what is committed");
  let bytes = 0;
  let payloadBytes = 0;
  for (const entry of entries) {
    bytes += state.config.measureEntry(entry);
    payloadBytes += entry.data.length;
  }
  state.log.acceptApplying(last.index);
  state.applyingPages.push({ last: last.index, bytes, payloadBytes });
  state.applyingBytes += bytes;
  assert(Number.isSafeInteger(state.applyingBytes), "page: bytes handed out are a number");
  // A page that stopped short of what could be applied was cut by the limit: the rest waits, too.
  state.applyingPaused =
    state.applyingBytes >= state.config.committedBytesPerReadyMax ||
    last.index < state.log.appliableIndex(allowUnstable);
}

/** Gives back what the pages up to `index` had reserved, and returns their payload bytes. */
export function releasePages(state: RaftState, index: LogIndex): number {
  let done = 0;
  let payloadBytes = 0;
  for (const page of state.applyingPages) {
    if (page.last > index) {
      break;
    }
    state.applyingBytes -= page.bytes;
    payloadBytes += page.payloadBytes;
    done++;
  }
  if (done > 0) {
    state.applyingPages.splice(0, done);
  }
  assert(state.applyingBytes >= 0, "page: applying bytes below zero");
  assert(state.applyingPages.length > 0 || state.applyingBytes === 0, "page: bytes left without a page");
  assert(payloadBytes >= 0, "page: negative payload");
  state.applyingPaused = state.applyingBytes >= state.config.committedBytesPerReadyMax;
  return payloadBytes;
}
