/**
 * Random histories of a group, written down as a trace. Disks and state machines are slow, messages are lost, repeated and
 * reordered, links are cut, members crash; configurations change, leaders hand over, logs are compacted, reads are asked for.
 * Messages leave as the runtime lets them leave. One seed, one history.
 */
import assert from "node:assert/strict";
import { Prng, utf8Encode } from "@quorate/base";
import {
  type ConfChangeSingle,
  type ConfState,
  checkInvariants,
  decodeConfChange,
  type Entry,
  type Message,
  type NodeId,
  noNode,
  RawNode,
  type Ready,
  type SnapshotMetadata,
  type TraceEvent,
  type TraceEventKind,
  Tracer,
  toNodeId,
} from "@quorate/raft";
import { MemoryLog } from "../interaction/memory-log.ts";
import { conf, startingLog } from "../support/group.ts";

/** Members 1…3 begin, the others may join. */
const memberCount = 5;

/**
 * A mistake that members make, once: to vote twice in a term, to commit an entry of an earlier term by counting, to acknowledge
 * or to ask for votes before the disk has written, to go to another configuration without a joint one.
 */
export type Fault = "second-vote" | "commit-by-counting" | "early-ack" | "early-request" | "no-joint";

/** What a history must contain to be worth its name. */
export interface History {
  readonly events: readonly TraceEvent[];
  readonly crashCount: number;
  readonly cutCount: number;
  readonly confChangeCount: number;
  readonly snapshotCount: number;
  readonly committed: number;
  /** Whether the last event is the first that the mistake shows in. */
  readonly faulty: boolean;
}

interface Member {
  readonly id: NodeId;
  readonly log: MemoryLog;
  readonly confState: ConfState;
  node: RawNode;
  tracer: Tracer;
  writes: Ready[];
  pages: (readonly Entry[])[];
}

/** Runs `moveCount` moves of the history of `seed`, or less when `fault` shows before. */
export function runHistory(seed: number, moveCount: number, fault: Fault | null = null): History {
  const world = new World(seed, fault);
  while (world.moves < moveCount && !world.faulty) world.move();
  return world.history();
}

class World {
  readonly random: Prng;
  readonly members: Member[];
  readonly fault: Fault | null;
  /** Messages that left before what they report was durable. */
  readonly early: Set<Message> = new Set();
  faulty = false;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  readonly appendBytesMax: number;
  network: Message[] = [];
  cut: Set<NodeId> = new Set();
  moves = 0;
  readonly events: TraceEvent[] = [];
  crashCount = 0;
  cutCount = 0;
  confChangeCount = 0;
  snapshotCount = 0;

  constructor(seed: number, fault: Fault | null) {
    this.random = new Prng(seed);
    this.fault = fault;
    this.preVote = this.random.chance(0.5);
    this.checkQuorum = this.random.chance(0.5);
    this.appendBytesMax = this.random.pick([0, 100, 10_000]);
    this.members = Array.from({ length: memberCount }, (_, place) => this.#create(toNodeId(place + 1)));
  }

  history(): History {
    const { events, crashCount, cutCount, confChangeCount, snapshotCount, faulty } = this;
    const committed = Math.max(...this.members.map(({ node }) => node.committed));
    return { events, crashCount, cutCount, confChangeCount, snapshotCount, committed, faulty };
  }

  #create(id: NodeId): Member {
    const start = conf([1, 2, 3]);
    const first = id <= 3;
    const log = first ? startingLog(start, 0) : new MemoryLog();
    const confState = first ? start : conf([]);
    return { id, log, confState, writes: [], pages: [], ...this.#start(id, log, confState) };
  }

  #start(id: NodeId, log: MemoryLog, first: ConfState): { node: RawNode; tracer: Tracer } {
    const node = new RawNode({
      id,
      log,
      hardState: log.hardState,
      confState: log.stored.index === 0 ? first : log.stored.confState,
      applied: log.stored.index,
      preVote: this.preVote,
      checkQuorum: this.checkQuorum,
      electionTimeoutTicks: 6,
      asyncStorage: true,
      appendBytesMax: this.appendBytesMax,
      inflightCountMax: 3,
      random: (low, high) => this.random.integer(low, high),
    });
    const tracer = new Tracer(
      node,
      () => this.moves,
      (event) => this.events.push(event),
    );
    tracer.record("start");
    return { node, tracer };
  }

