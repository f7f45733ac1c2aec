/** Environment variables as an alternative to flags: `QUORATE_CLUSTER_NODES=5` for `quorate cluster --nodes 5`. */
import { Option } from "commander";

/** What the variables of each command begin with; `serve` has etcd's names. */
export const commandVariablePrefix: RegExp = /^QUORATE_(START|STATUS|CLUSTER|CLIENT|RECOVER|WAL_DUMP)_/;

/**
 * An option of `command` with its variable, which help then shows. A flag goes before its variable. A variable of a flag without value
 * turns it on unless it is empty, `0`, `no` or `false`.
 */
export function flag(command: string, flags: string, description: string, preset?: string | boolean): Option {
  const name =
    `QUORATE_${command}_${(/--([a-z-]+)/.exec(flags)?.[1] ?? "").replaceAll("-", "_")}`.toUpperCase();
  const option = new Option(flags, description);
  if (option.isBoolean()) {
    // The library takes any value, also "false", for yes.
    return option.default(isOn(process.env[name]) || preset === true, `${preset === true}, env: ${name}`);
  }
  return preset === undefined ? option.env(name) : option.env(name).default(preset);
}

function isOn(text = ""): boolean {
  return !/^(|0|no|false)$/i.test(text);
}
