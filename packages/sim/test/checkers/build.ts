/** Small builders for the checkers' tests: entries, batches, messages and statuses in as few words as possible. */
import { utf8Encode } from "@quorate/base";
import {
  type ConfState,
  type Entry,
  type HardState,
  type LogView,
  type PeerFrame,
  type Role,
  type SnapshotMetadata,
  type StorageBatch,
  toLogIndex,
  toNodeId,
  toTerm,
} from "@quorate/raft";
import type { ObservedStatus } from "../../src/checkers/oracle.ts";

const confState: ConfState = {
  voters: [toNodeId(1), toNodeId(2), toNodeId(3)],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

export function entry(index: number, term: number, text: string = `e${index}`): Entry {
  return { index: toLogIndex(index), term: toTerm(term), type: "normal", data: utf8Encode(text) };
}

export function hardState(term: number, vote: number, commit: number): HardState {
  return {
    term: toTerm(term),
    vote: (vote === 0 ? 0 : toNodeId(vote)) as HardState["vote"],
    commit: toLogIndex(commit),
  };
}

export function batch(entries: readonly Entry[], state: HardState | null = null): StorageBatch {
  return { hardState: state, entries, snapshot: null, mustSync: true };
}

export function status(term: number, role: Role, commit: number, applied: number): ObservedStatus {
  return { term: toTerm(term), role, commit: toLogIndex(commit), applied: toLogIndex(applied) };
}

export function snapshot(index: number, term: number): SnapshotMetadata {
  return { index: toLogIndex(index), term: toTerm(term), confState };
}

/** A stored log that holds `entries` from index 1. */
export function view(entries: readonly Entry[]): LogView {
  return {
    firstIndex: toLogIndex(1),
    lastIndex: toLogIndex(entries.length),
    term: (index) => (index === 0 ? toTerm(0) : (entries[index - 1]?.term ?? "unavailable")),
    entries: (low, high) => entries.slice(low - 1, high - 1),
    snapshot: () => null,
  };
}

export function voteFor(from: number, to: number, term: number): PeerFrame {
  return {
    kind: "message",
    message: {
      type: "vote-response",
      from: toNodeId(from),
      to: toNodeId(to),
      term: toTerm(term),
      granted: true,
    },
  };
}

/** A heartbeat with a commit index. */
export function commitTold(from: number, to: number, commit: number): PeerFrame {
  return {
    kind: "message",
    message: {
      type: "heartbeat",
      from: toNodeId(from),
      to: toNodeId(to),
      term: toTerm(1),
      commit: toLogIndex(commit),
      context: new Uint8Array(0),
    },
  };
}

export function accepted(from: number, to: number, term: number, index: number): PeerFrame {
  return {
    kind: "message",
    message: {
      type: "append-response",
      from: toNodeId(from),
      to: toNodeId(to),
      term: toTerm(term),
      rejected: false,
      index: toLogIndex(index),
    },
  };
}
