/**
 * Random histories: lost, repeated and reordered messages, slow disks, crashes, changes of the configuration, transfers, snapshots.
 * After each move the invariants hold, and over the history FIG 3: one leader in a term, and one command at an index.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng, utf8Encode } from "@quorate/base";
import {
  type ConfChangeSingle,
  checkInvariants,
  describeStatus,
  type Entry,
  type Message,
  type NodeId,
  type Ready,
  toNodeId,
} from "@quorate/raft";
import { MemoryLog } from "../interaction/memory-log.ts";
import { conf, Peer, type Settings, startingLog } from "../support/group.ts";

const stepCount = 1_500;
const memberCount = 5;

/** A member whose disk and state machine take their time. */
interface Slow {
  readonly peer: Peer;
  writes: Ready[];
  pages: (readonly Entry[])[];
}

class World {
  readonly random: Prng;
  readonly members: Slow[];
  network: Message[] = [];
  readonly leaders: Map<number, number> = new Map();
  readonly committed: Map<number, string> = new Map();
  appliedCount = 0;

  constructor(seed: number) {
    this.random = new Prng(seed);
    const start = conf([1, 2, 3]);
    const settings: Settings = {
      asyncStorage: this.random.chance(0.7),
      preVote: this.random.chance(0.5),
      checkQuorum: this.random.chance(0.5),
      electionTimeoutTicks: 5,
      appendBytesMax: this.random.pick([0, 60, 1_000]),
      inflightCountMax: this.random.pick([1, 3, 100]),
      inflightBytesMax: this.random.pick([1_000, 10_000]),
      committedBytesPerReadyMax: this.random.pick([1, 100, 100_000]),
      random: (low, high) => this.random.integer(low, high),
    };
    this.members = Array.from({ length: memberCount }, (_, place) => {
      const initial = place < 3 ? { ...settings, confState: start } : settings;
      const log = place < 3 ? startingLog(start, 0) : new MemoryLog();
      return { peer: new Peer(place + 1, log, initial), writes: [], pages: [] };
    });
  }

  run(): void {
    for (let step = 0; step < stepCount; step++) {
      this.#move(this.random.pick(this.members));
      if (step % 3 === 0) this.#work(this.random.pick(this.members));
      for (const { peer } of this.members) this.#observe(peer);
    }
    this.#calm();
  }

