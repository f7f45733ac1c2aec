/** Environment variables as an alternative to flags: `QUORATE_CLUSTER_NODES=5` for `quorate cluster --nodes 5`. */
import type { Command } from "commander";

/** What the variables of each command begin with; `serve` has etcd's names. */
export const commandVariablePrefix: RegExp = /^QUORATE_(START|STATUS|CLUSTER)_/;

/** Gives every option of `command` a variable, which help then shows. A flag goes before its variable. */
export function withEnvironment(command: Command): Command {
  for (const option of command.options) {
    if (option.long !== undefined && option.long !== null && option.long !== "--help") {
      const name = `${command.name()}${option.long.slice(1)}`;
      option.env(`QUORATE_${name.toUpperCase().replaceAll("-", "_")}`);
    }
  }
  return command;
}
