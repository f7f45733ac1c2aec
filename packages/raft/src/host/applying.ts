/** Committed entries into the state machine, a slice per turn, and their proposers told. RAFT §3.5. */
import { assert } from "@quorate/base";
import type { Entry } from "../types/entry.ts";
import { coreOf, type Group } from "./group.ts";
import type { StateMachine } from "./ports.ts";

/** Applies what this turn has time for. */
export function applySlice<Result>(group: Group<Result>): void {
  const { applyBytesPerTurnMax, applyCountPerTurnMax } = group.limits;
  const { applyQueue } = group;
  const countMax = group.options.buggify?.("apply-one") ? 1 : applyCountPerTurnMax;
  const count = applyQueue.run(countMax, applyBytesPerTurnMax, group.applyEntry, group.lookAhead);
  if (count > 0) {
    group.counters.entriesApplied += count;
    coreOf(group).applied(applyQueue.applied);
    group.reads.appliedTo(applyQueue.applied);
    group.appliedWaiters.appliedTo(applyQueue.applied);
  }
}

/** Fewer commands are applied as soon as they would have been looked at. */
const aheadCountMin = 4;

/** Tells the state machine which commands come next. */
export function lookAhead<Result>(
  machine: StateMachine<Result>,
  page: readonly Entry[],
  start: number,
  end: number,
): void {
  const commands: Uint8Array[] = [];
  for (let i = start; i < end; i++) {
    const { data, type } = page[i] as Entry;
    if (type === "normal" && data.length > 0) {
      commands.push(data);
    }
  }
  if (commands.length >= aheadCountMin) {
    machine.lookAhead?.(commands);
  }
}

/** Applies one entry. */
export function applyEntry<Result>(group: Group<Result>, entry: Entry): void {
  const { data, index, term } = entry;
  const { membership, proposals } = group;
  assert(term >= group.appliedTerm, "host: terms go back along the log");
  if (term > group.appliedTerm) {
    group.appliedTerm = term;
    proposals.termBegan(index, term);
    membership.termBegan(index, term);
  }
  group.maker.count(data.length);
  if (entry.type !== "normal") {
    membership.apply(entry);
    // RAFT §6.4.1: quorums of adjacent configurations meet, those of later ones need not.
    group.lease?.revoke("members");
    proposals.passed(index);
    return;
  }
  if (membership.hasWaiting) {
    membership.passed(index);
  }
  if (data.length === 0) {
    proposals.passed(index);
  } else {
    proposals.applied(index, term, group.options.stateMachine.apply(data, { index, term }));
  }
}
