/** `compaction`. */
import { KV } from "@quorate/etcd/messages";
import type { CtlContext } from "../command-tree.ts";
import { badArguments, CtlError, ctlExit } from "../ctl-error.ts";

/** Compacts the history. */
export async function compaction(context: CtlContext): Promise<number> {
  const { args, flags, output } = context;
  const [text] = args;
  if (text === undefined || args.length !== 1) {
    throw badArguments("compaction command needs 1 argument");
  }
  if (!/^-?\d{1,18}$/.test(text)) {
    throw new CtlError(`"${text}" is not a revision`);
  }
  const client = await context.client();
  const physical = flags.bool("physical");
  await client.call(
    KV.method.compact,
    { revision: BigInt(text), physical },
    // ETCD: how long space takes to become free is nobody's promise.
    physical ? { timeoutMs: null } : {},
  );
  output.lines([`compacted revision ${BigInt(text)}`]);
  return ctlExit.ok;
}
