/**
 * Seeds on all cores. Outcomes are handed on in the order of the seeds, whatever thread is first, so that the report of a run does not
 * depend on how many threads it had.
 */
import process from "node:process";
import { setFlagsFromString } from "node:v8";
import { Worker } from "node:worker_threads";
import type { ProfileName } from "@quorate/sim";
import type { SeedOutcome } from "./seed-outcome.ts";

/**
 * PERF: a seed leaves tens of megabytes behind and is over in a second. V8 begins with a heap for much smaller programs and collects all of
 * it again and again, in the thread and beside it, until it has learnt that; for each new thread anew. Bytes beside the heap (buffers) have a
 * limit of their own, some 64 MB more than there are, and each time everything is marked: two and a half times a seed, on all cores. Counted
 * in with the heap, as from V8 13 on can be asked for, they make that once in three seeds. The size is in megabytes.
 */
export const roomyHeap: readonly string[] = [
  "--initial-heap-size=256",
  ...(Number.parseInt(process.versions.v8, 10) >= 13 ? ["--external-memory-accounted-in-global-limit"] : []),
];

/** Which seeds run, and how. */
interface SeedRange {
  readonly from: number;
  readonly end: number;
  readonly profile: ProfileName;
  readonly workerCount: number;
}

/** Runs the seeds until all are done or `take` answers false; that one gets every outcome, in order. */
export async function runSeeds(range: SeedRange, take: (outcome: SeedOutcome) => boolean): Promise<void> {
  const count = Math.min(range.workerCount, range.end - range.from);
  if (count <= 0) {
    return;
  }
  for (const flag of roomyHeap) {
    setFlagsFromString(flag);
  }
  const workers = Array.from(
    { length: count },
    () => new Worker(new URL("./seed-worker.ts", import.meta.url), { workerData: range.profile }),
  );
  try {
    await new Promise<void>((resolve, reject) => distribute(workers, range, take, resolve, reject));
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

function distribute(
  workers: readonly Worker[],
  { end, from }: SeedRange,
  take: (outcome: SeedOutcome) => boolean,
  done: () => void,
  failed: (error: Error) => void,
): void {
  const early = new Map<number, SeedOutcome>();
  let asked = from;
  let taken = from;
  let isOver = false;
  const finish = (): void => {
    isOver = true;
    done();
  };
  const ask = (worker: Worker): void => {
    if (asked < end) {
      worker.postMessage(asked);
      asked++;
    }
  };
  const receive = (outcome: SeedOutcome): void => {
    early.set(outcome.seed, outcome);
    for (let next = early.get(taken); next !== undefined && !isOver; next = early.get(taken)) {
      early.delete(taken);
      taken++;
      if (!take(next) || taken === end) {
        finish();
      }
    }
  };
  for (const worker of workers) {
    worker.on("message", (outcome: SeedOutcome) => {
      if (!isOver) {
        receive(outcome);
        ask(worker);
      }
    });
    worker.on("error", failed);
    ask(worker);
  }
}
