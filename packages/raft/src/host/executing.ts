/**
 * One {@link Ready} of the core, executed: its messages leave while the disk writes, what rests on the write leaves once it is
 * durable, what is committed goes to the state machine. RAFT §3.8, §10.2.1.
 */
import { assert } from "@quorate/base";
import { type LogIndex, noNode } from "../types/ids.ts";
import type { LogRange } from "../types/log-view.ts";
import type { Ready } from "../types/ready.ts";
import { coreOf, emit, type Group, mayTakeReady, schedule, scheduleRest } from "./group.ts";
import { restore } from "./installing.ts";
import { sendAll, sendMessage, stepMessage } from "./outgoing.ts";

/** Takes a batch, where there is one and the disk is not too far behind. */
export function takeReady<Result>(group: Group<Result>): void {
  if (!mayTakeReady(group)) {
    return;
  }
  const { buggify } = group.options;
  if (buggify?.("ready-later") || (group.persisting.length > 0 && buggify?.("persist-one"))) {
    return; // There is another turn as long as there is something to do.
  }
  const ready = coreOf(group).ready();
  group.counters.readies++;
  observe(group, ready);
  const change = changeToWithhold(group, ready);
  if (change === null) {
    release(group, ready);
  } else {
    group.withheld = { ready, change };
  }
  if (group.persisting.write(ready, change !== null)) {
    group.counters.writes++;
  }
}

/** Notes up to where a change of the members may wait to be committed, as long as this member leads. */
export function rememberChange<Result>(group: Group<Result>): void {
  const { pendingConfIndex, role } = coreOf(group);
  if (role === "leader") {
    group.pendingChange = pendingConfIndex;
  }
}

/**
 * The log index by which a leader commits a change of the members, where its disk does not know that yet; null mostly. Who is removed goes as
 * soon as it hears of it, and whoever asked for it may take the machine away; a leader that came back from a crash with the configuration of before would
 * need a vote that nobody gives any more: of two voters, for ever. So nobody is told, and nothing is applied, before it is durable here that the change
 * is committed. What may be a change of an earlier term counts as one; and what was said as a leader leaves also where this member leads no more.
 * ETCD: differs, the commit index is written without a sync, and is told at once.
 */
function changeToWithhold<Result>(group: Group<Result>, { hardState }: Ready): LogIndex | null {
  const { changeDurable, pendingChange } = group;
  const commits = hardState !== null && hardState.commit >= pendingChange;
  return commits && pendingChange > changeDurable ? pendingChange : null;
}

/** Lets go what needs no disk. */
function release<Result>(group: Group<Result>, ready: Ready): void {
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
}

/** RAFT §3.8: only now may what rests on this batch leave. What it leaves to do, the turn or {@link written} sees. */
export function durable<Result>(group: Group<Result>, ready: Ready): void {
  const { withheld } = group;
  if (withheld?.ready === ready) {
    group.withheld = null;
    group.changeDurable = withheld.change;
    release(group, ready);
  }
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
