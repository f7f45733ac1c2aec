/** Frees what compaction hid, a slice at a time between other events, so that nothing waits for it noticeably. */
import type { KvStateMachine } from "@quorate/kv";

// PERF: some thousands of records take a millisecond; the event loop's budget for one slice is five.
const sliceRecordCount = 4000;
// How long nothing is looked for after a sweep that found nothing more to do.
const restMs = 200;

/** Sweeps until it is stopped. The event loop may end while it rests. Returns the function that stops it. */
export function startSweeping(machine: Pick<KvStateMachine, "sweep">): () => void {
  let stopped = false;
  const slice = (): void => {
    if (stopped) {
      return;
    }
    if (machine.sweep(sliceRecordCount)) {
      setImmediate(slice);
    } else {
      setTimeout(slice, restMs).unref();
    }
  };
  slice();
  return () => {
    stopped = true;
  };
}
