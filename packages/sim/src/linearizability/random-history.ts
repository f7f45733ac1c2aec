/**
 * Random histories with a known answer: clients of an object that really does one operation at a time at some moment between
 * call and return. Some answers are lost; some are then spoilt, which may or may not leave another order that explains them.
 */
import { Prng } from "@quorate/base";
import type { Operation } from "./model.ts";
import { type RegisterInput, type RegisterOutput, registerModel } from "./models.ts";

/** One operation on a register. */
export type RegisterOperation = Operation<RegisterInput, RegisterOutput>;

/** How a history is drawn. */
interface HistoryShape {
  readonly clientCount: number;
  readonly operationCount: number;
  readonly valueCount: number;
  readonly unknownChance: number;
}

interface Drawn {
  readonly input: RegisterInput;
  readonly calledAt: number;
  readonly takesPlaceAt: number;
  readonly returnedAt: number;
}

/** A history that is linearizable, because the order of `takesPlaceAt` explains it. */
function linearizableHistory(random: Prng, shape: HistoryShape): RegisterOperation[] {
  const drawn: Drawn[] = [];
  for (let client = 0; client < shape.clientCount; client++) {
    let now = random.integer(0, 20);
    for (let i = 0; i < Math.ceil(shape.operationCount / shape.clientCount); i++) {
      const calledAt = now;
      const takesPlaceAt = calledAt + random.integer(0, 12);
      const returnedAt = takesPlaceAt + random.integer(0, 12);
      drawn.push({ input: drawInput(random, shape.valueCount), calledAt, takesPlaceAt, returnedAt });
      now = returnedAt + random.integer(1, 10);
    }
  }
  let state: string | null = null;
  const inOrder = drawn.toSorted((a, b) => a.takesPlaceAt - b.takesPlaceAt);
  return inOrder.map((operation) => {
    const output = answer(state, operation.input);
    state = registerModel.step(state, operation.input, output) ?? null;
    // A client never hears of it again; it may well have happened.
    const isUnknown = operation.input.kind !== "read" && random.chance(shape.unknownChance);
    return {
      input: operation.input,
      calledAt: operation.calledAt,
      output: isUnknown ? null : output,
      returnedAt: isUnknown ? null : operation.returnedAt,
    };
  });
}

/** The same with one or two answers changed. */
function spoil(random: Prng, history: readonly RegisterOperation[], valueCount: number): RegisterOperation[] {
  const spoilt = [...history];
  for (let i = 0; i < random.integer(1, 3); i++) {
    const at = random.integer(0, spoilt.length);
    const operation = spoilt[at];
    if (operation?.output?.kind === "value") {
      spoilt[at] = { ...operation, output: { kind: "value", value: drawValue(random, valueCount) } };
    } else if (operation?.output?.kind === "swapped") {
      spoilt[at] = { ...operation, output: { kind: "swapped", ok: !operation.output.ok } };
    }
  }
  return spoilt;
}

/** History number `index` of a run, to try a checker on: the even ones are linearizable, the odd ones spoilt. */
export function randomRegisterHistory(seed: number, index: number): RegisterOperation[] {
  const random = new Prng(seed).stream(`history-${index}`);
  const shape = {
    clientCount: random.integer(1, 7),
    operationCount: random.integer(1, 31),
    valueCount: random.integer(1, 5),
    unknownChance: random.pick([0, 0, 0.1, 0.3]),
  };
  const whole = linearizableHistory(random, shape);
  return index % 2 === 0 ? whole : spoil(random, whole, shape.valueCount);
}

function drawInput(random: Prng, valueCount: number): RegisterInput {
  const kind = random.pick(["read", "read", "write", "cas"] as const);
  if (kind === "read") {
    return { kind };
  }
  const value = drawValue(random, valueCount);
  return kind === "write" ? { kind, value } : { kind, expected: drawValue(random, valueCount), value };
}

function drawValue(random: Prng, valueCount: number): string {
  return `v${random.integer(0, valueCount)}`;
}

function answer(state: string | null, input: RegisterInput): RegisterOutput {
  switch (input.kind) {
    case "read":
      return { kind: "value", value: state };
    case "write":
      return { kind: "written" };
    case "cas":
      return { kind: "swapped", ok: state === input.expected };
  }
}
