/**
 * One {@link Ready} of the core, executed: its messages leave while the disk writes, what rests on the write leaves once it is
 * durable, what is committed goes to the state machine. RAFT §3.8, §10.2.1.
 */
import { assert } from "@quorate/base";
import { noNode } from "../types/ids.ts";
import type { LogRange } from "../types/log-view.ts";
import type { Ready } from "../types/ready.ts";
import { coreOf, emit, type Group, schedule, scheduleRest } from "./group.ts";
import { restore } from "./installing.ts";
import { sendAll, sendMessage, stepMessage } from "./outgoing.ts";

/** Takes a batch, where there is one and the disk is not too far behind. */
export function takeReady<Result>(group: Group<Result>): void {
  const core = coreOf(group);
  if (group.persisting.length >= group.limits.persistingCountMax || !core.hasReady()) {
    return;
  }
  const { buggify } = group.options;
  if (buggify?.("ready-later") || (group.persisting.length > 0 && buggify?.("persist-one"))) {
    return; // There is another turn as long as there is something to do.
  }
  const ready = core.ready();
  group.counters.readies++;
  observe(group, ready);
  // RAFT §10.2.1: these may leave while the disk writes.
  sendAll(group, ready.sendNow);
  if (ready.snapshot !== null) {
    group.maker.abort();
    group.proposals.snapshotPassed(ready.snapshot.index, ready.snapshot.term);
    group.membership.snapshotPassed(ready.snapshot.index);
    group.applyQueue.beginRestore(ready.snapshot);
  }
  group.applyQueue.push(ready.apply);
  for (const state of ready.readStates) {
    if (group.lease?.confirmed(state) !== true) {
      group.reads.confirmed(state);
    }
  }
  load(group, ready.loads);
  if (group.persisting.write(ready)) {
    group.counters.writes++;
  }
}

/** RAFT §3.8: only now may what rests on this batch leave. What it leaves to do, the turn or {@link written} sees. */
export function durable<Result>(group: Group<Result>, ready: Ready): void {
  for (const message of ready.sendAfterPersist) {
    if (message.to === group.id) {
      stepMessage(group, message);
    } else {
      sendMessage(group, message);
    }
  }
  coreOf(group).persisted(ready.seq);
  if (ready.snapshot !== null) {
    restore(group, ready.snapshot);
  }
}

/**
 * The storage has done with a batch, mostly between two turns. PERF: that alone is no reason for another turn; a follower has said all
 * that it had to say.
 */
export function written<Result>(group: Group<Result>, complete: () => void): void {
  group.guard.enter(() => {
    complete();
    // A stop waits for the disk, and so does an image that is promised to somebody.
    if (group.stopping !== null || group.imagesAsked.size > 0) {
      schedule(group);
    } else {
      scheduleRest(group);
    }
  });
}

function load<Result>(group: Group<Result>, loads: readonly LogRange[]): void {
  for (const { low, high, bytesMax } of loads) {
    group.storage.load(low, high, bytesMax, (error) => {
      group.guard.enter(() => {
        if (error !== null && !isGone(error)) {
          throw error;
        }
        coreOf(group).logLoaded();
        schedule(group);
      });
    });
  }
}

/** Entries that were asked for are gone or not there yet: whoever asked looks again and finds out. */
export function isGone(error: Error): boolean {
  const code = "code" in error ? error.code : undefined;
  return code === "STORAGE_COMPACTED" || code === "STORAGE_UNAVAILABLE";
}

function observe<Result>(group: Group<Result>, ready: Ready): void {
  const { leader, role, term } = coreOf(group);
  if (term !== group.lastTerm) {
    emit(group, { type: "term", term });
  }
  if (group.lease !== null && (role !== group.lastRole || term !== group.lastTerm)) {
    group.lease.revoke("role");
  }
  if (leader !== group.lastLeader || term !== group.lastTerm) {
    group.forwarding.leaderChanged(leader, term);
    group.requests.leaderChanged(leader, term);
    group.snapshotRequest.lost("leader-changed");
    group.reads.leaderChanged();
    group.transfers.leaderChanged(leader);
    // ETCD: the loss of a leader is no change, finding another one is.
    if (leader !== noNode && leader !== group.knownLeader) {
      group.knownLeader = leader;
      group.counters.leaderChanges++;
    }
    emit(group, { type: "leader", leader, term });
  }
  if (role !== group.lastRole) {
    if (group.lastRole === "leader") {
      group.sender.stop();
    }
    emit(group, { type: "role", role, term });
  }
  group.lastTerm = term;
  group.lastLeader = leader;
  group.lastRole = role;
  assert(ready.softState === null || ready.softState.role === role, "host: role out of step");
}
