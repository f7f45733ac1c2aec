/**
 * The network between clients and members. A call reaches a member, or does not; the connection under it may break at any time, and then
 * neither side knows what became of the other.
 */
import type { Prng } from "@quorate/base";
import type { BidiApiCall, UnaryApiCall } from "@quorate/etcd";
import type { NodeId } from "@quorate/raft";
import { promise } from "../violation.ts";
import type { Watch } from "../watch.ts";
import type { World } from "../world.ts";
import { type CallEnd, type CallHead, ServedStream, ServedUnaryCall } from "./client-calls.ts";

/** Delays in virtual milliseconds, chances per call. */
export interface ClientNetworkPlan {
  readonly delayMsMin: number;
  readonly delayMsMax: number;
  /** How often a request or an answer never arrives. */
  readonly lossChance: number;
  /** How often the connection breaks under a call. */
  readonly resetChance: number;
  /** Bytes that a stream holds for a client that does not read. */
  readonly windowBytes: number;
}

/** A member as clients reach it. Nothing happens where its process does not run. */
export interface ServingMember {
  /** Runs in the process that runs now; false when there is none. Its end is told to `ended`. */
  enter(work: () => void): boolean;
  unary(path: string, request: Uint8Array, call: UnaryApiCall): void;
  bidi(path: string, call: BidiApiCall): void;
  /** Calls `listener` once when the present process ends. */
  onEnd(listener: () => void): void;
}

/** The client's end of a stream. */
export interface ClientStream {
  send(message: Uint8Array): void;
  /** Says nothing more, and waits for the end. */
  finish(): void;
  setReading(isReading: boolean): void;
  /** Breaks it off. Nothing arrives any more. */
  abort(): void;
}

/** What a stream tells its client. */
interface StreamListener {
  readonly arrived: (message: Uint8Array) => void;
  readonly closed: (end: CallEnd) => void;
}

/** See the head of this file. */
export class ClientNetwork {
  readonly #world: World;
  readonly #watch: Watch;
  readonly #random: Prng;
  readonly #reach: (node: NodeId) => ServingMember | null;
  readonly #noteReset: () => void;
  #plan: ClientNetworkPlan;

  constructor(
    world: World,
    watch: Watch,
    plan: ClientNetworkPlan,
    reach: (node: NodeId) => ServingMember | null,
    noteReset: () => void,
  ) {
    this.#world = world;
    this.#watch = watch;
    this.#random = world.random.stream("client-network");
    this.#plan = plan;
    this.#reach = reach;
    this.#noteReset = noteReset;
  }

  /** From here on nothing is lost and nothing breaks by chance. */
  heal(): void {
    this.#plan = { ...this.#plan, lossChance: 0, resetChance: 0 };
  }

