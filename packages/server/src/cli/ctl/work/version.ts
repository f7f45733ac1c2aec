/** `version` and `options`. */
import { etcdVersion, packageVersion } from "../../version.ts";
import type { CtlContext } from "../command-tree.ts";
import { ctlExit } from "../ctl-error.ts";
import { globalHelp } from "../help-lines.ts";

/** ETCD: two lines, the API's version without its patch. */
export function version({ output, program }: CtlContext): Promise<number> {
  const own = program === "etcdctl" ? etcdVersion : packageVersion();
  output.lines([`${program} version: ${own}`, `API version: ${etcdVersion.replace(/\.\d+$/, "")}`]);
  return Promise.resolve(ctlExit.ok);
}

/** The flags of every command. */
export function options(): Promise<number> {
  process.stdout.write(globalHelp());
  return Promise.resolve(ctlExit.ok);
}
