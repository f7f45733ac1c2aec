/**
 * Snapshots (RAFT §5.1) between the parts that carry them: the state machine restored at the start and behind an installed one, a
 * new one begun when it is due, a transfer's end told to the core.
 */
import { assert, type Task } from "@quorate/base";
import type { RaftConfig } from "../config.ts";
import { RawNode } from "../raw-node.ts";
import { indexZero, type LogIndex, type NodeId, type Term } from "../types/ids.ts";
import type { SnapshotMetadata } from "../types/snapshot.ts";
import { ApplyQueue } from "./apply-queue.ts";
import { coreOf, emit, type Group, schedule, sendFrame } from "./group.ts";
import { stepMessage } from "./outgoing.ts";
import type { PeerFrame } from "./ports.ts";
import { serveSnapshots } from "./snapshot-serving.ts";
import { type Restored, restoreNewest } from "./start.ts";
import { TracedNode } from "./traced-node.ts";

/** Chunks of an image that a start reads at once. PERF: it has no other work to come between; thousands of small reads took 0.5 s. */
const startChunkCount = 16;

/** Restores the state machine and creates the core. */
export function* restoreAtStart<Result>(
  group: Group<Result>,
  snapshot: SnapshotMetadata | null,
): Task<RawNode> {
  let applied = indexZero;
  if (snapshot !== null) {
    const ports = { guard: group.guard, ...group.options };
    const chunkBytes = startChunkCount * group.limits.snapshotChunkBytes;
    const restored = yield* restoreNewest(ports, snapshot, chunkBytes);
    assert(restored.metadata.index === snapshot.index, "host: the snapshot changed while starting");
    applied = snapshot.index;
    group.appliedTerm = snapshot.term;
    group.membership.restored(snapshot.confState, restored.notes);
  }
  group.applyQueue = new ApplyQueue(applied);
  const config = coreConfig(group, applied);
  const { trace = null } = group.options;
  return trace === null ? new RawNode(config) : new TracedNode(config, trace);
}

function coreConfig<Result>(group: Group<Result>, applied: LogIndex): RaftConfig {
  const { options, storage } = group;
  return {
    ...options.core,
    id: group.id,
    log: storage,
    hardState: storage.initial.hardState,
    confState: group.membership.confState,
    applied,
    voteFloor: storage.voteFloor ?? null,
    random: options.random,
    asyncStorage: true,
    // Forwarding is a request between hosts, so that its answer reaches who asked.
    proposalForwarding: false,
  };
}

/** Begins a snapshot of the local state machine where one is due. */
export function makeSnapshot<Result>(group: Group<Result>): void {
  const { applyQueue, maker, membership, snapshotRequest } = group;
  serveSnapshots(group);
  // An image of a state that is doubted is of no use.
  if (snapshotRequest.index !== null) {
    return;
  }
  if (group.state === "running" && applyQueue.restoring === null && maker.isDue) {
    emit(group, { type: "snapshot-started", index: applyQueue.applied });
    maker.begin(applyQueue.applied, group.appliedTerm, membership.confState, membership.notes);
  }
}

/** The transfer of an image to `to` has ended. */
export function snapshotSent<Result>(group: Group<Result>, to: NodeId, ok: boolean): void {
  coreOf(group).reportSnapshot(to, ok);
  schedule(group);
}

/** A piece of an image arrived. */
export function takeChunk<Result>(
  group: Group<Result>,
  from: NodeId,
  frame: PeerFrame & { readonly kind: "snapshot-chunk" },
): void {
  const { snapshot, term, totalBytes } = frame;
  const core = coreOf(group);
  group.counters.snapshotBytesReceived += frame.chunk.length;
  if (term < core.term) {
    group.counters.framesRefused++;
    return;
  }
  const verdict = group.snapshotRequest.judge(snapshot);
  if (verdict === "wait") {
    schedule(group);
    return;
  }
  if (verdict === "other" && snapshot.index <= core.committed) {
    // Nothing to gain; the message tells the leader how far this member is.
    sendFrame(group, from, { kind: "snapshot-answer", snapshot, offset: totalBytes, failed: false });
    install(group, from, term, snapshot);
    return;
  }
  group.receiver.chunk(from, frame);
}

/** The image is there, or not needed: from here on the core decides. */
export function install<Result>(
  group: Group<Result>,
  from: NodeId,
  term: Term,
  snapshot: SnapshotMetadata,
): void {
  stepMessage(group, { type: "install-snapshot", from, to: group.id, term, snapshot });
  group.snapshotRequest.received(snapshot);
  schedule(group);
}

/** Puts a durable snapshot into the state machine. One at a time: a newer one that becomes durable meanwhile is restored next. */
export function restore<Result>(group: Group<Result>, snapshot: SnapshotMetadata): void {
  if (!group.restoring && snapshot.index > group.applyQueue.applied) {
    restoreNow(group, snapshot);
  }
}

/** The image that was asked for stands where the state machine stands: it takes its place all the same. */
export function restoreAgain<Result>(group: Group<Result>, snapshot: SnapshotMetadata): void {
  assert(!group.restoring, "host: restored while another image is");
  group.applyQueue.beginRestoreAgain(snapshot);
  restoreNow(group, snapshot);
}

function restoreNow<Result>(group: Group<Result>, snapshot: SnapshotMetadata): void {
  group.restoring = true;
  const ports = { guard: group.guard, ...group.options };
  group.guard.run(restoreNewest(ports, snapshot, group.limits.snapshotChunkBytes), (found) => {
    group.restoring = false;
    restored(group, found);
    const newest = group.storage.snapshot();
    if (newest !== null && newest !== "pending" && group.applyQueue.restoring?.index === newest.index) {
      restore(group, newest);
    }
  });
}

function restored<Result>(group: Group<Result>, { metadata: snapshot, notes }: Restored): void {
  group.applyQueue.restored(snapshot);
  group.appliedTerm = snapshot.term;
  group.membership.restored(snapshot.confState, notes);
  group.counters.snapshotsInstalled++;
  coreOf(group).applied(snapshot.index);
  emit(group, { type: "snapshot-installed", snapshot });
  group.reads.appliedTo(snapshot.index);
  group.appliedWaiters.appliedTo(snapshot.index);
  group.snapshotRequest.restored(snapshot);
  schedule(group);
}
