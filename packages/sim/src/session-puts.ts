/**
 * Clients that put within sessions: what was lost is sent again, also to another member, and now and then twice at once. Whatever the
 * network makes of it, each put is applied once or never. RAFT §6.3.
 */
import type { Prng } from "@quorate/base";
import type { KvResult } from "@quorate/kv";
import {
  type NodeId,
  openSession,
  type ProposalOutcome,
  SessionClient,
  type SessionClientPort,
  type SessionProposalOutcome,
  sessionLimitsDefault,
} from "@quorate/raft";
import type { FaultCount } from "./fault-count.ts";
import type { MachineResult } from "./session-machine.ts";
import type { World } from "./world.ts";

/** What a session needs of the cluster. A member that is down never answers. */
interface SessionTarget {
  readonly members: readonly NodeId[];
  propose(node: NodeId, bytes: Uint8Array, done: (outcome: ProposalOutcome<MachineResult>) => void): void;
}

/** How long one attempt waits for its answer: longer while answers are late, or the repetitions alone would keep them late. */
const attemptMsMin = 400;
const attemptMsMax = 10_000;

/** The sessions of all clients of a run. */
export class SessionPuts {
  readonly #world: World;
  readonly #random: Prng;
  readonly #target: SessionTarget;
  readonly #faults: FaultCount;
  readonly #port: SessionClientPort<KvResult>;
  readonly #clients = new Map<number, SessionClient<KvResult>>();
  readonly #windowCount: number;
  #isGone = false;
  #attemptMs = attemptMsMin;

  constructor(world: World, target: SessionTarget, faults: FaultCount, windowCount: number) {
    this.#world = world;
    this.#random = world.random.stream("sessions");
    this.#target = target;
    this.#faults = faults;
    this.#windowCount = windowCount;
    this.#port = {
      propose: (command, done) => this.#propose(command, done),
      retryLater: (attempt, work) => world.schedule(Math.min(500, 10 * 2 ** Math.min(attempt, 6)), work),
    };
  }

  /** The clients are gone: what they queued while nobody answered is sent no more, and the cluster may come to rest. */
  stop(): void {
    this.#isGone = true;
  }

  /** Puts within the session of `client`; false while it has none, and one is asked for. */
  put(
    client: number,
    command: Uint8Array,
    done: (outcome: SessionProposalOutcome<KvResult>) => void,
  ): boolean {
    const session = this.#clients.get(client);
    if (session === undefined || session.ended !== null) {
      this.#open(client);
      return false;
    }
    session.propose(command, done);
    return true;
  }

  #open(client: number): void {
    openSession<KvResult>(this.#port, sessionLimitsDefault, this.#windowCount, (session) => {
      if (session instanceof SessionClient) {
        this.#clients.set(client, session);
      }
    });
  }

  #propose(
    command: Uint8Array,
    done: (outcome: ProposalOutcome<MachineResult>) => void,
  ): { readonly abandon: () => void } {
    if (this.#isGone) {
      return { abandon: () => {} };
    }
    let isOver = false;
    const isDouble = this.#random.chance(0.2);
    const once = (outcome: ProposalOutcome<MachineResult>): void => {
      if (!isOver) {
        isOver = true;
        if (outcome.kind === "applied") {
          this.#attemptMs = Math.max(attemptMsMin, this.#attemptMs / 2);
        }
        // What one member refused the other one may have taken up.
        done(
          isDouble && outcome.kind === "refused" ? { kind: "unknown", reason: "connection-lost" } : outcome,
        );
      }
    };
    this.#target.propose(this.#random.pick(this.#target.members), command.slice(), once);
    if (isDouble) {
      this.#faults.add("session-command-repeated");
      this.#target.propose(this.#random.pick(this.#target.members), command.slice(), once);
    }
    this.#world.schedule(this.#attemptMs, () => {
      if (!isOver) {
        this.#attemptMs = Math.min(attemptMsMax, 2 * this.#attemptMs);
        once({ kind: "unknown", reason: "connection-lost" });
      }
    });
    return {
      abandon: () => {
        isOver = true;
      },
    };
  }
}
