/** The end of a member: handed over and drained, at once as by a crash, or because its disk or this code failed. */
import { assert, runTask } from "@quorate/base";
import { StorageError } from "../errors.ts";
import { noNode } from "../types/ids.ts";
import { coreOf, emit, type Group, roleOf, schedule } from "./group.ts";
import { sendMessage } from "./outgoing.ts";
import type { Completed } from "./ports.ts";
import { bestHeir } from "./transfers.ts";

/** Election time-outs that a stop waits for an image that is being made. */
const imageTimeouts = 30;

/** How a member is stopped. */
export interface StopOptions {
  /** Hand leadership over first, where somebody can take it. Default true. */
  readonly transfer?: boolean;
}

/**
 * RAFT §3.8 rests on the disk and on this code: when either failed, nothing that depends on them leaves any more and nothing is
 * acknowledged.
 */
export function fail<Result>(group: Group<Result>, error: Error): void {
  if (group.state === "stopped") {
    return;
  }
  try {
    if (error instanceof StorageError) {
      nameSuccessor(group);
    }
  } finally {
    group.state = "stopped";
    tellFatal(group, error);
  }
}

function tellFatal<Result>(group: Group<Result>, error: Error): void {
  assert(group.state === "stopped", "host: fatal, and still at work");
  try {
    emit(group, { type: "fatal", error });
  } finally {
    try {
      group.options.onFatal(error);
    } finally {
      settleAll(group);
      endInterruptedStop(group, error);
    }
  }
}

/** A member that fails or is halted while it stops has stopped, too. A log that failed is not to be written to any more, so it is not closed. */
function endInterruptedStop<Result>(group: Group<Result>, error: Error | null): void {
  const { stopping } = group;
  if (stopping !== null) {
    group.options.transport.close((transportError) => stopping.completed(error ?? transportError));
  }
}

/**
 * A leader whose disk failed, full or broken, cannot wait for a transfer, but it may still say who should campaign: that rests on nothing
 * that was to be written, and anybody may campaign at any time. RAFT §3.10 step 3.
 */
function nameSuccessor<Result>(group: Group<Result>): void {
  if (group.core === null || roleOf(group) !== "leader") {
    return;
  }
  const { liveness } = group.membership;
  const heir = bestHeir(group.id, group.core.status().progress, (id) => liveness.isActive(id));
  if (heir !== null) {
    const { term } = group.core;
    sendMessage(group, { type: "timeout-now", from: group.id, to: heir, term });
  }
}

/** Ends at once, as a crash would. */
export function halt<Result>(group: Group<Result>): void {
  if (group.state !== "stopped") {
    group.state = "stopped";
    settleAll(group);
    endInterruptedStop(group, null);
  }
}

/** Begins to stop; `completed` is called once transport and storage are closed. */
export function beginStop<Result>(group: Group<Result>, options: StopOptions, completed: Completed): void {
  assert(group.stopping === null, "host: stopped twice");
  if (group.state !== "running") {
    halt(group);
    completed(null);
    return;
  }
  group.state = "stopping";
  group.stopping = { ticksLeft: group.electionTimeoutTicks, completed };
  group.proposals.refuseAll();
  if (options.transfer ?? true) {
    handOverToBest(group);
  }
  schedule(group);
}

/** A leader asks the member best able to take over, and does not wait for it. RAFT §3.10. */
export function handOverToBest<Result>(group: Group<Result>): void {
  if (roleOf(group) !== "leader") {
    return;
  }
  const core = coreOf(group);
  const { liveness } = group.membership;
  const heir = bestHeir(group.id, core.status().progress, (id) => liveness.isActive(id));
  if (heir !== null) {
    core.transferLeadership(heir);
  }
}

/** Ends a stop that waits for nothing any more, or for too long. */
export function continueStop<Result>(group: Group<Result>): void {
  const { applyQueue, maker, persisting, proposals, stopping } = group;
  assert(stopping !== null, "host: not stopping");
  const { progress, transferee } = coreOf(group).status();
  const handsOver = roleOf(group) === "leader" && transferee !== noNode && progress.length > 1;
  const drained = proposals.count === 0 && persisting.length === 0 && !applyQueue.hasWork;
  if ((handsOver || !drained) && stopping.ticksLeft > 0) {
    return;
  }
  if (maker.isNeededAtStop && stopping.ticksLeft > -imageTimeouts * group.electionTimeoutTicks) {
    return;
  }
  const makesLast = drained && maker.isDueAtStop && !maker.busy && isStateSound(group);
  group.state = "stopped";
  settleAll(group);
  group.options.transport.close((transportError) => {
    const close = (error: Error | null): void => {
      group.storage.close((storageError) => stopping.completed(error ?? storageError ?? transportError));
    };
    if (makesLast) {
      makeLastSnapshot(group, close);
    } else {
      close(null);
    }
  });
}

/** Whether the state is what the log says: no image of another member is to take its place. */
function isStateSound<Result>({ applyQueue, snapshotRequest }: Group<Result>): boolean {
  return applyQueue.restoring === null && snapshotRequest.index === null && applyQueue.applied > 0;
}

/** What is applied now need not be applied again at the next start. RAFT §5.1. */
function makeLastSnapshot<Result>(group: Group<Result>, completed: Completed): void {
  const { appliedTerm, applyQueue, maker, membership } = group;
  const metadata = { index: applyQueue.applied, term: appliedTerm, confState: membership.confState };
  runTask(maker.makeLast(metadata, membership.notes), completed);
}

function settleAll<Result>(group: Group<Result>): void {
  group.inputs.clear();
  group.sender.stop();
  group.receiver.stop();
  group.forwarding.stop();
  group.requests.stop();
  group.snapshotRequest.lost("stopped");
  group.proposals.stop();
  group.membership.stop();
  group.transfers.stop();
  group.appliedWaiters.stop();
  group.reads.stop();
}
