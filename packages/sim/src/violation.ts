/** A broken promise, as a checker reports it: the simulator stops at the first and prints how to replay it. */

/** What the simulator promises to watch. The first five are named after Figure 3 of the Raft paper. */
export type CheckerName =
  | "election-safety"
  | "leader-append-only"
  | "log-matching"
  | "leader-completeness"
  | "state-machine-safety"
  | "term-monotonic"
  | "vote-once"
  | "durable-before-reported"
  | "commit-monotonic"
  | "commit-quorum"
  | "commit-term"
  | "election-quorum"
  | "configuration-chain"
  | "one-change-at-a-time"
  | "transfer-caught-up"
  | "leader-stickiness"
  | "quorum-check"
  | "bounded-terms"
  | "rest"
  | "recovery"
  | "vote-floor"
  | "store-identity"
  | "frame-integrity"
  | "fail-stop"
  | "acknowledged-entries"
  | "acknowledged-writes"
  | "linearizable-reads"
  | "linearizability"
  | "refused-never-applied"
  | "at-most-once"
  | "exactly-once"
  | "kv-model"
  | "watch"
  | "lease"
  | "lock"
  | "bank"
  | "access"
  | "bounded-memory"
  | "liveness-clients"
  | "liveness-leader"
  | "liveness-convergence"
  | "invariant";

/** Thrown by a checker; nothing in the simulated world may catch it to go on. */
export class Violation extends Error {
  override readonly name = "Violation";
  readonly checker: CheckerName;

  constructor(checker: CheckerName, detail: string, options?: ErrorOptions) {
    super(`${checker}: ${detail}`, options);
    this.checker = checker;
  }
}

/** Throws a {@link Violation} unless `condition` holds. The text is built only then. */
export function promise(condition: boolean, checker: CheckerName, detail: () => string): asserts condition {
  if (!condition) {
    throw new Violation(checker, detail());
  }
}
