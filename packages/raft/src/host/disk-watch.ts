/**
 * A leader whose disk hangs takes proposals that it cannot count itself for and keeps the group from a better one: it hands over
 * where it can (RAFT §3.10 [transfer-on-trouble]), and gives up its place where it could not.
 */
import { coreOf, emit, type Group, roleOf } from "./group.ts";
import { handOverToBest } from "./stopping.ts";

/** Looks, once per tick, for how long the oldest write has been under way. */
export function watchDisk<Result>(group: Group<Result>): void {
  const ticks = group.persisting.oldestTicks;
  if (ticks === 0 || ticks % group.electionTimeoutTicks !== 0) {
    return;
  }
  emit(group, { type: "slow-disk", ticks });
  if (roleOf(group) !== "leader") {
    return;
  }
  if (ticks === group.electionTimeoutTicks) {
    handOverToBest(group);
  } else if (coreOf(group).resign()) {
    emit(group, { type: "resigned", ticks });
  }
}
