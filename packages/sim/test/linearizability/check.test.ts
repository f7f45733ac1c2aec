import assert from "node:assert/strict";
import { test } from "node:test";
import {
  appendModel,
  checkLinearizable,
  checkLinearizableByKey,
  type Operation,
  type RegisterInput,
  type RegisterOperation,
  type RegisterOutput,
  randomRegisterHistory,
  registerModel,
} from "@quorate/sim";

const seed = 20_261_121;

function write(value: string, calledAt: number, returnedAt: number | null): RegisterOperation {
  return {
    input: { kind: "write", value },
    output: returnedAt === null ? null : { kind: "written" },
    calledAt,
    returnedAt,
  };
}

function read(value: string | null, calledAt: number, returnedAt: number): RegisterOperation {
  return { input: { kind: "read" }, output: { kind: "value", value }, calledAt, returnedAt };
}

function cas(
  expected: string | null,
  value: string,
  ok: boolean,
  calledAt: number,
  returnedAt: number,
): RegisterOperation {
  return {
    input: { kind: "cas", expected, value },
    output: { kind: "swapped", ok },
    calledAt,
    returnedAt,
  };
}

function verdictOf(operations: readonly RegisterOperation[]): string {
  return checkLinearizable(registerModel, operations).kind;
}

test("no operations are linearizable", () => {
  assert.equal(verdictOf([]), "linearizable");
});

test("a read after a write sees it", () => {
  assert.equal(verdictOf([write("a", 0, 1), read("a", 2, 3)]), "linearizable");
  assert.equal(verdictOf([write("a", 0, 1), read(null, 2, 3)]), "violation");
});

test("a read beside a write sees the old or the new value", () => {
  assert.equal(verdictOf([write("a", 0, 10), read("a", 1, 2)]), "linearizable");
  assert.equal(verdictOf([write("a", 0, 10), read(null, 1, 2)]), "linearizable");
});

test("two reads one after the other do not go back in time", () => {
  assert.equal(verdictOf([write("a", 0, 10), read("a", 1, 2), read(null, 3, 4)]), "violation");
});

test("operations that touch at one moment overlap", () => {
  assert.equal(verdictOf([write("a", 0, 5), read(null, 5, 6)]), "linearizable");
});

test("a write of unknown outcome may take place late, or never", () => {
  assert.equal(verdictOf([write("a", 0, null), read(null, 5, 6), read("a", 7, 8)]), "linearizable");
  assert.equal(verdictOf([write("a", 0, null), read(null, 5, 6)]), "linearizable");
  assert.equal(verdictOf([write("a", 4, null), read("a", 1, 2)]), "violation");
});

test("of two swaps from one value only one succeeds", () => {
  assert.equal(verdictOf([cas(null, "a", true, 0, 9), cas(null, "b", true, 0, 9)]), "violation");
  assert.equal(verdictOf([cas(null, "a", true, 0, 9), cas(null, "b", false, 0, 9)]), "linearizable");
});

test("a violation names the longest order and the operation that found no place", () => {
  const verdict = checkLinearizable(registerModel, [write("a", 0, 1), read("a", 2, 3), read("b", 4, 5)]);
  assert.deepEqual(verdict, { kind: "violation", longest: [0, 1], stuckAt: 2 });
});

test("an order that is found explains every answer and respects real time", () => {
  for (let index = 0; index < 500; index += 2) {
    const operations = randomRegisterHistory(seed, index);
    const verdict = checkLinearizable(registerModel, operations);
    assert.ok(verdict.kind === "linearizable", `seed ${seed}, history ${index}`);
    assertExplains(operations, verdict.order);
  }
});

test("a search beyond its budget says so", () => {
  const many = Array.from({ length: 12 }, (_, i) => write(`v${i}`, 0, null));
  const verdict = checkLinearizable(registerModel, [...many, read("nobody", 1, 2)], { stepsMax: 100 });
  assert.deepEqual(verdict, { kind: "exhausted", steps: 100 });
});

test("objects are checked one by one, and the verdict speaks of the whole", () => {
  interface Keyed {
    readonly key: string;
    readonly input: RegisterInput;
  }
  const model = {
    initial: null as string | null,
    step: (state: string | null, keyed: Keyed, output: RegisterOutput | null) =>
      registerModel.step(state, keyed.input, output),
    keyOf: registerModel.keyOf,
  };
  const keyed = (key: string, operation: RegisterOperation): Operation<Keyed, RegisterOutput> => ({
    ...operation,
    input: { key, input: operation.input },
  });
  const good = [keyed("x", write("a", 0, 1)), keyed("y", read(null, 2, 3)), keyed("x", read("a", 2, 3))];
  assert.equal(checkLinearizableByKey(model, good, (input) => input.key).kind, "linearizable");
  const bad = [keyed("y", read(null, 0, 1)), keyed("x", write("a", 0, 1)), keyed("x", read(null, 2, 3))];
  const verdict = checkLinearizableByKey(model, bad, (input) => input.key);
  assert.deepEqual(verdict, { kind: "violation", longest: [1], stuckAt: 2 });
});

