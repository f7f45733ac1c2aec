/**
 * Clients, a log that loses, delays, doubles and reorders what is proposed to it, and members that crash, restore and replay.
 * Whatever happens: a command reported applied is applied once, one reported refused never, one reported unknown at most once.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng, toHex, utf8Decode, utf8Encode } from "@quorate/base";
import {
  openSession,
  type ProposalOutcome,
  resolveSessionLimits,
  SessionClient,
  type SessionClientPort,
  type SessionMachine,
  type SessionOutcome,
  type SessionProposalOutcome,
  toLogIndex,
  toTerm,
  withSessions,
} from "@quorate/raft";
import fc from "fast-check";
import { imageOf, NumberedMachine, restoreFrom, textResults } from "./numbered-machine.ts";

type Done = (outcome: ProposalOutcome<SessionOutcome<string>>) => void;

class Member {
  inner: NumberedMachine = new NumberedMachine();
  machine: SessionMachine<string> = withSessions(this.inner, { results: textResults });
  applied = 0;
  #image: Uint8Array = imageOf(this.machine);
  #imageIndex = 0;

  apply(command: Uint8Array): SessionOutcome<string> {
    this.applied++;
    return this.machine.apply(command, { index: toLogIndex(this.applied), term: toTerm(1) });
  }

  save(): void {
    this.#image = imageOf(this.machine);
    this.#imageIndex = this.applied;
  }

  /** Forgets everything but its snapshot. */
  crash(chunkBytes: number): void {
    this.inner = new NumberedMachine();
    this.machine = withSessions(this.inner, { results: textResults });
    restoreFrom(this.machine, this.#image, chunkBytes);
    this.applied = this.#imageIndex;
  }
}

/** One log and its members; the first of them answers. */
class World implements SessionClientPort<string> {
  readonly members: Member[] = [new Member(), new Member(), new Member()];
  readonly log: Uint8Array[] = [];
  readonly #random: Prng;
  readonly #answers: Map<number, Done> = new Map();
  #work: (() => void)[] = [];

  constructor(random: Prng) {
    this.#random = random;
  }

  propose(command: Uint8Array, done: Done): { abandon(): void } {
    let told = false;
    const once: Done = (outcome) => {
      if (!told) {
        told = true;
        done(outcome);
      }
    };
    const later = (work: () => void): void => void this.#work.push(work);
    const lose = (): void => once({ kind: "unknown", reason: "connection-lost" });
    const append = (answer: Done | null): void => {
      this.log.push(command.slice());
      if (answer !== null) {
        this.#answers.set(this.log.length, answer);
      }
    };
    const fate = this.#random.integer(0, 7);
    if (fate === 0) {
      once({ kind: "refused", reason: "no-leader", leader: toNobody });
    } else if (fate === 1) {
      later(lose);
    } else if (fate === 2) {
      // The answer is lost; the entry stands, perhaps much later.
      later(lose);
      later(() => append(null));
    } else if (fate === 3) {
      append(once);
      later(() => append(null));
    } else {
      later(() => append(once));
    }
    return { abandon: () => once({ kind: "unknown", reason: "abandoned" }) };
  }

  retryLater(_attempt: number, work: () => void): void {
    this.#work.push(work);
  }

