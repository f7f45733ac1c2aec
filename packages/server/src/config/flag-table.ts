/**
 * Every flag of `quorate serve` that is honoured, once: its name (also the key in the configuration file, and upper-cased
 * behind `QUORATE_` and `ETCD_` in the environment), type, default and help. Parsing, help text, docs/flags.md,
 * docs/etcd-compat.md and the tests hang on this table; a new flag is a new row in one of the groups. What etcd has beside it
 * stands in other-flags.ts.
 */
import type { Flag, FlagRows } from "./flag-row.ts";
import { authFlags } from "./flags/auth.ts";
import { checkFlags } from "./flags/checks.ts";
import { clusteringFlags } from "./flags/clustering.ts";
import { configurationFlags } from "./flags/configuration.ts";
import { gatewayFlags } from "./flags/gateway.ts";
import { limitFlags } from "./flags/limits.ts";
import { loggingFlags } from "./flags/logging.ts";
import { memberFlags } from "./flags/member.ts";
import { monitoringFlags } from "./flags/monitoring.ts";
import { raftFlags } from "./flags/raft.ts";
import { securityFlags } from "./flags/security.ts";
import type { FlagValues } from "./server-config.ts";

export type { Flag } from "./flag-row.ts";

/** The flags by the setting they fill. The compiler demands a row for each setting. */
export const flagTable: FlagRows<FlagValues> = {
  ...memberFlags,
  ...clusteringFlags,
  ...raftFlags,
  ...limitFlags,
  ...securityFlags,
  ...gatewayFlags,
  ...authFlags,
  ...checkFlags,
  ...loggingFlags,
  ...monitoringFlags,
  ...configurationFlags,
};

/** The settings' names, in the order of the table. */
export const settings: readonly (keyof FlagValues)[] = Object.keys(flagTable) as (keyof FlagValues)[];

/** The row of a setting, whatever its type. */
export function flagOf(setting: keyof FlagValues): Flag<unknown> {
  return flagTable[setting] as Flag<unknown>; // A kind reads text and writes text; between them the type is its own.
}

const bySettingName: ReadonlyMap<string, keyof FlagValues> = new Map(
  settings.map((setting) => [flagTable[setting].name, setting]),
);

/** Which setting a flag's name fills, or null. */
export function settingOf(flagName: string): keyof FlagValues | null {
  return bySettingName.get(flagName) ?? null;
}

/** The variables that set a flag, the stronger first. */
export function environmentNames(flagName: string): readonly [string, string] {
  const suffix = flagName.toUpperCase().replaceAll("-", "_");
  return [`QUORATE_${suffix}`, `ETCD_${suffix}`];
}
