/** The check before a member serves. ETCD: one whose state is not that of the others does not start. */
import { setTimeout as delay } from "node:timers/promises";
import { CommandError } from "../cli/exit-code.ts";
import type { Logger } from "../logging/logger.ts";
import type { CorruptionCheck } from "./corruption-check.ts";

/** Time to find a leader and to catch up with it. */
const waitMsMax = 10_000;
const retryMs = 200;

/**
 * Compares with the leader, as soon as there is one. Where nobody can be compared with, the member starts, and says so: a whole
 * cluster that starts has nobody to ask.
 *
 * @throws {@link CommandError} when the states differ.
 */
export async function checkBeforeServing(check: CorruptionCheck, logger: Logger): Promise<void> {
  const deadline = performance.now() + waitMsMax;
  for (;;) {
    const verdict = await check.compareWithLeader();
    if (verdict === "equal") {
      logger.info("the initial corruption check passed: the state is the leader's");
      return;
    }
    if (verdict === "different") {
      throw new CommandError(
        "found data inconsistency: at one revision this member's keys are not the leader's; compare all members with `quorate endpoint hashkv --cluster`, then empty the folder of the one that stands alone, remove it and add it again",
      );
    }
    if (performance.now() > deadline) {
      logger.warn("the initial corruption check found nobody to compare with");
      return;
    }
    await delay(retryMs);
  }
}