test("an append that is missing in a later read is a violation", () => {
  const append = (value: string, calledAt: number, returnedAt: number) =>
    ({ input: { kind: "append", value }, output: { kind: "appended" }, calledAt, returnedAt }) as const;
  const list = (value: string, calledAt: number, returnedAt: number) =>
    ({ input: { kind: "read" }, output: { kind: "list", value }, calledAt, returnedAt }) as const;
  assert.equal(
    checkLinearizable(appendModel, [append("a", 0, 5), append("b", 0, 5), list("ba", 6, 7)]).kind,
    "linearizable",
  );
  assert.equal(
    checkLinearizable(appendModel, [append("a", 0, 5), append("b", 0, 5), list("b", 6, 7)]).kind,
    "violation",
  );
});

test("small histories: the same answer as trying every order", () => {
  let violations = 0;
  for (let index = 0; index < 4_000; index++) {
    const operations = randomRegisterHistory(seed, index).slice(0, 6);
    const expected = someOrderExplains(operations) ? "linearizable" : "violation";
    assert.equal(verdictOf(operations), expected, `seed ${seed}, history ${index}`);
    violations += expected === "violation" ? 1 : 0;
  }
  assert.ok(violations > 100, `only ${violations} of the histories are broken: the test shows nothing`);
});

function assertExplains(operations: readonly RegisterOperation[], order: readonly number[]): void {
  assert.deepEqual(
    order.toSorted((a, b) => a - b),
    operations.map((_, position) => position),
  );
  let state: string | null | undefined = null;
  let latestCall = Number.NEGATIVE_INFINITY;
  for (const position of order) {
    const operation = operations[position];
    assert.ok(operation !== undefined && state !== undefined);
    assert.ok((operation.returnedAt ?? Number.POSITIVE_INFINITY) >= latestCall, "real time is not respected");
    latestCall = Math.max(latestCall, operation.calledAt);
    state = registerModel.step(state, operation.input, operation.output);
  }
  assert.notEqual(state, undefined);
}

/** By trying all permutations. An operation of unknown outcome may also be left out. */
function someOrderExplains(operations: readonly RegisterOperation[]): boolean {
  const rest = new Set(operations);
  const place = (state: string | null): boolean => {
    if (rest.size === 0) {
      return true;
    }
    const endsFirst = Math.min(...[...rest].map((one) => one.returnedAt ?? Number.POSITIVE_INFINITY));
    for (const operation of [...rest]) {
      if (operation.output === null) {
        rest.delete(operation);
        if (place(state)) {
          return true;
        }
        rest.add(operation);
      }
      if (operation.calledAt > endsFirst) {
        continue;
      }
      const after = registerModel.step(state, operation.input, operation.output);
      if (after === undefined) {
        continue;
      }
      rest.delete(operation);
      if (place(after)) {
        return true;
      }
      rest.add(operation);
    }
    return false;
  };
  return place(null);
}

test("a guess is held against the object and real time; one that fails leaves the answer to the search", () => {
  const operations = [write("a", 0, 1), write("b", 2, 5), read("b", 3, 6)];
  const orderBy = (guess: readonly number[]) =>
    checkLinearizable(registerModel, operations, { guess, stepsMax: 100 });
  assert.deepEqual(orderBy([0, 1, 2]), { kind: "linearizable", order: [0, 1, 2] });
  // Against real time, against the object, incomplete, one operation twice: the search finds the one order.
  for (const guess of [[1, 0, 2], [0, 2, 1], [0, 1], [0, 0, 1, 2], []]) {
    assert.deepEqual(orderBy(guess), { kind: "linearizable", order: [0, 1, 2] }, JSON.stringify(guess));
  }
  const broken = [write("a", 0, 1), read(null, 2, 3)];
  assert.equal(checkLinearizable(registerModel, broken, { guess: [1, 0] }).kind, "violation");
});

// Two dozen writes at once, whose values nobody reads but the last one's, and then a read of an older one: without a guess every subset is tried.
test("a burst of writes beside each other needs no search where the order is known", () => {
  const burst = Array.from({ length: 40 }, (_, index) => write(`v${index}`, index, 100 + index));
  const operations = [...burst, read("v17", 99, 200), read("v39", 120, 201)];
  const guess = [...burst.keys()].filter((index) => index !== 17 && index !== 39);
  const order = [...guess, 17, 40, 39, 41];
  assert.equal(
    checkLinearizable(registerModel, operations, { guess: order, stepsMax: 1_000 }).kind,
    "linearizable",
  );
});
