/** Waiting for what a member's events announce: who leads, what holds of it. */
import { type NodeId, RaftError, type RaftHost, type Term } from "@quorate/raft";
import type { RaftNodeEvent, WaitOptions } from "./options.ts";

/** Who leads, as this member knows it. */
export interface Leadership {
  /** `noNode` (0) while nobody is known to lead. */
  readonly leader: NodeId;
  readonly term: Term;
  /** Whether it is this member. */
  readonly isLeader: boolean;
}

/** A running member, to those who watch it. */
export interface Watched {
  readonly host: RaftHost<unknown>;
  readonly stopping: AbortSignal;
  readonly subscribe: (listener: (event: RaftNodeEvent) => void) => () => void;
}

/** Resolves with what `look` finds, looking now and after each of `events`. @throws RaftError `RAFT_STOPPED`; the signal's reason. */
export async function waitUntil<T>(
  { host, stopping, subscribe }: Watched,
  events: ReadonlySet<RaftNodeEvent["type"]>,
  look: () => T | null,
  { signal }: Pick<WaitOptions, "signal">,
): Promise<T> {
  signal?.throwIfAborted();
  const { promise, reject, resolve } = Promise.withResolvers<T>();
  const stopped = (): void => reject(new RaftError({ code: "RAFT_STOPPED", maybeCommitted: false }));
  const abort = (): void => reject(signal?.reason);
  const tryNow = (): void => {
    const found = look();
    if (found !== null) {
      resolve(found);
    }
  };
  // An event comes from within the change that it tells of; the look comes after it.
  const unsubscribe = subscribe((event) => {
    if (event.type === "fatal") {
      stopped();
    } else if (events.has(event.type)) {
      setImmediate(tryNow);
    }
  });
  stopping.addEventListener("abort", stopped, { once: true });
  signal?.addEventListener("abort", abort, { once: true });
  try {
    tryNow();
    if (stopping.aborted || host.state === "stopped") {
      stopped();
    }
    return await promise;
  } finally {
    unsubscribe();
    stopping.removeEventListener("abort", stopped);
    signal?.removeEventListener("abort", abort);
  }
}

/** Who leads now, then each change, until the node stops. */
export async function* leadershipOf(
  { host, stopping, subscribe }: Watched,
  options: Pick<WaitOptions, "signal">,
): AsyncGenerator<Leadership, void, void> {
  const { signal } = options;
  signal?.throwIfAborted();
  let changed = Promise.withResolvers<void>();
  const wake = (): void => changed.resolve();
  const unsubscribe = subscribe((event) => {
    if (event.type === "leader" || event.type === "role" || event.type === "fatal" || event.type === "term") {
      wake();
    }
  });
  signal?.addEventListener("abort", wake, { once: true });
  stopping.addEventListener("abort", wake, { once: true });
  try {
    let last: Leadership | null = null;
    while (!stopping.aborted && host.state !== "stopped") {
      changed = Promise.withResolvers<void>();
      const now = { leader: host.leader, term: host.term, isLeader: host.role === "leader" };
      if (
        last === null ||
        last.leader !== now.leader ||
        last.term !== now.term ||
        last.isLeader !== now.isLeader
      ) {
        last = now;
        yield now;
        continue;
      }
      await changed.promise;
      signal?.throwIfAborted();
    }
  } finally {
    unsubscribe();
    signal?.removeEventListener("abort", wake);
    stopping.removeEventListener("abort", wake);
  }
}
