/** The places a setting may come from, read into one shape: text by flag name, and where it stood. */
import { parseDocument } from "yaml";
import { commandVariablePrefix } from "../cli/environment.ts";
import type { ConfigProblem } from "./config-error.ts";
import { environmentNames, flagTable, settingOf, settings } from "./flag-table.ts";
import type { FlagValues } from "./server-config.ts";
import { suggestion } from "./suggest.ts";

/** Text for a setting, and its place for messages. */
export interface Given {
  readonly text: string;
  readonly where: string;
}

/** What one source gave, and what was wrong in it. */
export interface Source {
  readonly given: ReadonlyMap<keyof FlagValues, Given>;
  readonly problems: readonly ConfigProblem[];
}

const flagNames: readonly string[] = settings.map((setting) => flagTable[setting].name);

/**
 * Reads `--flag value`, `--flag=value`, and both with one dash. The last of repeated flags wins, as in etcd.
 */
export function readArguments(argv: readonly string[]): Source {
  const given = new Map<keyof FlagValues, Given>();
  const problems: ConfigProblem[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    const match = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(word);
    const name = match?.[1];
    if (name === undefined) {
      problems.push({ where: word, problem: "is not a flag" });
      continue;
    }
    const setting = settingOf(name);
    const inline = match?.[2];
    if (setting === null) {
      problems.push({ where: `--${name}`, problem: `unknown flag${suggestion(name, flagNames, "--")}` });
      // Its value would otherwise be a second complaint about the same mistake.
      i += inline === undefined && argv[i + 1]?.startsWith("-") === false ? 1 : 0;
      continue;
    }
    const text = inline ?? argv[++i];
    if (text === undefined) {
      problems.push({ where: `--${name}`, problem: "needs a value" });
      continue;
    }
    given.set(setting, { text, where: `--${name}` });
  }
  return { given, problems };
}

/** Reads `QUORATE_…`, and `ETCD_…` where that is missing. */
export function readEnvironment(environment: Readonly<Record<string, string | undefined>>): Source {
  const given = new Map<keyof FlagValues, Given>();
  for (const setting of settings) {
    for (const variable of environmentNames(flagTable[setting].name)) {
      const text = environment[variable];
      // ETCD: an empty variable counts as not set.
      if (text !== undefined && text !== "" && !given.has(setting)) {
        given.set(setting, { text, where: variable });
      }
    }
  }
  return { given, problems: [] };
}

/** Variables that look like settings and are none: worth a warning, not a refusal, as in etcd. */
export function unknownVariables(
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const known = new Set(flagNames.flatMap((name) => environmentNames(name)));
  for (const reserved of ["QUORATE_ARGV0", "QUORATE_NODE", "QUORATE_NODE_FLAGS"]) {
    known.add(reserved);
  }
  return Object.keys(environment)
    .filter((name) => /^(QUORATE|ETCD)_/.test(name) && !known.has(name) && !commandVariablePrefix.test(name))
    .toSorted();
}

/** Reads the text of a configuration file; `path` stands in messages. */
export function readYaml(text: string, path: string): Source {
  const document = parseDocument(text, { uniqueKeys: true });
  const [mistake] = document.errors;
  if (mistake !== undefined) {
    const [line] = mistake.message.split("\n");
    return { given: new Map(), problems: [{ where: path, problem: line ?? "is not YAML" }] };
  }
  const content: unknown = document.toJS() ?? {};
  if (typeof content !== "object" || content === null || Array.isArray(content)) {
    return { given: new Map(), problems: [{ where: path, problem: "must hold keys and values" }] };
  }
  return readKeys(content, path);
}

function readKeys(content: object, path: string): Source {
  const given = new Map<keyof FlagValues, Given>();
  const problems: ConfigProblem[] = [];
  for (const [key, value] of Object.entries(content)) {
    const where = `${key} in ${path}`;
    const setting = settingOf(key);
    const text = yamlText(value);
    if (setting === null) {
      problems.push({ where, problem: `unknown key${suggestion(key, flagNames, "")}` });
    } else if (setting === "configFile") {
      problems.push({ where, problem: "a file cannot name another" });
    } else if (text === null) {
      problems.push({ where, problem: "needs a text, a number or a list of these" });
    } else {
      given.set(setting, { text, where });
    }
  }
  return { given, problems };
}

/** The text a flag would have. ETCD: lists may be YAML lists or text with commas. */
function yamlText(value: unknown): string | null {
  if (Array.isArray(value)) {
    const parts = value.map(yamlText);
    return parts.includes(null) ? null : parts.join(",");
  }
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? String(value)
    : null;
}
