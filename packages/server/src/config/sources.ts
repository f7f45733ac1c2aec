/** The places a setting may come from, read into one shape: text by flag name, and where it stood. */
import { commandVariablePrefix } from "../cli/environment.ts";
import type { ConfigProblem } from "./config-error.ts";
import { environmentNames, flagOf, settingOf, settings } from "./flag-table.ts";
import { oldNames, oldSwitches, otherFlags } from "./other-flags.ts";
import { suggestion } from "./suggest.ts";

/** Text for a flag, and its place for messages. */
export interface Given {
  readonly text: string;
  readonly where: string;
}

/** What one source gave by name of flag, and what was wrong in it. */
export interface Source {
  readonly given: ReadonlyMap<string, Given>;
  readonly problems: readonly ConfigProblem[];
}

/** Every name that is understood, the old ones after the others. */
export const flagNames: readonly string[] = [
  ...settings.map((setting) => flagOf(setting).name),
  ...otherFlags.keys(),
  ...oldNames.keys(),
  ...oldSwitches.keys(),
];
const known: ReadonlySet<string> = new Set(flagNames);

/** Whether a flag is known by this name. */
export function isKnown(flagName: string): boolean {
  return known.has(flagName);
}

/** ETCD: whether a flag may stand alone, meaning true. */
function isSwitch(flagName: string): boolean {
  const name = oldNames.get(flagName) ?? flagName;
  const setting = settingOf(name);
  return setting === null
    ? oldSwitches.has(name) || otherFlags.get(name)?.type === "switch"
    : flagOf(setting).kind.isSwitch === true;
}

/**
 * Reads `--flag value`, `--flag=value`, and both with one dash; a switch may stand alone. The last of repeated flags wins, as in
 * etcd.
 */
export function readArguments(argv: readonly string[]): Source {
  const given = new Map<string, Given>();
  const problems: ConfigProblem[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    const [, name, inline] = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(word) ?? [];
    if (name === undefined) {
      problems.push({ where: word, problem: "is not a flag" });
      continue;
    }
    if (!known.has(name)) {
      problems.push({ where: `--${name}`, problem: `unknown flag${suggestion(name, flagNames, "--")}` });
      // Its value would otherwise be a second complaint about the same mistake.
      i += inline === undefined && argv[i + 1]?.startsWith("-") === false ? 1 : 0;
      continue;
    }
    const text = inline ?? (isSwitch(name) ? "true" : argv[++i]);
    if (text === undefined) {
      problems.push({ where: `--${name}`, problem: "needs a value" });
      continue;
    }
    given.set(name, { text, where: `--${name}` });
  }
  return { given, problems };
}

/** Reads `QUORATE_…`, and `ETCD_…` where that is missing. */
export function readEnvironment(environment: Readonly<Record<string, string | undefined>>): Source {
  const given = new Map<string, Given>();
  for (const name of flagNames) {
    for (const variable of environmentNames(name)) {
      const text = environment[variable];
      // ETCD: an empty variable counts as not set.
      if (text !== undefined && text !== "" && !given.has(name)) {
        given.set(name, { text, where: variable });
      }
    }
  }
  return { given, problems: [] };
}

/** Variables that look like settings and are none: worth a warning, not a refusal, as in etcd. */
export function unknownVariables(
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const variables = new Set(flagNames.flatMap((name) => environmentNames(name)));
  for (const reserved of ["QUORATE_ARGV0", "QUORATE_NODE", "QUORATE_NODE_FLAGS"]) {
    variables.add(reserved);
  }
  return Object.keys(environment)
    .filter(
      (name) => /^(QUORATE|ETCD)_/.test(name) && !variables.has(name) && !commandVariablePrefix.test(name),
    )
    .toSorted();
}
