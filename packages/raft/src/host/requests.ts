/**
 * Requests of the application from one member to the leader, and the leader's answers: what only the leader knows or may begin. A
 * request is sent once and never again; whoever gets no answer learns that nobody knows whether it was handled.
 */
import { assert } from "@quorate/base";
import { type NodeId, noNode, type Term } from "../types/ids.ts";
import { requestBytesMax, requestChannelMax } from "../wire/layout.ts";
import type { RequestIds } from "./forwarding.ts";
import type { UnknownReason, Waiting } from "./outcome.ts";
import type { LeaderRequestRefusal, PeerFrame } from "./ports.ts";

/** How a request to the leader ended. */
export type RequestOutcome =
  /** Handled by the leader. */
  | { readonly kind: "answered"; readonly bytes: Uint8Array }
  /** Certainly never handled. `leader` is where to go, `noNode` when unknown. */
  | { readonly kind: "refused"; readonly reason: LeaderRequestRefusal; readonly leader: NodeId }
  /** Handled or not: the leader or the connection was lost, or no answer came in time, after it was sent. */
  | { readonly kind: "unknown"; readonly reason: UnknownReason | "timed-out" };

/**
 * Handles requests of one channel while this member leads. `answer` is called once, now or later; an answer that comes after the
 * end of this member is dropped. What it throws ends the member.
 */
export type RequestHandler = (from: NodeId, bytes: Uint8Array, answer: (bytes: Uint8Array) => void) => void;

/** Channels below are the host's own. */
export const applicationChannelMin = 16;

type RequestFrame = PeerFrame & { readonly kind: "request" };
type AnswerFrame = PeerFrame & { readonly kind: "answer" };

/** What requests need of their host. */
interface RequestPort {
  readonly id: NodeId;
  readonly leader: NodeId;
  readonly term: Term;
  readonly isLeader: boolean;
  readonly isRunning: boolean;
  /** Sends, unless this member has ended. */
  send(to: NodeId, frame: PeerFrame): void;
  /** Whether a frame of another member is a first copy of this term. */
  admits(from: NodeId, requestId: number, term: Term): boolean;
}

class Pending implements Waiting {
  readonly leader: NodeId;
  readonly term: Term;
  ticksLeft: number;
  #done: ((outcome: RequestOutcome) => void) | null;

  constructor(leader: NodeId, term: Term, ticksLeft: number, done: (outcome: RequestOutcome) => void) {
    this.leader = leader;
    this.term = term;
    this.ticksLeft = ticksLeft;
    this.#done = done;
  }

  get ended(): boolean {
    return this.#done === null;
  }

  settle(outcome: RequestOutcome): void {
    const done = this.#done;
    this.#done = null;
    done?.(outcome);
  }

  abandon(): void {
    this.settle({ kind: "unknown", reason: "abandoned" });
  }
}

const settled: Waiting = { abandon: () => {} };
const noBytes: Uint8Array = new Uint8Array(0);

/** Both sides of one member: what it asked, and how it answers while it leads. */
export class Requests {
  readonly #port: RequestPort;
  readonly #ids: RequestIds;
  readonly #countMax: number;
  readonly #handlers: Map<number, RequestHandler> = new Map();
  readonly #pending: Map<number, Pending> = new Map();

  constructor(port: RequestPort, ids: RequestIds, countMax: number) {
    assert(countMax > 0, "requests: none allowed");
    this.#port = port;
    this.#ids = ids;
    this.#countMax = countMax;
  }

  /** Requests that wait for an answer. */
  get count(): number {
    return this.#pending.size;
  }

