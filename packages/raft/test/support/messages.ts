/** Messages and changes as tests write them: short, with what does not matter filled in. */
import { emptyBytes } from "@quorate/base";
import {
  type ConfChange,
  type ConfChangeSingle,
  type Entry,
  type LogId,
  type MessageOf,
  type SnapshotMetadata,
  toLogIndex,
  toNodeId,
  toTerm,
} from "@quorate/raft";
import type { Peer } from "./group.ts";

/** The entry of `term` at `index`, by name. */
export function logId(term: number, index: number): LogId {
  return { term: toTerm(term), index: toLogIndex(index) };
}

/** An append from `from` to `to`. */
export function append(
  from: number,
  to: Peer,
  term: number,
  previous: LogId,
  entries: readonly Entry[] = [],
  commit = 0,
): MessageOf<"append-entries"> {
  return {
    type: "append-entries",
    from: toNodeId(from),
    to: to.id,
    term: toTerm(term),
    previous,
    entries,
    commit: toLogIndex(commit),
  };
}

/** An acknowledgement of everything up to `index`. */
export function accepted(from: number, to: Peer, term: number, index: number): MessageOf<"append-response"> {
  return {
    type: "append-response",
    from: toNodeId(from),
    to: to.id,
    term: toTerm(term),
    rejected: false,
    index: toLogIndex(index),
  };
}

/** A refusal of the append behind `index`. */
export function rejected(
  from: number,
  to: Peer,
  term: number,
  index: number,
  hint: LogId,
): MessageOf<"append-response"> {
  return {
    type: "append-response",
    from: toNodeId(from),
    to: to.id,
    term: toTerm(term),
    rejected: true,
    index: toLogIndex(index),
    hint,
  };
}

/** A request for a vote, or for a trial one. */
export function voteRequest(
  type: "request-vote" | "pre-vote",
  from: number,
  to: Peer,
  term: number,
  last: LogId,
  leadershipTransfer = false,
): MessageOf<"request-vote" | "pre-vote"> {
  return { type, from: toNodeId(from), to: to.id, term: toTerm(term), last, leadershipTransfer };
}

/** An answer to one. */
export function voteAnswer(
  type: "vote-response" | "pre-vote-response",
  from: number,
  to: Peer,
  term: number,
  granted = true,
): MessageOf<"vote-response" | "pre-vote-response"> {
  return { type, from: toNodeId(from), to: to.id, term: toTerm(term), granted };
}

/** A heartbeat without reads. */
export function heartbeat(from: number, to: Peer, term: number, commit = 0): MessageOf<"heartbeat"> {
  return {
    type: "heartbeat",
    from: toNodeId(from),
    to: to.id,
    term: toTerm(term),
    commit: toLogIndex(commit),
    context: emptyBytes,
  };
}

/** A snapshot from `from`. */
export function install(
  from: number,
  to: Peer,
  term: number,
  snapshot: SnapshotMetadata,
): MessageOf<"install-snapshot"> {
  return { type: "install-snapshot", from: toNodeId(from), to: to.id, term: toTerm(term), snapshot };
}

/** A change as a few words: `v4 l5 r1 u2` adds a voter and a learner, removes, updates. */
export function change(text: string, transition: ConfChange["transition"] = "auto"): ConfChange {
  const ops = { v: "add-voter", l: "add-learner", r: "remove", u: "update" } as const;
  const changes: ConfChangeSingle[] = text
    .split(" ")
    .filter((word) => word !== "")
    .map((word) => ({ op: ops[word[0] as keyof typeof ops], id: toNodeId(Number(word.slice(1))) }));
  return { transition, changes, context: emptyBytes };
}
