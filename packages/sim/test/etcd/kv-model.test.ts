/** The model and the production store, command by command; and a store that is wrong in one place, which the model must notice. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@quorate/base";
import { type Command, encodeCommand, KvStateMachine, type RangeRequest, type RequestOp } from "@quorate/kv";
import { EtcdOracle } from "../../src/etcd/etcd-oracle.ts";
import type { KvModel } from "../../src/etcd/kv-model.ts";
import { pairOf, rangeText, resultText } from "../../src/etcd/texts.ts";
import { compareOf, deleteOf, putOf, rangeOf, txnOf, valueIs } from "../../src/workloads/requests.ts";

const random = new Prng(7);
const key = (): string => `e/m/${random.integer(0, 5)}`;
let values = 0;
const value = (): string => `v${++values % 7}`;
const revision = (model: KvModel): number => random.integer(0, model.revision + 2);

function range(model: KvModel): RangeRequest {
  return rangeOf(key(), random.pick(["", "e/m/4", "\0"]), {
    limit: random.pick([0, 0, 1, 2]),
    revision: random.chance(0.3) ? revision(model) : 0,
    sortOrder: random.pick(["none", "ascend", "descend"]),
    sortTarget: random.pick(["key", "version", "create", "mod", "value"]),
    keysOnly: random.chance(0.2),
    countOnly: random.chance(0.2),
    minModRevision: random.chance(0.2) ? revision(model) : 0,
    maxCreateRevision: random.chance(0.2) ? revision(model) : 0,
  });
}

/** Operations of one transaction write different keys: everything else is refused before it stands in a log. */
function operations(model: KvModel, keys: string[], depth: number): RequestOp[] {
  return Array.from({ length: random.integer(0, 4) }, (): RequestOp => {
    const own = keys.pop();
    if (own === undefined || random.chance(0.3)) {
      return range(model);
    }
    if (depth > 0 && random.chance(0.3)) {
      return txnOf(compares(model), operations(model, keys, depth - 1), [rangeOf(own)]);
    }
    return random.chance(0.6)
      ? putOf(own, value(), { prevKv: random.chance(0.5), ignoreValue: random.chance(0.1), lease: lease() })
      : deleteOf(own, "", random.chance(0.5));
  });
}

function compares(model: KvModel): ReturnType<typeof compareOf>[] {
  return Array.from({ length: random.integer(0, 3) }, () => {
    const result = random.pick(["equal", "not-equal", "greater", "less"] as const);
    return random.chance(0.3)
      ? valueIs(key(), value(), result)
      : compareOf(random.pick(["version", "create", "mod"]), key(), revision(model), result);
  });
}

const lease = (): bigint => (random.chance(0.3) ? BigInt(random.integer(1, 5)) : 0n);

function command(model: KvModel): Command {
  switch (random.integer(0, 12)) {
    case 0:
      return { type: "lease-grant", id: BigInt(random.integer(1, 5)), ttlSeconds: 9 };
    case 1:
      return { type: "lease-revoke", id: BigInt(random.integer(1, 5)), fenceTerm: random.pick([0, 1, 2]) };
    case 2:
      return { type: "compaction", revision: revision(model), physical: false };
    case 3:
      return {
        type: "alarm",
        action: random.chance(0.2) ? "activate" : "deactivate",
        memberId: 1,
        alarm: "no-space",
      };
    case 4:
    case 5:
      return deleteOf(key(), random.pick(["", "e/m/3"]), random.chance(0.5));
    case 6:
    case 7:
      return putOf(key(), value(), { prevKv: true, ignoreLease: random.chance(0.2), lease: lease() });
    default:
      return txnOf(
        compares(model),
        operations(model, ["e/m/0", "e/m/1", "e/m/2", "e/m/3", "e/m/4"], 2),
        operations(model, ["e/m/0", "e/m/1", "e/m/2", "e/m/3", "e/m/4"], 2),
      );
  }
}

test("the model answers as the store does, and the store restores what the model remembers", () => {
  const oracle = new EtcdOracle(() => 0);
  const machine = new KvStateMachine();
  const { model } = oracle;
  for (let index = 1; index <= 4_000; index++) {
    const next = command(model);
    const result = machine.apply(encodeCommand(next), { index, term: 2 });
    const expected = model.apply(next, null, { index, term: 2 });
    assert.equal(resultText(result), expected, `command ${index}: ${next.type}`);
    assert.equal(machine.revision, model.revision, `command ${index}`);
    machine.sweep(random.integer(1, 50));
    const asked = { ...range(model), revision: random.chance(0.5) ? 0 : revision(model) };
    const answer = machine.range(asked);
    if (answer.type === "range") {
      const text = rangeText(answer.kvs.map(pairOf), answer.count, answer.more);
      assert.equal(text, model.range(asked, machine.revision), `a range after command ${index}`);
    } else {
      assert.equal(
        resultText(answer),
        model.refusedRevision(asked.revision),
        `a refusal after command ${index}`,
      );
    }
  }
  assert.ok(model.revision > 1_000 && model.compactRevision > 100, "the commands did something");
});

test("an answer that is wrong, a command that nobody asked for, and a second answer at one entry are noticed", () => {
  const put = putOf("e/m/1", "1");
  const applied = (oracle: EtcdOracle, revision: number): void => {
    const result = { type: "put", revision, prevKv: null } as unknown as ReturnType<KvStateMachine["apply"]>;
    oracle.applied({ index: 3, term: 1 }, { principal: null, command: put }, result);
  };
  const asked = (): EtcdOracle => {
    const oracle = new EtcdOracle(() => 0);
    oracle.commands.ask(put);
    return oracle;
  };
  applied(asked(), 2);
  assert.throws(() => applied(asked(), 3), /kv-model/);
  assert.throws(() => applied(new EtcdOracle(() => 0), 2), /nobody asked for/);
  const hashed = asked();
  hashed.hashed(1 as never, 3, "a");
  assert.throws(() => hashed.hashed(2 as never, 3, "b"), /state-machine-safety/);
});