  /** From now on `handler` answers the requests of `channel`. */
  handle(channel: number, handler: RequestHandler): void {
    assert(Number.isSafeInteger(channel) && channel >= 1, "requests: not a channel");
    assert(channel <= requestChannelMax, "requests: not a channel");
    assert(!this.#handlers.has(channel), "requests: the channel has a handler");
    this.#handlers.set(channel, handler);
  }

  /** Asks whoever leads; this member itself where it does. `done` is called exactly once. */
  ask(
    channel: number,
    bytes: Uint8Array,
    timeoutTicks: number,
    done: (outcome: RequestOutcome) => void,
  ): Waiting {
    assert(channel >= 1 && channel <= requestChannelMax, "requests: not a channel");
    assert(timeoutTicks >= 1, "requests: no time for an answer");
    const port = this.#port;
    const refusal = this.#refusal(bytes);
    if (refusal !== null) {
      done({ kind: "refused", reason: refusal, leader: port.leader });
      return settled;
    }
    const requestId = this.#ids.next();
    const pending = new Pending(port.leader, port.term, timeoutTicks, done);
    this.#pending.set(requestId, pending);
    if (port.isLeader) {
      this.#handle(port.id, channel, bytes, (answer) => {
        this.#settle(requestId, port.id, answer);
      });
    } else {
      port.send(port.leader, { kind: "request", term: port.term, requestId, channel, bytes });
    }
    return pending;
  }

  #refusal(bytes: Uint8Array): LeaderRequestRefusal | null {
    if (!this.#port.isRunning) {
      return "stopped";
    }
    if (this.#port.leader === noNode) {
      return "no-leader";
    }
    if (bytes.length > requestBytesMax) {
      return "too-large";
    }
    return this.#pending.size >= this.#countMax ? "too-many" : null;
  }

  /** A member's request. A copy of an earlier one, and one of another term, gets no answer: it may have been handled. */
  taken(from: NodeId, frame: RequestFrame): boolean {
    const { bytes, channel, requestId, term } = frame;
    const port = this.#port;
    if (!port.admits(from, requestId, term)) {
      return false;
    }
    this.#handle(from, channel, bytes, (answer) => {
      port.send(from, { kind: "answer", requestId, ...answer });
    });
    return true;
  }

  #handle(
    from: NodeId,
    channel: number,
    bytes: Uint8Array,
    reply: (answer: Pick<AnswerFrame, "refusal" | "leader" | "bytes">) => void,
  ): void {
    const { isLeader, isRunning, leader } = this.#port;
    const handler = this.#handlers.get(channel);
    if (!isRunning || !isLeader || handler === undefined) {
      const role = leader === noNode ? "no-leader" : "not-leader";
      const refusal = isRunning ? (isLeader ? "unknown-channel" : role) : "stopped";
      reply({ refusal, leader, bytes: noBytes });
      return;
    }
    let answered = false;
    handler(from, bytes, (answer) => {
      assert(!answered, "requests: answered twice");
      assert(answer.length <= requestBytesMax, "requests: answer too long");
      answered = true;
      reply({ refusal: null, leader, bytes: answer });
    });
  }

  /** The leader's answer; one that nobody waits for is late, or a copy. */
  answered(from: NodeId, frame: AnswerFrame): void {
    this.#settle(frame.requestId, from, frame);
  }

  #settle(
    requestId: number,
    from: NodeId,
    { bytes, leader, refusal }: Pick<AnswerFrame, "refusal" | "leader" | "bytes">,
  ): void {
    const pending = this.#pending.get(requestId);
    if (pending === undefined || pending.leader !== from) {
      return;
    }
    this.#pending.delete(requestId);
    pending.settle(
      refusal === null ? { kind: "answered", bytes } : { kind: "refused", reason: refusal, leader },
    );
  }

  /** Requests to another leader than this one, or of another term, get no answer that counts. */
  leaderChanged(leader: NodeId, term: Term): void {
    this.#loseWhere("leader-changed", (pending) => pending.leader !== leader || pending.term !== term);
  }

  connectionLost(peer: NodeId): void {
    this.#loseWhere("connection-lost", (pending) => pending.leader === peer);
  }

  tick(): void {
    for (const pending of this.#pending.values()) {
      pending.ticksLeft--;
    }
    this.#loseWhere("timed-out", (pending) => pending.ticksLeft <= 0);
  }

  stop(): void {
    this.#loseWhere("stopped", () => true);
  }

  #loseWhere(reason: UnknownReason | "timed-out", isLost: (pending: Pending) => boolean): void {
    for (const [requestId, pending] of this.#pending) {
      if (pending.ended || isLost(pending)) {
        this.#pending.delete(requestId);
        pending.settle({ kind: "unknown", reason });
      }
    }
  }
}
