/**
 * Proposals of a follower on their way to the leader, and the leader's intake of them. A request is sent once and never again:
 * whoever gets no answer learns that the outcome is unknown.
 *
 * The network may deliver a frame twice, also much later. The leader knows a copy by its id, and by its term one that is older
 * than its memory; it never answers `refused` to a frame that an earlier copy may have put into the log.
 */
import { assert } from "@quorate/base";
import { type LogIndex, type NodeId, noNode, offsetIndex, type Term } from "../types/ids.ts";
import type { UnknownReason } from "./outcome.ts";
import type { PeerFrame } from "./ports.ts";
import type { Proposal, ProposalTable } from "./proposals.ts";

/** Ids of one start of a member are its epoch, times this, plus a count. */
const idsPerEpoch: number = 2 ** 31;
const epochMax: number = 2 ** 21;

/** A source of ids that two starts of a member do not share. */
export class RequestIds {
  #next: number;

  constructor(random: (low: number, high: number) => number) {
    this.#next = random(1, epochMax) * idsPerEpoch;
    assert(Number.isSafeInteger(this.#next), "ids: epoch out of range");
  }

  next(): number {
    this.#next++;
    assert(this.#next % idsPerEpoch !== 0, "ids: more requests than an epoch holds");
    return this.#next;
  }
}

interface ForwardedRequest<Result> {
  readonly leader: NodeId;
  readonly term: Term;
  readonly proposals: readonly Proposal<Result>[];
  ageTicks: number;
}

/** What the follower's side needs of its host. */
interface ForwardingPort {
  send(to: NodeId, frame: PeerFrame): void;
  /** Highest index that is not going to be applied any more: its outcome was told, or is lost in a snapshot. */
  readonly passed: LogIndex;
  /** The term of the entry at an applied index, null when it is not known any more. */
  termOf(index: LogIndex): Term | null;
}

/** The follower's side. */
export class Forwarding<Result> {
  readonly #port: ForwardingPort;
  readonly #table: ProposalTable<Result>;
  readonly #ids: RequestIds;
  readonly #timeoutTicks: number;
  readonly #requests: Map<number, ForwardedRequest<Result>> = new Map();

  constructor(port: ForwardingPort, table: ProposalTable<Result>, ids: RequestIds, timeoutTicks: number) {
    assert(timeoutTicks > 0, "forwarding: no time for an answer");
    this.#port = port;
    this.#table = table;
    this.#ids = ids;
    this.#timeoutTicks = timeoutTicks;
  }

  /** Sends proposals to the leader of `term`. */
  forward(proposals: readonly Proposal<Result>[], leader: NodeId, term: Term): void {
    assert(proposals.length > 0, "forwarding: nothing");
    const requestId = this.#ids.next();
    this.#requests.set(requestId, { leader, term, proposals, ageTicks: 0 });
    const commands = proposals.map((proposal) => proposal.command);
    this.#port.send(leader, { kind: "propose", term, requestId, commands });
  }

  /** The leader's answer; one that nobody waits for is a late copy. */
  accepted(from: NodeId, frame: PeerFrame & { readonly kind: "propose-accepted" }): void {
    const request = this.#requests.get(frame.requestId);
    if (request === undefined || request.leader !== from || request.term !== frame.term) {
      return;
    }
    if (frame.count !== request.proposals.length) {
      return; // Requests are taken up whole; an answer to another one counts for nothing.
    }
    this.#requests.delete(frame.requestId);
    request.proposals.forEach((proposal, i) => {
      this.#follow(proposal, offsetIndex(frame.firstIndex, i), frame.term);
    });
  }

  #follow(proposal: Proposal<Result>, index: LogIndex, term: Term): void {
    if (proposal.ended) {
      return;
    }
    if (index > this.#port.passed) {
      this.#table.track(proposal, index, term);
      return;
    }
    // The entry overtook the answer: its result is gone, and only another entry in its place is certain.
    const found = this.#port.termOf(index);
    if (found === null || found === term) {
      proposal.lose("connection-lost");
    } else {
      proposal.refuse("leader-changed", noNode);
    }
  }

  /** The leader did not take up the request. */
  refused(from: NodeId, frame: PeerFrame & { readonly kind: "propose-refused" }): void {
    const request = this.#requests.get(frame.requestId);
    if (request === undefined || request.leader !== from) {
      return;
    }
    this.#requests.delete(frame.requestId);
    for (const proposal of request.proposals) {
      proposal.refuse(frame.reason, frame.leader);
    }
  }

  /** Requests to another leader than this one, or of another term, get no answer that counts. */
  leaderChanged(leader: NodeId, term: Term): void {
    this.#loseWhere("leader-changed", (request) => request.leader !== leader || request.term !== term);
  }

  connectionLost(peer: NodeId): void {
    this.#loseWhere("connection-lost", (request) => request.leader === peer);
  }

  tick(): void {
    for (const request of this.#requests.values()) {
      request.ageTicks++;
    }
    this.#loseWhere("connection-lost", (request) => request.ageTicks >= this.#timeoutTicks);
  }

  stop(): void {
    this.#loseWhere("stopped", () => true);
  }

  #loseWhere(reason: UnknownReason, isLost: (request: ForwardedRequest<Result>) => boolean): void {
    for (const [requestId, request] of this.#requests) {
      if (isLost(request)) {
        this.#requests.delete(requestId);
        for (const proposal of request.proposals) {
          proposal.lose(reason);
        }
      }
    }
  }
}

/** Ids seen from one start of one member. */
interface Seen {
  readonly ids: Set<number>;
  highest: number;
}

/** Ids remembered of one start of a member; a frame later than that is dropped unread. */
const idsRememberedMax = 4096;

/** The leader's memory of requests: whether a frame is a first copy. */
export class ForwardIntake {
  /** Up to this term the memory may have been lost with a restart. */
  readonly #bootTerm: Term;
  #term: Term;
  readonly #seen: Map<NodeId, Map<number, Seen>> = new Map();

  constructor(bootTerm: Term) {
    this.#bootTerm = bootTerm;
    this.#term = bootTerm;
  }

  /** Whether a request of `term` may be taken up, or refused, at present term `now`; false drops it without an answer. */
  admits(from: NodeId, requestId: number, term: Term, now: Term): boolean {
    assert(now >= this.#term, "intake: the term goes back");
    if (now > this.#term) {
      this.#term = now;
      this.#seen.clear();
    }
    if (term !== now || term <= this.#bootTerm) {
      return false;
    }
    return this.#isFirst(this.#seenFrom(from, Math.floor(requestId / idsPerEpoch)), requestId);
  }

  #seenFrom(from: NodeId, epoch: number): Seen {
    let epochs = this.#seen.get(from);
    if (epochs === undefined) {
      epochs = new Map();
      this.#seen.set(from, epochs);
    }
    let seen = epochs.get(epoch);
    if (seen === undefined) {
      seen = { ids: new Set(), highest: 0 };
      epochs.set(epoch, seen);
    }
    return seen;
  }

  #isFirst(seen: Seen, requestId: number): boolean {
    if (seen.ids.has(requestId) || requestId <= seen.highest - idsRememberedMax) {
      return false;
    }
    seen.ids.add(requestId);
    seen.highest = Math.max(seen.highest, requestId);
    if (seen.ids.size > 2 * idsRememberedMax) {
      for (const id of seen.ids) {
        if (id <= seen.highest - idsRememberedMax) {
          seen.ids.delete(id);
        }
      }
    }
    return true;
  }
}