  /** Calls a method; `done` is called once, with `lost` at the latest after `deadlineMs`. */
  unary(
    node: NodeId,
    head: CallHead,
    request: Uint8Array,
    deadlineMs: number,
    done: (end: CallEnd) => void,
  ): void {
    let call: ServedUnaryCall | null = null;
    const link = new Link(
      this.#world,
      () => this.#delayMs(),
      () => call?.cancel(),
    );
    const once = link.once((end: CallEnd) => this.#watch.check(() => done(end)));
    this.#world.schedule(deadlineMs, () => link.breakOff(() => once({ kind: "lost" })));
    if (!this.#world.steps.admit("call")) {
      return; // Left out by shrinking: a request that nobody ever gets.
    }
    this.#breakByChance(link, () => once({ kind: "lost" }), deadlineMs);
    const isAnswerLost = this.#random.chance(this.#plan.lossChance);
    if (this.#random.chance(this.#plan.lossChance)) {
      return;
    }
    this.#world.schedule(this.#delayMs(), () => {
      const member = this.#connect(node, link, () => once({ kind: "lost" }));
      member?.enter(() => {
        call = new ServedUnaryCall(head, link, (end) => {
          if (!isAnswerLost) {
            once(end);
          }
        });
        member.unary(head.path, request, call);
      });
    });
  }

  /** Opens a stream. */
  stream(node: NodeId, head: CallHead, listener: StreamListener): ClientStream {
    let call: ServedStream | null = null;
    const link = new Link(
      this.#world,
      () => this.#delayMs(),
      () => call?.cancel(),
    );
    const closed = link.once((end: CallEnd) => this.#watch.check(() => listener.closed(end)));
    const lost = (): void => closed({ kind: "lost" });
    if (!this.#world.steps.admit("call")) {
      this.#world.schedule(streamResetMsMax, () => link.breakOff(lost));
      return silentStream(link);
    }
    this.#breakByChance(link, lost, streamResetMsMax);
    link.upstream(() => {
      const member = this.#connect(node, link, lost);
      member?.enter(() => {
        call = new ServedStream(head, link, this.#plan.windowBytes, {
          arrived: (message) => {
            if (link.isWhole) {
              this.#watch.check(() => listener.arrived(message));
            }
          },
          closed,
          overrun: (what) => this.#watch.check(() => promise(false, "bounded-memory", () => what)),
        });
        member.bidi(head.path, call);
      });
    });
    const later = (work: (call: ServedStream) => void): void =>
      link.upstream(() =>
        link.enter(() => {
          if (call !== null && !call.ended) {
            work(call);
          }
        }),
      );
    return {
      send: (message) => later((open) => open.received(message)),
      finish: () => later((open) => open.finished()),
      setReading: (isReading) => call?.setReading(isReading),
      abort: () => link.breakOff(() => {}),
    };
  }

  #connect(node: NodeId, link: Link, lost: () => void): ServingMember | null {
    if (!link.isWhole) {
      return null;
    }
    const member = this.#reach(node);
    if (member === null) {
      // Nobody listens: the client's machine hears of it, or only of silence.
      this.#world.schedule(this.#random.chance(0.7) ? this.#delayMs() : 3_000, () => link.breakOff(lost));
      return null;
    }
    link.member = member;
    member.onEnd(() => {
      link.member = null;
      this.#world.schedule(this.#random.chance(0.7) ? this.#delayMs() : 3_000, () => link.breakOff(lost));
    });
    return member;
  }

  #breakByChance(link: Link, lost: () => void, withinMs: number): void {
    if (this.#random.chance(this.#plan.resetChance)) {
      this.#world.schedule(this.#random.integer(0, withinMs), () => {
        if (link.isWhole) {
          this.#noteReset();
          link.breakOff(lost);
        }
      });
    }
  }

  #delayMs(): number {
    return this.#random.integer(this.#plan.delayMsMin, this.#plan.delayMsMax + 1);
  }
}

/** Left out by shrinking: a stream that reaches nobody. */
function silentStream(link: Link): ClientStream {
  return { send: () => {}, finish: () => {}, setReading: () => {}, abort: () => link.breakOff(() => {}) };
}

/** A reset comes within so long of a stream's life. */
const streamResetMsMax = 4_000;

/** The connection under one call. */
class Link {
  readonly #world: World;
  readonly #delayMs: () => number;
  readonly #cancel: () => void;
  member: ServingMember | null = null;
  isWhole = true;
  #downstreamMs = 0;
  #upstreamMs = 0;

  constructor(world: World, delayMs: () => number, cancel: () => void) {
    this.#world = world;
    this.#delayMs = delayMs;
    this.#cancel = cancel;
  }

  get turn(): number {
    return this.#world.eventCount;
  }

  /** To the client, in order. */
  deliver(_bytes: number, work: () => void): void {
    this.#downstreamMs = Math.max(this.#downstreamMs, this.#world.nowMs + this.#delayMs());
    this.#world.schedule(this.#downstreamMs - this.#world.nowMs, () => {
      if (this.isWhole) {
        work();
      }
    });
  }

  /** Towards the member, in order. */
  upstream(work: () => void): void {
    this.#upstreamMs = Math.max(this.#upstreamMs, this.#world.nowMs + this.#delayMs());
    this.#world.schedule(this.#upstreamMs - this.#world.nowMs, work);
  }

  enter(work: () => void): void {
    if (this.isWhole) {
      this.member?.enter(work);
    }
  }

  /** Only the first end counts, and it ends the connection. */
  once(done: (end: CallEnd) => void): (end: CallEnd) => void {
    return (end) => {
      if (this.isWhole) {
        this.#end();
        done(end);
      }
    };
  }

  /** The client is told by `tell`; the member hears of it when its machine does. */
  breakOff(tell: () => void): void {
    if (this.isWhole) {
      tell();
      this.#end();
    }
  }

  #end(): void {
    if (this.isWhole) {
      this.isWhole = false;
      const member = this.member;
      this.#world.schedule(this.#delayMs(), () => member?.enter(() => this.#cancel()));
    }
  }
}
