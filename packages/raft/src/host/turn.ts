/**
 * The turn: everything that happens in one turn of the event loop forms one batch. What came in goes first, so that after a stall
 * the leader's messages are heard before the clock says that it is lost.
 */
import { noNode } from "../types/ids.ts";
import { applySlice } from "./applying.ts";
import { watchDisk } from "./disk-watch.ts";
import { rememberChange, takeReady } from "./executing.ts";
import { coreOf, emit, type Group, scheduleRest } from "./group.ts";
import { continueHandOver, drainInputs } from "./incoming.ts";
import { makeSnapshot } from "./installing.ts";
import { sendNotices } from "./outgoing.ts";
import { submitProposals } from "./proposing.ts";
import { continueStop } from "./stopping.ts";

/** One turn. */
export function turn<Result>(group: Group<Result>): void {
  group.counters.turns++;
  group.lease?.look();
  rememberChange(group);
  drainInputs(group);
  submitProposals(group);
  group.reads.flush();
  if (group.tickDue) {
    group.tickDue = false;
    tick(group);
  }
  takeReady(group);
  sendNotices(group);
  applySlice(group);
  continueHandOver(group);
  makeSnapshot(group);
  if (group.stopping !== null) {
    continueStop(group);
  }
  observeTransfer(group);
  scheduleRest(group);
}

/** PERF: two numbers compared in most turns. */
function observeTransfer<Result>(group: Group<Result>): void {
  const { role, transferee } = coreOf(group);
  const before = group.lastTransferee;
  if (transferee === before) {
    return;
  }
  group.lastTransferee = transferee;
  if (before !== noNode) {
    const ok = role !== "leader";
    group.counters.transfersFailed += ok ? 0 : 1;
    emit(group, { type: "transfer-ended", transferee: before, ok });
  }
  if (transferee !== noNode) {
    group.counters.transfersStarted++;
    emit(group, { type: "transfer-started", transferee });
  }
}

function tick<Result>(group: Group<Result>): void {
  group.counters.ticks++;
  group.persisting.tick();
  group.membership.liveness.tick();
  coreOf(group).tick();
  watchDisk(group);
  group.lease?.tick();
  group.transfers.tick();
  group.promotion.tick();
  group.forwarding.tick();
  group.requests.tick();
  group.reads.tick();
  group.sender.tick();
  group.receiver.tick();
  group.snapshotRequest.tick();
  group.repair.tick();
  if (group.stopping !== null) {
    group.stopping.ticksLeft--;
  }
  group.reads.flush();
}
