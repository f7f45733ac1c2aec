/**
 * A run written down: its plan in full, the root of its chance, and which faults, changes, acts of clients and calls happen in it. What
 * shrinking leaves, what the corpus keeps, and what `npm run sim -- --schedule FILE` plays. It belongs to the code that it was found on:
 * other code makes other use of the same chance.
 */
import { DecodeError, Prng } from "@quorate/base";
import type { SeedReport, SimulateOptions } from "../simulate.ts";
import { simulate } from "../simulate.ts";
import { type KeptSteps, type StepKind, stepKinds } from "../steps.ts";
import { type SeedPlan, swarm } from "../swarm.ts";

/** The version of the format that is written here. */
export const scheduleVersion = 1;

/** See the head of this file. */
export interface Schedule {
  readonly version: typeof scheduleVersion;
  /** The seed that it came from. */
  readonly seed: number;
  /** The root of all chance but the plan's. */
  readonly random: number;
  readonly plan: SeedPlan;
  readonly kept: KeptSteps;
  /** The checker that speaks up; null where none does any more. */
  readonly checker: string | null;
}

/** Steps that a list may name; more is a mistake and not a schedule. */
const keptCountMax = 1_000_000;

/** Plays a schedule. */
export function playSchedule(
  { kept, plan, random, seed }: Schedule,
  watched: Pick<SimulateOptions, "sink" | "protocol" | "eventCountMax"> = {},
): SeedReport {
  return simulate(seed, { ...watched, adapt: () => plan, random, kept });
}

/** The text of a schedule. */
export function encodeSchedule(schedule: Schedule): string {
  return `${JSON.stringify(schedule, null, 2)}\n`;
}

/**
 * The schedule of a text. What a newer plan has and this one does not is drawn from its seed.
 *
 * @throws DecodeError when it is none.
 */
export function decodeSchedule(text: string): Schedule {
  const {
    checker,
    kept: keptFields,
    plan,
    random,
    seed: seedField,
    version,
  } = objectOf(parse(text), "schedule");
  if (version !== scheduleVersion) {
    throw new DecodeError("schedule: of another version", 0);
  }
  const seed = naturalOf(seedField, "seed");
  const kept = objectOf(keptFields, "kept");
  const drawn = swarm(seed, new Prng(seed));
  return {
    version: scheduleVersion,
    seed,
    random: naturalOf(random, "random"),
    plan: merged(drawn, objectOf(plan, "plan")),
    kept: {
      fault: listOf(kept, "fault"),
      change: listOf(kept, "change"),
      operation: listOf(kept, "operation"),
      // Schedules from before calls were steps of their own let all of them happen.
      call: kept["call"] === undefined ? null : listOf(kept, "call"),
    },
    checker: typeof checker === "string" ? checker : null,
  };
}

/** The plan field by field, one level deep: a group of settings that a plan switches off stays off. */
function merged(drawn: SeedPlan, fields: Readonly<Record<string, unknown>>): SeedPlan {
  const plan: Record<string, unknown> = { ...drawn };
  // ORDER: the names of a plan, none of which is a number.
  for (const [name, value] of Object.entries(fields)) {
    if (!(name in drawn)) {
      throw new DecodeError(`schedule: a plan has no '${name}'`, 0);
    }
    const isGroup = typeof value === "object" && value !== null && !Array.isArray(value);
    plan[name] = isGroup ? { ...Object(plan[name]), ...value } : value;
  }
  // The fields are those of a drawn plan; values that are none are refused by what the run asserts.
  return plan as unknown as SeedPlan;
}

function listOf(kept: Readonly<Record<string, unknown>>, kind: StepKind): readonly number[] | null {
  const list = kept[kind];
  if (list === null) {
    return null;
  }
  if (!Array.isArray(list) || list.length > keptCountMax) {
    throw new DecodeError(`schedule: 'kept' has no list of ${stepKinds.join(", ")}`, 0);
  }
  return list.map((number: unknown) => naturalOf(number, kind));
}

function naturalOf(value: unknown, name: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw new DecodeError(`schedule: '${name}' is not a natural number`, 0);
  }
  return value;
}

function objectOf(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new DecodeError(`schedule: '${name}' is not an object`, 0);
  }
  return value as Readonly<Record<string, unknown>>;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DecodeError(
      `schedule: not JSON (${error instanceof Error ? error.message : String(error)})`,
      0,
    );
  }
}
