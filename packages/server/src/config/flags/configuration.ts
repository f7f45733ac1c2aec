/** Where settings come from, and switches by name. */
import { type FeatureGate, gatesDefault, gatesKind } from "../feature-gates.ts";
import type { FlagRows } from "../flag-row.ts";
import { textKind } from "../value-kind.ts";

/** The settings of this group. */
export interface ConfigurationValues {
  /** Names of those that are on. */
  readonly featureGates: readonly FeatureGate[];
  readonly configFile: string;
}

/** Its rows. */
export const configurationFlags: FlagRows<ConfigurationValues> = {
  featureGates: {
    name: "feature-gates",
    group: "Configuration",
    kind: gatesKind,
    defaultValue: gatesDefault,
    etcdDefault: "",
    isEtcds: true,
    help: "Switches by name, Name=true or Name=false, divided by commas; a section below has them all.",
  },
  configFile: {
    name: "config-file",
    group: "Configuration",
    kind: textKind,
    defaultValue: "",
    etcdDefault: "",
    isEtcds: true,
    differs: "flags and environment go before the file; etcd ignores them when it has one",
    help: "YAML file with flag names as keys, and etcd's sections client-transport-security, peer-transport-security and socket-options. Flags and environment go before it (etcd ignores them when it has a file).",
  },
};