  #move(member: Slow): void {
    const { peer } = member;
    const dice = this.random.fraction();
    if (dice < 0.45) this.#deliver();
    else if (dice < 0.6) peer.node.tick();
    else if (dice < 0.72) peer.node.propose([utf8Encode(`c${this.random.uint32()}`)]);
    else if (dice < 0.96) this.#work(member);
    else if (dice < 0.97) this.#crash(member);
    else if (dice < 0.98) this.#changeConf(peer);
    else if (dice < 0.985) peer.node.transferLeadership(toNodeId(this.random.integer(1, memberCount + 1)));
    else if (dice < 0.99) peer.node.reportUnreachable(toNodeId(this.random.integer(1, memberCount + 1)));
    else if (dice < 0.995) this.#compact(peer);
    else peer.node.readIndex(utf8Encode("r"));
    checkInvariants(peer.state);
  }

  #deliver(): void {
    if (this.network.length === 0) return;
    const place = this.random.integer(0, this.network.length);
    const message = this.network[place] as Message;
    if (!this.random.chance(0.1)) this.network.splice(place, 1);
    if (this.random.chance(0.1)) return;
    this.#step(message);
  }

  #step(message: Message): void {
    const { peer } = this.members[message.to - 1] as Slow;
    const result = peer.node.step(message);
    assert.notEqual(result.status, "inconsistent", JSON.stringify(result));
    if (message.type === "install-snapshot") {
      (this.members[message.from - 1] as Slow).peer.node.reportSnapshot(message.to, this.random.chance(0.8));
    }
    checkInvariants(peer.state);
  }

  #work(member: Slow): void {
    const { peer } = member;
    if (!peer.settings.asyncStorage) {
      this.network.push(...peer.drain());
      return;
    }
    const dice = this.random.fraction();
    if (dice < 0.4 && peer.node.hasReady()) {
      const ready = peer.node.ready();
      this.network.push(...ready.sendNow);
      member.writes.push(ready);
      if (ready.apply.length > 0) member.pages.push(ready.apply);
    } else if (dice < 0.7) {
      this.#write(member);
    } else {
      this.#apply(member);
    }
  }

  #write(member: Slow): void {
    const ready = member.writes.shift();
    if (ready === undefined) return;
    const { peer } = member;
    peer.persist(ready);
    const [own, others] = [
      ready.sendAfterPersist.filter((one) => one.to === peer.id),
      ready.sendAfterPersist,
    ];
    this.network.push(...others.filter((one) => one.to !== peer.id));
    for (const message of own) peer.node.step(message);
    peer.node.persisted(ready.seq);
  }

  #apply(member: Slow): void {
    const page = member.pages.shift();
    const last = page?.at(-1);
    if (page === undefined || last === undefined) return;
    member.peer.apply(page);
    member.peer.node.applied(last.index);
  }

  #crash(member: Slow): void {
    member.writes = [];
    member.pages = [];
    member.peer.log.history = [member.peer.log.stored];
    member.peer.restart();
  }

  #changeConf(peer: Peer): void {
    const ops = ["add-voter", "add-learner", "remove"] as const;
    const changes: ConfChangeSingle[] = Array.from({ length: this.random.integer(0, 3) }, () => ({
      op: this.random.pick(ops),
      id: toNodeId(this.random.integer(1, memberCount + 1)),
    }));
    const transition = this.random.pick(["auto", "implicit", "explicit"] as const);
    peer.node.proposeConfChange({ transition, changes, context: new Uint8Array(0) }, "joint");
  }

  #compact(peer: Peer): void {
    const newest = peer.log.history.at(-1);
    if (
      newest === undefined ||
      newest.index <= peer.log.stored.index ||
      newest.index > peer.state.log.applied
    )
      return;
    // A durable snapshot first, then the prefix goes.
    if (newest.index >= peer.log.firstIndex && newest.index <= peer.log.lastIndex) {
      peer.log.stored = newest;
      peer.log.compact(newest.index);
    }
  }

  #observe(peer: Peer): void {
    const { state } = peer;
    if (state.role === "leader") {
      // FIG 3 Election Safety.
      const known = this.leaders.get(state.term) ?? peer.id;
      assert.equal(known, peer.id, `two leaders in term ${state.term}`);
      this.leaders.set(state.term, peer.id);
    }
    for (const one of peer.applied.splice(0)) {
      // FIG 3 State Machine Safety.
      const text = `${one.term} ${one.type} ${[...one.data].join(",")}`;
      assert.equal(this.committed.get(one.index) ?? text, text, `two commands at ${one.index}`);
      this.committed.set(one.index, text);
      this.appliedCount++;
    }
  }

  /** Without faults the group elects a leader and commits again. */
  #calm(): void {
    const before = Math.max(0, ...this.committed.keys());
    for (let round = 0; round < 400; round++) {
      for (const member of this.members) {
        member.peer.node.tick();
        while (member.peer.node.hasReady() || member.writes.length > 0 || member.pages.length > 0)
          this.#work(member);
        member.peer.node.propose([utf8Encode("calm")]);
        this.#observe(member.peer);
      }
      const messages = this.network.splice(0);
      for (const message of messages) this.#step(message);
      if (Math.max(0, ...this.committed.keys()) > before + 10) return;
    }
    const voters: NodeId[] = this.members.map(({ peer }) => peer.id);
    assert.fail(
      `${voters}: no progress: ${this.members.map(({ peer }) => describeStatus(peer.node.status())).join("; ")}`,
    );
  }
}

for (let seed = 1; seed <= 60; seed++) {
  test(`random history, seed ${seed}`, () => {
    const world = new World(seed);
    world.run();
    assert.ok(world.leaders.size > 0 && world.appliedCount > 0, "the history must not be empty");
  });
}
