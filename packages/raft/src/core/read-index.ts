/**
 * Linearizable reads without the log (RAFT §6.4): the leader notes its commit index, proves by a round of heartbeats that it
 * still leads, and the reader waits until that index is applied. Reads that wait share one round.
 */
import { assert, emptyBytes } from "@quorate/base";
import { jointAcked } from "../quorum/joint.ts";
import { isSingleton } from "../tracker/tracker.ts";
import { type NodeId, toLogIndex } from "../types/ids.ts";
import { leaseAnswersReads } from "./lease.ts";
import { type EarlyRead, hasCommittedInTerm, type PendingRead, type RaftState } from "./raft-state.ts";
import { broadcastHeartbeat } from "./replication.ts";
import { send } from "./send.ts";

/** Bytes of a heartbeat's context: a position, little-endian. */
const positionBytes = 8;

/** Takes up a read at the leader. */
export function leaderRead(state: RaftState, read: EarlyRead, by: "mode" | "quorum" = "mode"): void {
  assert(state.role === "leader", "read: only a leader confirms reads");
  // RAFT §6.4 step 1 [read-own-term]: before the first commit of its term a leader does not know what is committed.
  // ETCD: differs, an only voter waits as well: restarted, it may have forgotten the newest commit index.
  if (!hasCommittedInTerm(state)) {
    state.earlyReads.push(read);
    return;
  }
  startRead(state, read, by);
}

function startRead(state: RaftState, read: EarlyRead, by: "mode" | "quorum"): void {
  assert(hasCommittedInTerm(state), "read: the commit index is not known to be the newest");
  // RAFT §6.4 step 2 [read-index-saved]: the commit index at the arrival of the read.
  const pending: PendingRead = { ...read, index: state.log.committed };
  // The only voter knows that it leads: nobody else could be elected.
  if (isSingleton(state.tracker) || (by === "mode" && leaseAnswersReads(state))) {
    answerRead(state, pending);
    return;
  }
  state.reads.unconfirmed.push(pending);
  assert(state.reads.unconfirmed.length > 0, "read: one waits");
  state.reads.acked.set(state.id, newestPosition(state));
  // RAFT §6.4 step 3 [read-round]: a round of heartbeats proves that no later leader existed when the read arrived.
  broadcastHeartbeat(state, heartbeatContext(state));
}

/** Takes up the reads that waited for the first commit of this term. */
export function releaseEarlyReads(state: RaftState): void {
  if (state.earlyReads.length === 0 || !hasCommittedInTerm(state)) {
    return;
  }
  assert(state.role === "leader", "read: only a leader takes up reads");
  const reads = state.earlyReads;
  state.earlyReads = [];
  for (const read of reads) {
    startRead(state, read, "mode");
  }
}

/** What heartbeats must carry now: the position of the newest unconfirmed read; nothing when none waits. */
export function heartbeatContext(state: RaftState): Uint8Array {
  return state.reads.unconfirmed.length === 0 ? emptyBytes : encodePosition(newestPosition(state));
}

/** A member echoed a heartbeat's context: all reads up to it are confirmed once a quorum did. */
export function noteReadEcho(state: RaftState, from: NodeId, context: Uint8Array): void {
  assert(state.role === "leader", "read: only a leader counts echoes");
  const position = decodePosition(context);
  if (position === null) {
    return;
  }
  const { reads } = state;
  // A position that was never sent confirms nothing beyond what was.
  const echoed = Math.min(position, newestPosition(state));
  reads.acked.set(from, Math.max(reads.acked.get(from) ?? 0, echoed));
  confirmReads(state);
}

function confirmReads(state: RaftState): void {
  const { reads } = state;
  const confirmed = jointAcked(state.tracker.membership.confState, (id) => reads.acked.get(id) ?? 0);
  assert(confirmed <= newestPosition(state), "read: confirmed what was never asked");
  if (confirmed <= reads.confirmed) {
    return;
  }
  // RAFT §6.4 [read-one-round].
  const done = reads.unconfirmed.splice(0, confirmed - reads.confirmed);
  assert(done.length === confirmed - reads.confirmed, "read: positions and reads agree");
  assert(confirmed > reads.confirmed, "read: confirmed positions ascend");
  reads.confirmed = confirmed;
  for (const read of done) {
    answerRead(state, read);
  }
}

/** RAFT §6.4 step 4, 5: who asked waits until `index` is applied and reads then. */
function answerRead(state: RaftState, read: PendingRead): void {
  assert(state.role === "leader", "read: only a leader confirms reads");
  assert(read.index <= state.log.committed, "read: an index that is not committed");
  if (read.from === state.id) {
    state.readStates.push({ index: read.index, context: read.context });
    return;
  }
  send(state, {
    type: "read-index-response",
    from: state.id,
    to: read.from,
    term: state.term,
    index: toLogIndex(read.index),
    context: read.context,
  });
}

function newestPosition(state: RaftState): number {
  const position = state.reads.confirmed + state.reads.unconfirmed.length;
  assert(Number.isSafeInteger(position), "read: more reads than can be counted");
  return position;
}

/** The bytes of a position. */
function encodePosition(position: number): Uint8Array {
  assert(Number.isSafeInteger(position) && position > 0, "read: not a position");
  const bytes = new Uint8Array(positionBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, position % 2 ** 32, true);
  view.setUint32(4, Math.floor(position / 2 ** 32), true);
  return bytes;
}

/** The position that `bytes` stand for, null when they stand for none. */
function decodePosition(bytes: Uint8Array): number | null {
  if (bytes.length !== positionBytes) {
    return null;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const position = view.getUint32(4, true) * 2 ** 32 + view.getUint32(0, true);
  return Number.isSafeInteger(position) ? position : null;
}
