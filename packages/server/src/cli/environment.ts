/** Environment variables as an alternative to flags: `QUORATE_CLUSTER_NODES=5` for `quorate cluster --nodes 5`. */
import { Option } from "commander";

/** What the variables of each command begin with; `serve` has etcd's names. */
export const commandVariablePrefix: RegExp = /^QUORATE_(START|STATUS|CLUSTER|CLIENT)_/;

/** An option of `command` with its variable, which help then shows. A flag goes before its variable. */
export function flag(command: string, flags: string, description: string, preset?: string | boolean): Option {
  const option = new Option(flags, description).env(
    `QUORATE_${command}_${(/--([a-z-]+)/.exec(flags)?.[1] ?? "").replaceAll("-", "_")}`.toUpperCase(),
  );
  return preset === undefined ? option : option.default(preset);
}
