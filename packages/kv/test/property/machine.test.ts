/** The whole machine against the naive model: commands, sweeps and images at random points. */
import assert from "node:assert/strict";
import test from "node:test";
import { type Command, checkRequest, encodeCommand, type KvImage, type KvStateMachine } from "@quorate/kv";
import fc from "fast-check";
import { deleteArb, leaseArb, putArb, rangeArb, txnArb } from "../support/arbitraries.ts";
import { Model } from "../support/model.ts";
import { Driver, plain, range, readImage, readLastImage, restored } from "../support/requests.ts";

type Step =
  | { readonly do: "command"; readonly command: Command }
  | { readonly do: "range"; readonly request: Parameters<KvStateMachine["range"]>[0] }
  | { readonly do: "look-ahead"; readonly commands: readonly Uint8Array[] }
  | { readonly do: "sweep"; readonly budget: number }
  | { readonly do: "open-image" }
  | { readonly do: "read-image"; readonly bytes: number }
  | { readonly do: "restart"; readonly from: "history" | "memory" };

const command = fc.oneof(
  { weight: 6, arbitrary: putArb },
  { weight: 3, arbitrary: deleteArb },
  { weight: 3, arbitrary: txnArb },
  { weight: 4, arbitrary: leaseArb },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("compaction" as const),
      revision: fc.integer({ min: -2, max: 60 }),
      physical: fc.boolean(),
    }),
  },
) as fc.Arbitrary<Command>;
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: command.map((made): Step => ({ do: "command", command: made })) },
  { weight: 3, arbitrary: rangeArb.map((request): Step => ({ do: "range", request })) },
  {
    weight: 2,
    arbitrary: fc
      .array(fc.oneof(command.map(encodeCommand), fc.uint8Array()))
      .map((commands): Step => ({ do: "look-ahead", commands })),
  },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 20 }).map((budget): Step => ({ do: "sweep", budget })) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: "open-image" }) },
  {
    weight: 3,
    arbitrary: fc.integer({ min: 1, max: 400 }).map((bytes): Step => ({ do: "read-image", bytes })),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom("history", "memory").map((from): Step => ({ do: "restart", from })),
  },
);

/** Leases, what a checkpoint left of them, and their keys. */
function expectLeases(machine: KvStateMachine, model: Model): void {
  const leases = machine.leasesAfter(null, 1_000);
  assert.equal(machine.leaseCount, model.leases.size);
  assert.equal(leases.length, model.leases.size);
  for (const { id, ttlSeconds, remainingSeconds } of leases) {
    assert.deepEqual({ ttl: ttlSeconds, left: remainingSeconds }, model.leases.get(id));
    assert.deepEqual(plain(machine.leaseKeys(id)), model.attached(id), `keys of lease ${id}`);
  }
}

/** Every readable revision shows what the model shows, the next ones refuse. */
function expectHistory(machine: KvStateMachine, model: Model): void {
  assert.equal(machine.revision, model.revision);
  assert.equal(machine.compactRevision, model.compacted);
  expectLeases(machine, model);
  for (let revision = Math.max(1, model.compacted); revision <= model.revision; revision++) {
    const answer = plain(machine.range(range("\0", "\0", { revision }))) as { kvs: object[] };
    assert.deepEqual(answer.kvs, model.stateAt(revision), `at revision ${revision}`);
  }
}

/** Whether the command would never be proposed. */
function refusedBefore(made: Command): boolean {
  const checked = made.type === "put" || made.type === "delete-range" || made.type === "txn";
  return checked && checkRequest(made) !== null;
}

interface OpenImage {
  readonly image: KvImage;
  readonly chunks: Uint8Array[];
  readonly model: Model;
  readonly hash: unknown;
}

class Run {
  driver: Driver = new Driver();
  readonly model: Model = new Model();
  open: OpenImage | null = null;

  step(next: Step): void {
    switch (next.do) {
      case "command":
        this.#command(next.command);
        return;
      case "range":
        assert.deepEqual(plain(this.driver.machine.range(next.request)), this.model.read(next.request));
        return;
      case "look-ahead":
        this.driver.machine.lookAhead(next.commands);
        return;
      case "sweep":
        this.driver.machine.sweep(next.budget);
        return;
      case "open-image":
        this.#openImage();
        return;
      case "read-image":
        this.#readImage(next.bytes);
        return;
      case "restart":
        this.#restart(next.from);
        return;
    }
  }

  #restart(from: "history" | "memory"): void {
    const { machine } = this.driver;
    const before = { hash: plain(machine.hashKv()), liveBytes: machine.liveBytes };
    const next =
      from === "history" ? restored(readImage(machine)) : restored(readLastImage(machine), 1 << 16);
    next.check();
    assert.deepEqual(plain(next.hashKv()), before.hash);
    assert.ok(from === "history" || next.liveBytes === before.liveBytes);
    this.driver = new Driver(next);
  }

  #command(made: Command): void {
    if (!refusedBefore(made)) {
      assert.deepEqual(this.driver.apply(made), this.model.apply(made));
    }
  }

  #openImage(): void {
    this.open?.image.close();
    const machine = this.driver.machine;
    const hash = plain(machine.hashKv());
    this.open = { image: machine.snapshot(), chunks: [], model: this.model.clone(), hash };
  }

  #readImage(bytes: number): void {
    if (this.open === null) {
      return;
    }
    const chunk = this.open.image.read(bytes);
    if (chunk !== null) {
      this.open.chunks.push(chunk);
      return;
    }
    this.open.image.close();
    const machine = restored(Buffer.concat(this.open.chunks));
    machine.check();
    expectHistory(machine, this.open.model);
    assert.deepEqual(plain(machine.hashKv()), this.open.hash);
    this.open = null;
  }
}

test("commands, sweeps, images and restarts answer as the model of all versions does", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
      const run = new Run();
      for (const next of steps) {
        run.step(next);
      }
      run.driver.machine.check();
      expectHistory(run.driver.machine, run.model);
    }),
    { seed: 20_260_101, numRuns: 400 },
  );
});

test("machines that sweep at other times, or were restored, agree on hash and image", () => {
  fc.assert(
    fc.property(
      fc.array(command, { maxLength: 60, size: "max" }),
      fc.array(fc.nat(20), { minLength: 60, maxLength: 60 }),
      (commands, budgets) => {
        const eager = new Driver();
        const lazy = new Driver();
        commands.forEach((made, i) => {
          if (refusedBefore(made)) {
            return;
          }
          assert.deepEqual(eager.apply(made), lazy.apply(made));
          const budget = budgets[i] ?? 0;
          if (budget > 0) {
            eager.machine.sweep(budget);
          }
        });
        eager.sweepAll();
        assert.deepEqual(eager.machine.hashKv(), lazy.machine.hashKv());
        const image = readImage(eager.machine, 1 << 20);
        assert.deepEqual(image, readImage(lazy.machine, 1 << 20));
        assert.deepEqual(readImage(restored(image), 1 << 20), image);
      },
    ),
    { seed: 20_260_102, numRuns: 300 },
  );
});