  /** Something happens; whether anything is left that can. */
  step(): boolean {
    const { members } = this;
    const member = members[this.#random.integer(0, members.length)] ?? members[0];
    assert.ok(member !== undefined);
    const choice = this.#random.integer(0, 20);
    if (choice === 0) {
      member.save();
    } else if (choice === 1) {
      member.crash(this.#random.integer(1, 40));
    } else if (choice < 10 && this.#work.length > 0) {
      const [work] = this.#work.splice(this.#random.integer(0, this.#work.length), 1);
      work?.();
    } else {
      this.#applyNext(member);
    }
    return this.#work.length > 0 || members.some(({ applied }) => applied < this.log.length);
  }

  #applyNext(member: Member): void {
    const command = this.log[member.applied];
    if (command === undefined) {
      return;
    }
    const result = member.apply(command);
    const done = this.#answers.get(member.applied);
    if (done !== undefined && member === this.members[0]) {
      this.#answers.delete(member.applied);
      done({ kind: "applied", index: toLogIndex(member.applied), result });
    }
  }
}

const toNobody = 0 as ReturnType<typeof import("@quorate/raft").toNodeId>;

function run(seed: number, sessionCountMax: number, windowCount: number): Set<string> {
  const random = new Prng(seed);
  const world = new World(random);
  const limits = resolveSessionLimits({ sessionCountMax, answerCountMax: 3 });
  const outcomes = new Map<string, SessionProposalOutcome<string>>();
  const clients: SessionClient<string>[] = [];
  const open = (): void => {
    openSession<string>(world, limits, windowCount, (client) => client !== null && clients.push(client));
  };
  let count = 0;
  for (let step = 0; step < 600; step++) {
    const client = clients[random.integer(0, clients.length + 1)];
    const choice = random.integer(0, 30);
    if (choice === 0 || (clients.length === 0 && choice < 5)) {
      open();
    } else if (choice < 8 && client !== undefined) {
      const name = `c${++count}`;
      const waiting = client.propose(utf8Encode(name), (outcome) => {
        assert.ok(!outcomes.has(name), `${name} ended twice`);
        outcomes.set(name, outcome);
      });
      if (random.integer(0, 10) === 0) {
        world.retryLater(0, () => waiting.abandon());
      }
    } else if (choice === 8) {
      client?.close(() => {});
    } else if (choice === 9) {
      client?.keepAlive(() => {});
    }
    world.step();
  }
  for (let rest = 0; world.step(); rest++) {
    assert.ok(rest < 200_000, "it comes to an end");
  }
  return check(world, outcomes, count, clients);
}

function check(
  world: World,
  outcomes: ReadonlyMap<string, SessionProposalOutcome<string>>,
  count: number,
  clients: readonly SessionClient<string>[],
): Set<string> {
  const [first, ...others] = world.members;
  assert.ok(first !== undefined);
  for (const other of others) {
    assert.equal(toHex(imageOf(other.machine)), toHex(imageOf(first.machine)), "members differ");
  }
  const { order } = first.inner;
  assert.equal(new Set(order).size, order.length, "a command was applied twice");
  assert.equal(outcomes.size, count, "every command has an outcome");
  for (const [name, outcome] of outcomes) {
    const place = order.indexOf(name) + 1;
    if (outcome.kind === "applied") {
      assert.equal(outcome.result, `${name}@${place}`);
    } else if (outcome.kind === "refused") {
      assert.equal(place, 0, `${name} was refused and applied`);
    } else {
      assert.notEqual(outcome.kind, "answer-lost");
    }
  }
  assert.ok(clients.every(({ pendingCount }) => pendingCount === 0));
  return new Set([...outcomes.values()].map(({ kind }) => kind));
}

test("each command is applied exactly once, or reported never applied", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2 ** 31 }),
      fc.constantFrom(1, 2, 50),
      fc.constantFrom(1, 3, 8),
      (seed, sessionCountMax, windowCount) => {
        for (const kind of run(seed, sessionCountMax, windowCount)) {
          seen.add(kind);
        }
      },
    ),
    { seed: 6_3, numRuns: 150 },
  );
  assert.deepEqual([...seen].sort(), ["applied", "refused", "unknown"], "all outcomes came up");
});

test("with a window of one, commands are applied in the order of the calls", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 31 }), (seed) => {
      const world = new World(new Prng(seed));
      let client: SessionClient<string> | null = null;
      for (let i = 0; client === null && i < 1000; i++) {
        openSession<string>(world, resolveSessionLimits(), 1, (opened) => {
          client ??= opened;
        });
        while (world.step()) {}
      }
      assert.ok((client as SessionClient<string> | null) instanceof SessionClient);
      const names = Array.from({ length: 12 }, (_, i) => `n${i}`);
      for (const name of names) {
        (client as SessionClient<string> | null)?.propose(utf8Encode(name), ({ kind }) =>
          assert.equal(kind, "applied"),
        );
      }
      while (world.step()) {}
      assert.deepEqual(world.members[0]?.inner.order, names);
    }),
    { seed: 64, numRuns: 50 },
  );
});

test("without sessions the same world applies commands twice: the model would notice", () => {
  const world = new World(new Prng(3));
  for (let i = 0; i < 30; i++) {
    const name = `p${i}`;
    const attempt = (): void => {
      const plain = new Uint8Array([0x10, ...utf8Encode(name)]);
      world.propose(plain, ({ kind }) => kind === "unknown" && attempt());
    };
    attempt();
  }
  while (world.step()) {}
  const order = world.members[0]?.inner.order ?? [];
  assert.ok(new Set(order).size < order.length);
  assert.equal(utf8Decode(world.log[0]?.subarray(1, 2) ?? new Uint8Array()), "p");
});
