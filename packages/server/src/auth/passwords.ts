/**
 * Passwords, hashed and compared by bcrypt in a thread of their own, so that a flood of them holds up nobody but those who
 * log in. One at a time; who finds too many waiting is told so, and who gives up waits no more.
 */
import { Worker } from "node:worker_threads";
import type { CancelHandle, PasswordPort } from "@quorate/etcd";

/** What the thread is asked. */
export type PasswordQuestion =
  | { readonly kind: "hash"; readonly password: string }
  | { readonly kind: "compare"; readonly password: string; readonly hash: string | null };

/** What it answers, in the order of the questions. */
export type PasswordAnswer =
  | { readonly kind: "hash"; readonly hash: string }
  | { readonly kind: "compare"; readonly same: boolean };

/** The port, and its end. */
interface Passwords extends PasswordPort {
  /** Ends the thread; what waits is not answered any more. */
  stop(): Promise<void>;
}

/** Questions that may wait. A password of cost 10 takes a tenth of a second: more would wait for longer than a request may. */
const waitingMax = 128;

interface Waiting {
  readonly question: PasswordQuestion;
  /** Null once nobody waits any more. */
  done: ((answer: PasswordAnswer) => void) | null;
}

/** Makes the port; the thread starts with the first question. `failed` is told when it dies. */
export function createPasswords(cost: number, failed: (error: Error) => void): Passwords {
  const queue: Waiting[] = [];
  let asked: Waiting | null = null;
  let worker: Worker | null = null;
  let stopped = false;

  const next = (): void => {
    asked = queue.shift() ?? null;
    if (asked !== null) {
      worker ??= startWorker(cost, answered, failed);
      worker.postMessage(asked.question);
    }
  };
  const answered = (answer: PasswordAnswer): void => {
    const done = asked?.done;
    next();
    done?.(answer);
  };
  /** False when too many wait. */
  const ask = (waiting: Waiting): boolean => {
    if (stopped || queue.length >= waitingMax) {
      return false;
    }
    queue.push(waiting);
    if (asked === null) {
      next();
    }
    return true;
  };
  const cancelOf = (waiting: Waiting): CancelHandle => ({
    cancel() {
      waiting.done = null;
      const place = queue.indexOf(waiting);
      if (place !== -1) {
        queue.splice(place, 1);
      }
    },
  });

  return {
    hash(password, done) {
      const waiting: Waiting = {
        question: { kind: "hash", password },
        done: (answer) => done(answer.kind === "hash" ? answer.hash : null),
      };
      if (!ask(waiting)) {
        done(null);
      }
      return cancelOf(waiting);
    },
    compare(password, hash, done) {
      const waiting: Waiting = {
        question: { kind: "compare", password, hash },
        done: (answer) => done(answer.kind === "compare" && answer.same ? "same" : "different"),
      };
      if (!ask(waiting)) {
        done("busy");
      }
      return cancelOf(waiting);
    },
    async stop() {
      stopped = true;
      queue.length = 0;
      await worker?.terminate();
    },
  };
}

function startWorker(
  cost: number,
  answered: (answer: PasswordAnswer) => void,
  failed: (error: Error) => void,
): Worker {
  // Run as it stands in the sources, or as it was built.
  const file = import.meta.url.endsWith(".ts") ? "./password-worker.ts" : "./password-worker.js";
  const worker = new Worker(new URL(file, import.meta.url), { workerData: { cost } });
  worker.on("message", answered);
  worker.on("error", failed);
  worker.unref();
  return worker;
}
