/** From names to settings: old names become new ones, what has no effect is noted, what is refused is a problem. */
import type { ConfigProblem } from "./config-error.ts";
import { readGates } from "./feature-gates.ts";
import { settingOf } from "./flag-table.ts";
import { asksForNothing, oldNames, oldSwitches, otherFlags } from "./other-flags.ts";
import type { FlagValues } from "./server-config.ts";
import type { Given } from "./sources.ts";

/** What was given, settled. */
interface Settled {
  readonly given: ReadonlyMap<keyof FlagValues, Given>;
  /** Lines for the log, one for each flag that is old or has no effect. */
  readonly notes: readonly string[];
}

/** Settles every flag that was given; what is refused is added to `problems`. */
export function settle(given: ReadonlyMap<string, Given>, problems: ConfigProblem[]): Settled {
  const notes: string[] = [];
  const settled = new Map<keyof FlagValues, Given>();
  for (const [name, one] of withNewNames(given, notes, problems)) {
    const setting = settingOf(name);
    const other = otherFlags.get(name);
    if (setting !== null) {
      settled.set(setting, one);
    } else if (other !== undefined && !asksForNothing(other, one.text)) {
      if (other.fate === "refused") {
        const where = one.where === `--${name}` ? one.where : `--${name} (${one.where})`;
        problems.push({ where, problem: `is not served: ${other.why}` });
      } else {
        notes.push(`${one.where} has no effect: ${other.why}`);
      }
    }
  }
  const gates = readGates(settled.get("featureGates")?.text ?? "");
  return { given: settled, notes: "notes" in gates ? [...notes, ...gates.notes] : notes };
}

function withNewNames(
  given: ReadonlyMap<string, Given>,
  notes: string[],
  problems: ConfigProblem[],
): ReadonlyMap<string, Given> {
  const renamed = new Map<string, Given>();
  const gates: Given[] = [];
  for (const [name, one] of given) {
    const gate = oldSwitches.get(name);
    const newName = oldNames.get(name);
    if (gate !== undefined) {
      notes.push(`${one.where} is the old form of --feature-gates=${gate}=${one.text}`);
      gates.push({ ...one, text: `${gate}=${one.text}` });
    } else if (newName === undefined) {
      renamed.set(name, one);
    } else if (given.has(newName)) {
      problems.push({ where: one.where, problem: `is the old name of --${newName}, which is given, too` });
    } else {
      notes.push(`${one.where} is the old name of --${newName}`);
      renamed.set(newName, one);
    }
  }
  const explicit = renamed.get("feature-gates");
  const all = explicit === undefined ? gates : [...gates, explicit];
  const [first] = all;
  if (first !== undefined) {
    renamed.set("feature-gates", { where: first.where, text: all.map((one) => one.text).join(",") });
  }
  return renamed;
}
