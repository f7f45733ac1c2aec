/**
 * The times of a cluster in milliseconds, or in ticks, as one set of ticks for the core. RAFT §3.4: a time-out is drawn anew for each
 * election, here from `[n, 2n)` ticks.
 */
import { CommandError, exitCode } from "../cli/exit-code.ts";

/** Times as the command line gives them. */
interface TimingFlags {
  /** Milliseconds. */
  readonly electionTimeoutMin: number;
  readonly electionTimeoutMax: number;
  readonly heartbeat: number;
  /** Milliseconds of a tick; null where the times above count. */
  readonly baseTick: number | null;
  /** Ticks. */
  readonly electionTick: number;
  readonly heartbeatTick: number;
}

/** Times as the core takes them. */
export interface Timing {
  readonly tickMs: number;
  readonly electionTimeoutTicks: number;
  readonly heartbeatTicks: number;
}

/** @throws {@link CommandError} naming the flag that is wrong. */
export function resolveTiming(flags: TimingFlags): Timing {
  const timing = flags.baseTick === null ? timingOfTimes(flags) : timingOfTicks(flags, flags.baseTick);
  // RAFT §3.9 [timing-order].
  if (timing.heartbeatTicks >= timing.electionTimeoutTicks) {
    const [heartbeat, election] =
      flags.baseTick === null
        ? ["--heartbeat", "--election-timeout-min"]
        : ["--heartbeat-tick", "--election-tick"];
    throw new CommandError(
      `${heartbeat} must be shorter than ${election}: a leader must be heard before it is missed`,
      exitCode.usage,
    );
  }
  return timing;
}

function timingOfTicks({ electionTick, heartbeatTick }: TimingFlags, baseTick: number): Timing {
  return { tickMs: baseTick, electionTimeoutTicks: electionTick, heartbeatTicks: heartbeatTick };
}

function timingOfTimes({ electionTimeoutMin, electionTimeoutMax, heartbeat }: TimingFlags): Timing {
  if (electionTimeoutMax !== 2 * electionTimeoutMin) {
    throw new CommandError(
      `--election-timeout-max ${electionTimeoutMax} must be twice --election-timeout-min ${electionTimeoutMin}: time-outs are drawn from between them`,
      exitCode.usage,
    );
  }
  const tickMs = greatestCommonDivisor(electionTimeoutMin, heartbeat);
  return { tickMs, electionTimeoutTicks: electionTimeoutMin / tickMs, heartbeatTicks: heartbeat / tickMs };
}

function greatestCommonDivisor(left: number, right: number): number {
  return right === 0 ? left : greatestCommonDivisor(right, left % right);
}
