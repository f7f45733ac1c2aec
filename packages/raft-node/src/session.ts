/** A client session as the API shows it: {@link SessionClient} with Promise, pauses between attempts, and a keep-alive. RAFT §6.3. */
import { assert } from "@quorate/base";
import {
  noNode,
  openSession,
  type ProposalOutcome,
  RaftError,
  type SessionClient,
  type SessionClientPort,
  type SessionLimits,
  type SessionOutcome,
  type SessionProposalOutcome,
  type Waiting,
} from "@quorate/raft";
import type { Codec, SessionOpenOptions, WaitOptions } from "./options.ts";
import { proposalError } from "./outcome-errors.ts";
import { promised, Wait } from "./wait.ts";

const keepAliveMsDefault = 30_000;
const retryMsMin = 10;
const retryMsMax = 500;

/** Proposes session commands. */
export type ProposeSessionCommand<Result> = (
  command: Uint8Array,
  done: (outcome: ProposalOutcome<SessionOutcome<Result>>) => void,
) => Waiting;

/**
 * Proposes commands that are applied exactly once, although they are sent again whenever their outcome is unknown. It is this
 * object's: a client that dies leaves its session behind, to be expired.
 *
 * @example
 * ```ts
 * import { createTestCluster } from "@quorate/raft-node/testing";
 * class Counter {
 *   value = 0;
 *   apply(command: { add: number }): number { this.value += command.add; return this.value; }
 *   snapshot(): number { return this.value; }
 *   restore(image: number): void { this.value = image; }
 * }
 * const cluster = await createTestCluster<{ add: number }, number, Counter>({ nodes: 1, stateMachine: () => new Counter() });
 * const { node } = await cluster.leader();
 * const session = await node.openSession();
 * await session.propose({ add: 2 }); // 2, whatever is lost on the way
 * await session.close();
 * await cluster.stop();
 * ```
 */
export class RaftSession<Command, Result> {
  readonly #client: SessionClient<Result>;
  readonly #codec: Codec<Command> | null;
  readonly #keepAlive: NodeJS.Timeout | null;
  #closed: Promise<void> | null = null;

  /** Made by `RaftNode.openSession`. */
  constructor(client: SessionClient<Result>, codec: Codec<Command> | null, keepAliveMs: number) {
    this.#client = client;
    this.#codec = codec;
    this.#keepAlive = keepAliveMs === 0 ? null : setInterval(() => this.#stayAlive(), keepAliveMs);
    this.#keepAlive?.unref();
  }

  /** The log index at which it was registered: no other session has it. */
  get id(): number {
    return this.#client.id;
  }

  /** Why it takes no more commands, null while it does. */
  get ended(): "expired" | "closed" | null {
    return this.#client.ended;
  }

  /**
   * Proposes a command, again and again until its outcome is known, and resolves with what `apply` returned the one time that it was
   * applied. Without a deadline or signal it waits for as long as there is no leader.
   *
   * @throws RaftError `RAFT_SESSION_EXPIRED`, `RAFT_SESSION_CLOSED`, `RAFT_SESSION_ANSWER_LOST` (applied, the answer is gone),
   *   `RAFT_DEADLINE`, `RAFT_STOPPED`, `RAFT_PROPOSAL_DROPPED`. Where `maybeCommitted`, it was applied once or never.
   */
  propose(command: Command, options: WaitOptions = {}): Promise<Result> {
    const codec = this.#codec;
    assert(codec !== null, "session: a byte state machine takes its commands by submit()");
    return this.submit(codec.encode(command), options);
  }

  /** As {@link propose}, for a command that is bytes already. They belong to the session from here on. */
  submit(command: Uint8Array, options: WaitOptions = {}): Promise<Result> {
    return promised(options, (resolve, reject) =>
      this.#client.propose(command, (outcome) => {
        if (outcome.kind === "applied") {
          resolve(outcome.result);
        } else {
          reject(sessionError(this.id, outcome));
        }
      }),
    );
  }

  /** Waits for the commands under way, then ends the session. Safe to call more than once. */
  close(): Promise<void> {
    if (this.#keepAlive !== null) {
      clearInterval(this.#keepAlive);
    }
    this.#closed ??= new Promise((resolve) => {
      // Where the members did not hear of it, they expire it in time.
      this.#client.close(() => resolve());
    });
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #stayAlive(): void {
    if (this.#client.ended === null && this.#client.pendingCount === 0) {
      // RAFT §6.3 [session-keep-alive]: sessions that were not used for longest are expired first.
      this.#client.keepAlive(() => {});
    }
  }
}

/** Registers a session; see `RaftNode.openSession`. */
export function startSession<Command, Result>(
  propose: ProposeSessionCommand<Result>,
  codec: Codec<Command> | null,
  limits: SessionLimits,
  options: SessionOpenOptions,
): Promise<RaftSession<Command, Result>> {
  const { concurrency = 1, keepAliveMs = keepAliveMsDefault } = options;
  const port: SessionClientPort<Result> = {
    propose,
    retryLater: (attempt, work) => void setTimeout(work, pauseMs(attempt)),
  };
  return new Promise((resolve, reject) => {
    options.signal?.throwIfAborted();
    const wait = new Wait(options);
    let waiting: Waiting | null = null;
    let givenUp = false;
    wait.begin({
      abandon: () => {
        givenUp = true;
        waiting?.abandon();
      },
    });
    const attempt = (number: number): void => {
      waiting = openSession<Result>(port, limits, concurrency, (client, outcome) => {
        if (client !== null) {
          wait.end();
          resolve(new RaftSession(client, codec, keepAliveMs));
        } else if (outcome !== null && (givenUp || isOver(outcome))) {
          wait.end();
          // A session that was registered and is used by nobody changes nothing: it is expired in time.
          reject(
            givenUp
              ? new RaftError({ code: "RAFT_DEADLINE", maybeCommitted: false })
              : proposalError(outcome),
          );
        } else {
          port.retryLater(number, () => attempt(number + 1));
        }
      });
      if (givenUp) {
        waiting.abandon();
      }
    };
    attempt(1);
  });
}

function isOver(outcome: Exclude<ProposalOutcome<never>, { kind: "applied" }>): boolean {
  return outcome.reason === "stopped" || outcome.reason === "not-a-member" || outcome.reason === "too-large";
}

function pauseMs(attempt: number): number {
  return Math.min(retryMsMin * 2 ** Math.min(attempt - 1, 10), retryMsMax);
}

/** The error for a command of a session that has no result, as far as known. */
function sessionError(
  session: number,
  outcome: Exclude<SessionProposalOutcome<unknown>, { kind: "applied" }>,
): RaftError {
  if (outcome.kind === "answer-lost") {
    return new RaftError({ code: "RAFT_SESSION_ANSWER_LOST", session });
  }
  const isUnknown = outcome.kind === "unknown";
  switch (outcome.reason) {
    case "expired":
      return new RaftError({ code: "RAFT_SESSION_EXPIRED", session, maybeCommitted: isUnknown });
    case "closed":
      return new RaftError({ code: "RAFT_SESSION_CLOSED", session });
    case "abandoned":
      return new RaftError({ code: "RAFT_DEADLINE", maybeCommitted: isUnknown });
    case "stopped":
      return new RaftError({ code: "RAFT_STOPPED", maybeCommitted: isUnknown });
    default:
      return isUnknown
        ? proposalError({ kind: "unknown", reason: outcome.reason as "leader-changed" })
        : proposalError({ kind: "refused", reason: outcome.reason as "too-large", leader: noNode });
  }
}
