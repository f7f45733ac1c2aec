/** Frees what compaction hid, a slice at a time between other events, so that nothing waits for it noticeably. */
import type { KvStateMachine } from "@quorate/kv";

/** How a sweep shares the event loop with requests. */
interface SweepPace {
  /** Records in one go. PERF: some thousands take a millisecond; the event loop's budget for one slice is five. */
  readonly recordCount: number;
  /** Milliseconds between two goes; 0: as soon as what waits was served. */
  readonly restMs: number;
}

// How long nothing is looked for after a sweep that found nothing more to do.
const idleMs = 200;

/** Sweeps until it is stopped. The event loop may end while it rests. Returns the function that stops it. */
export function startSweeping(machine: Pick<KvStateMachine, "sweep">, pace: SweepPace): () => void {
  let stopped = false;
  const slice = (): void => {
    if (stopped) {
      return;
    }
    if (!machine.sweep(pace.recordCount)) {
      setTimeout(slice, idleMs).unref();
    } else if (pace.restMs === 0) {
      setImmediate(slice);
    } else {
      setTimeout(slice, pace.restMs).unref();
    }
  };
  slice();
  return () => {
    stopped = true;
  };
}
