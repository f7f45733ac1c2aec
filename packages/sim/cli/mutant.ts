/**
 * Mutants as data: `mutants/<id>.json` names a file, the text to find in it, exactly once, and what to put there (or several
 * such `edits`), and who judges the copy. `mutants/open` holds what nothing notices yet, `mutants/equal` what no behaviour can
 * tell from the original, each with its proof; both are planted on request alone.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** One replacement in one file. */
interface Edit {
  /** Relative to the repository's root. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** Who looks at the mutated copy. */
export type Judge =
  /** Seeds of the simulator, from 1 on; `plan` overrides parts of what each seed draws. */
  | { readonly kind: "seeds"; readonly plan: PlanOverride | null }
  /** All worlds within bounds, as `npm run explore` takes them. */
  | { readonly kind: "explorer"; readonly bounds: string }
  /** One test file: for what stands above or below everything that is simulated. */
  | { readonly kind: "test"; readonly file: string };

/** Parts of a {@link SeedPlan} that the seeds of a mutant have in common: its mistake shows in such worlds alone, or much sooner. */
export interface PlanOverride {
  readonly [field: string]: PlanValue;
}

type PlanValue = string | number | boolean | null | readonly string[] | PlanOverride;

/** One planted mistake. */
export interface Mutant {
  readonly id: string;
  readonly edits: readonly Edit[];
  /** What rule it breaks, and what comes of it. */
  readonly why: string;
  readonly judge: Judge;
  /** `known` must die. */
  readonly state: "known" | "open" | "equal";
  /** Of an `equal` one: why no run can tell it from the original. */
  readonly proof: string | null;
}

const root = fileURLToPath(new URL("../../..", import.meta.url));
const mutantsFolder = fileURLToPath(new URL("../mutants", import.meta.url));

/** All mutants, R before S, each group by its numbers. */
export function readMutants(): readonly Mutant[] {
  const all = [
    ...readFolder(mutantsFolder, "known"),
    ...readFolder(join(mutantsFolder, "open"), "open"),
    ...readFolder(join(mutantsFolder, "equal"), "equal"),
  ];
  return all.sort((left, right) => compareIds(left.id, right.id));
}

function readFolder(folder: string, state: Mutant["state"]): readonly Mutant[] {
  return namesIn(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => {
      const fields: unknown = JSON.parse(readFileSync(join(folder, name), "utf8"));
      return toMutant(name.slice(0, -".json".length), fields, state);
    });
}

/** Git keeps no empty folders: one that is not there has nothing in it. */
function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      return [];
    }
    throw error;
  }
}

/** By letter, number and the rest: R9 before R10. */
export function compareIds(left: string, right: string): number {
  const key = (id: string): readonly [string, number, string] => {
    const parts = /^([A-Z]+)(\d+)(.*)$/.exec(id);
    return parts === null ? [id, 0, ""] : [parts[1] ?? "", Number(parts[2]), parts[3] ?? ""];
  };
  const [a, b] = [key(left), key(right)];
  if (a[0] !== b[0]) {
    return a[0] < b[0] ? -1 : 1;
  }
  return a[1] - b[1] || (a[2] < b[2] ? -1 : a[2] > b[2] ? 1 : 0);
}

/** The mutated text of each file that the mutant changes. Throws when a place to change is gone or no longer the only one. */
export function mutate(mutant: Mutant, read: (file: string) => string): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const { file, find, replace } of mutant.edits) {
    const text = texts.get(file) ?? read(file);
    const places = text.split(find).length - 1;
    if (places !== 1) {
      throw new Error(
        `packages/sim/mutants: ${mutant.id}.json is stale: its text stands ${places} times in ${file}, not once. ` +
          `Adapt "find" and "replace" to what ${file} says now. Its text is:\n${find}`,
      );
    }
    texts.set(
      file,
      text.replace(find, () => replace),
    );
  }
  return texts;
}

/** The text of a file of the repository. */
export function readSource(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

/** What is wrong with the mutants as they stand: one text for each that finds its place no more, or more than once. */
export function staleMutants(): readonly string[] {
  const problems: string[] = [];
  for (const mutant of readMutants()) {
    try {
      mutate(mutant, readSource);
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  return problems;
}

function toMutant(id: string, fields: unknown, state: Mutant["state"]): Mutant {
  const edits = Reflect.get(Object(fields), "edits") as unknown;
  return {
    id,
    edits: Array.isArray(edits) ? edits.map((edit) => toEdit(id, edit)) : [toEdit(id, fields)],
    why: textOf(id, fields, "why"),
    judge: toJudge(id, fields),
    state,
    proof: state === "equal" ? textOf(id, fields, "proof") : null,
  };
}

function toEdit(id: string, fields: unknown): Edit {
  return {
    file: textOf(id, fields, "file"),
    find: textOf(id, fields, "find"),
    replace: textOf(id, fields, "replace"),
  };
}

function toJudge(id: string, fields: unknown): Judge {
  const judge: unknown = Reflect.get(Object(fields), "judge");
  switch (judge) {
    case undefined: {
      const plan: unknown = Reflect.get(Object(fields), "seedPlan");
      return { kind: "seeds", plan: plan === undefined ? null : (plan as PlanOverride) };
    }
    case "explorer":
      return { kind: "explorer", bounds: textOf(id, fields, "plan") };
    case "test":
      return { kind: "test", file: textOf(id, fields, "test") };
    default:
      throw new Error(`mutants/${id}.json: 'judge' is "explorer" or "test", or absent`);
  }
}

function textOf(id: string, fields: unknown, name: string): string {
  const value: unknown = Reflect.get(Object(fields), name);
  if (typeof value !== "string" || (value === "" && name !== "replace")) {
    throw new Error(`mutants/${id}.json: '${name}' is missing`);
  }
  return value;
}