  move(): void {
    this.moves++;
    const member = this.#someone();
    const dice = this.random.fraction();
    if (dice < 0.36) this.#deliver();
    else if (dice < 0.78) this.#work();
    else if (dice < 0.88) this.#input(member, "tick", (node) => node.tick());
    else if (dice < 0.905) this.#input(member, "propose", (node) => node.propose([this.#command()]));
    else if (dice < 0.945) this.#changeConf(member);
    else if (dice < 0.952) this.#crash(this.random.pick(this.members));
    else if (dice < 0.96) this.#partition();
    else if (dice < 0.975) this.#compact(this.random.pick(this.members));
    else if (dice < 0.985) this.#input(member, "read", (node) => node.readIndex(utf8Encode("r")));
    else if (dice < 0.99) this.#input(member, "forget-leader", (node) => node.forgetLeader());
    else this.#transfer(member);
    if (this.faulty) return;
    for (const { node } of this.members) checkInvariants(node.unsafeState);
  }

  /** Most often a leader, if there is one: else nothing gets on. */
  #someone(): Member {
    const leaders = this.members.filter(({ node }) => node.role === "leader");
    return leaders.length > 0 && this.random.chance(0.6)
      ? this.random.pick(leaders)
      : this.random.pick(this.members);
  }

  #input(member: Member, kind: TraceEventKind, act: (node: RawNode) => unknown): void {
    act(member.node);
    member.tracer.record(kind);
  }

  #command(): Uint8Array {
    return utf8Encode(`c${this.random.uint32()}`);
  }

  #deliver(): void {
    if (this.network.length === 0) {
      this.#input(this.#someone(), "tick", (node) => node.tick());
      return;
    }
    const place = this.random.integer(0, Math.min(8, this.network.length));
    const message = this.network[place] as Message;
    if (!this.random.chance(0.05)) this.network.splice(place, 1);
    if (this.random.chance(0.05) || this.cut.has(message.from) !== this.cut.has(message.to)) return;
    const target = this.members[message.to - 1] as Member;
    this.#receive(target, message);
    if (message.type === "install-snapshot") {
      this.snapshotCount++;
      const source = this.members[message.from - 1] as Member;
      this.#input(source, "report", (node) => node.reportSnapshot(message.to, this.random.chance(0.8)));
    }
  }

  #receive(member: Member, message: Message): void {
    const forgot = this.#forgetVote(member, message);
    const result = member.node.step(message);
    assert.notEqual(result.status, "inconsistent", JSON.stringify(result));
    const counted = message.type === "append-response" && this.#countOldTerms(member);
    const voted = forgot && member.node.unsafeState.vote === message.from;
    this.faulty ||= voted || counted || this.early.has(message);
    member.tracer.record("receive", { message });
  }

  #forgetVote(member: Member, message: Message): boolean {
    const state = member.node.unsafeState;
    const applies =
      message.type === "request-vote" && message.term === state.term && state.role === "follower";
    if (this.fault !== "second-vote" || !applies || state.vote === noNode || state.vote === message.from) {
      return false;
    }
    state.vote = noNode;
    state.leader = noNode;
    return true;
  }

  #countOldTerms(member: Member): boolean {
    const { role, tracker, log, term } = member.node.unsafeState;
    const { voters, votersOutgoing } = tracker.membership.confState;
    if (this.fault !== "commit-by-counting" || role !== "leader" || votersOutgoing.length > 0) return false;
    const matches = tracker.membership.members
      .filter(({ id }) => voters.includes(id))
      .map(({ match }) => match);
    const index = matches.sort((left, right) => right - left)[Math.floor(voters.length / 2)];
    if (index === undefined || index <= log.committed || log.term(index) === term) return false;
    log.commitTo(index);
    return true;
  }

  #leaveEarly(member: Member, ready: Ready): void {
    const news = ready.sendAfterPersist.filter(
      (message) =>
        (this.fault === "early-request" && message.type === "request-vote") ||
        (this.fault === "early-ack" &&
          message.type === "append-response" &&
          message.to !== member.id &&
          !message.rejected &&
          message.index > member.log.lastIndex),
    );
    for (const message of news) {
      this.early.add(message);
      this.network.push(message);
    }
  }

  #skipJoint(member: Member, confState: ConfState): void {
    const { tracker } = member.node.unsafeState;
    if (this.fault !== "no-joint" || confState.votersOutgoing.length === 0) return;
    const simple = { ...confState, votersOutgoing: [], learnersNext: [], autoLeave: false };
    tracker.membership = { ...tracker.membership, confState: simple };
    this.faulty = true;
  }

  /** Some disk or state machine gets on with its work. */
  #work(): void {
    const busy = this.members.filter(
      ({ node, writes, pages }) => node.hasReady() || writes.length > 0 || pages.length > 0,
    );
    if (busy.length === 0) return;
    const member = this.random.pick(busy);
    const dice = this.random.fraction();
    if (member.writes.length > 0 && dice < 0.45) this.#write(member);
    else if (member.pages.length > 0 && dice < 0.75) this.#apply(member);
    else this.#take(member);
  }

  #take(member: Member): void {
    if (!member.node.hasReady()) return;
    const ready = member.node.ready();
    member.tracer.record("ready");
    this.network.push(...ready.sendNow);
    this.#leaveEarly(member, ready);
    member.writes.push(ready);
    if (ready.apply.length > 0) member.pages.push(ready.apply);
  }

  #write(member: Member): void {
    const ready = member.writes.shift();
    if (ready === undefined) return;
    const { log } = member;
    if (ready.snapshot !== null) {
      log.restore(ready.snapshot);
      log.history.push(ready.snapshot);
    }
    log.append(ready.entries);
    if (ready.hardState !== null) log.hardState = ready.hardState;
    member.node.persisted(ready.seq);
    member.tracer.record("persisted");
    this.early.clear();
    this.network.push(...ready.sendAfterPersist.filter(({ to }) => to !== member.id));
    for (const own of ready.sendAfterPersist.filter(({ to }) => to === member.id)) {
      this.#receive(member, own);
    }
  }

  #apply(member: Member): void {
    for (const entry of member.pages.shift() ?? []) {
      const before = member.log.history.at(-1) as SnapshotMetadata;
      let confState = before.index === 0 ? member.confState : before.confState;
      if (entry.type !== "normal") {
        confState = member.node.applyConfChange(decodeConfChange(entry.data));
        this.#skipJoint(member, confState);
        member.tracer.record("apply-conf-change");
        this.confChangeCount++;
        if (this.faulty) return;
      }
      member.log.history.push({ index: entry.index, term: entry.term, confState });
      member.node.applied(entry.index);
      member.tracer.record("applied");
    }
  }

  #crash(member: Member): void {
    this.crashCount++;
    const { id, log, confState } = member;
    log.history = [log.stored];
    Object.assign(member, { writes: [], pages: [], ...this.#start(id, log, confState) });
  }

  #partition(): void {
    if (this.cut.size > 0) {
      this.cut.clear();
      return;
    }
    this.cutCount++;
    this.cut.add(this.random.pick(this.members).id);
    if (this.random.chance(0.3)) this.cut.add(this.random.pick(this.members).id);
  }

  /** The leader changes the group, most often. */
  #changeConf(member: Member): void {
    const proposer = this.members.find(({ node }) => node.role === "leader") ?? member;
    const changes: ConfChangeSingle[] = Array.from({ length: this.random.integer(0, 3) }, () => ({
      op: this.random.pick(["add-voter", "add-voter", "add-learner", "remove"] as const),
      id: toNodeId(this.random.integer(1, memberCount + 1)),
    }));
    const transition = this.random.pick(["auto", "auto", "implicit", "explicit"] as const);
    const change = { transition, changes, context: new Uint8Array(0) };
    this.#input(proposer, "propose", (node) => node.proposeConfChange(change, "joint"));
  }

  #transfer(member: Member): void {
    const target = toNodeId(this.random.integer(1, memberCount + 1));
    member.node.transferLeadership(target);
    member.tracer.record("transfer", { target });
  }

  #compact(member: Member): void {
    const { log, node } = member;
    const newest = log.history.at(-1) as SnapshotMetadata;
    const { applied, unstable } = node.unsafeState.log;
    if (newest.index < log.firstIndex || newest.index !== applied || unstable.snapshot !== null) return;
    if (newest.index > log.lastIndex || member.writes.some(({ snapshot }) => snapshot !== null)) return;
    log.stored = newest;
    if (log.hardState.commit < newest.index) log.hardState = { ...log.hardState, commit: newest.index };
    log.compact(newest.index);
    member.tracer.record("compacted");
    assert.notEqual(log.hardState.term, noNode);
  }
}
