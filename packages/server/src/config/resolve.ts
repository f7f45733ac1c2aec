/** From arguments, environment and file to one checked configuration, or to the list of everything that is wrong. */
import { readFileSync } from "node:fs";
import { ConfigError, type ConfigProblem } from "./config-error.ts";
import { readYaml } from "./config-file.ts";
import { checkConsistency } from "./consistency.ts";
import { settle } from "./flag-fates.ts";
import { flagOf, flagTable, settings } from "./flag-table.ts";
import type { FlagValues, ServerConfig } from "./server-config.ts";
import { type Given, readArguments, readEnvironment, type Source, unknownVariables } from "./sources.ts";

/** Where the settings are looked for. */
export interface ConfigInput {
  /** After the command's name. */
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Reads the configuration file; only given by tests. */
  readonly readFile?: (path: string) => string;
}

/** A usable configuration. */
export interface ResolvedConfig {
  readonly config: ServerConfig;
  /** Lines for the log: what was strange but not wrong. */
  readonly warnings: readonly string[];
}

/**
 * Flags go before `QUORATE_…`, then `ETCD_…`, then the configuration file, then defaults.
 *
 * @throws {@link ConfigError} with every problem found.
 *
 * @example
 * ```ts
 * import { resolveConfig } from "quorate";
 * const { config } = resolveConfig({ argv: ["--name=m1"], environment: {} });
 * config.electionTimeoutMs; // 1000
 * ```
 */
export function resolveConfig(input: ConfigInput): ResolvedConfig {
  const fromArguments = readArguments(input.argv);
  const fromEnvironment = readEnvironment(input.environment);
  const fromFile = readConfigFile(fromArguments, fromEnvironment, input.readFile);
  const problems: ConfigProblem[] = [...fromArguments.problems, ...fromFile.problems];
  const { given, notes } = settle(
    new Map([...fromFile.given, ...fromEnvironment.given, ...fromArguments.given]),
    problems,
  );
  const values = valuesOf(given, problems);
  const config = checkConsistency(values, given, problems);
  if (config === null || problems.length > 0) {
    throw new ConfigError(problems);
  }
  const unknown = unknownVariables(input.environment).map(
    (name) => `environment variable ${name} is not known and not used`,
  );
  return { config, warnings: [...notes, ...unknown] };
}

function readConfigFile(
  fromArguments: Source,
  fromEnvironment: Source,
  readFile: ((path: string) => string) | undefined,
): Source {
  const path = fromArguments.given.get("config-file") ?? fromEnvironment.given.get("config-file");
  if (path === undefined) {
    return { given: new Map(), problems: [] };
  }
  let text: string;
  try {
    text = (readFile ?? ((name) => readFileSync(name, "utf8")))(path.text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { given: new Map(), problems: [{ where: path.where, problem: `cannot be read: ${why}` }] };
  }
  return readYaml(text, path.text);
}

/** All settings; one that does not parse is noted and stands at its default, so that the other checks can run. */
function valuesOf(given: ReadonlyMap<keyof FlagValues, Given>, problems: ConfigProblem[]): FlagValues {
  const values: Partial<Record<keyof FlagValues, unknown>> = {};
  for (const setting of settings) {
    const flag = flagOf(setting);
    const text = given.get(setting);
    const parsed = text === undefined ? { value: flag.defaultValue } : flag.kind.parse(text.text);
    if ("problem" in parsed) {
      problems.push({ where: placeOf(setting, given), problem: parsed.problem });
      values[setting] = flag.defaultValue;
    } else {
      values[setting] = parsed.value;
    }
  }
  return values as FlagValues; // Each key of the table was filled above.
}

/** `--flag`, and the source where that is another. */
function placeOf(setting: keyof FlagValues, given: ReadonlyMap<keyof FlagValues, Given>): string {
  const flag = `--${flagTable[setting].name}`;
  const where = given.get(setting)?.where ?? flag;
  return where === flag ? flag : `${flag} (${where})`;
}
