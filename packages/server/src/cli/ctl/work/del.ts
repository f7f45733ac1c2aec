/** `del`. */
import { setTimeout as delay } from "node:timers/promises";
import {
  type DeleteRangeRequestSchema,
  DeleteRangeResponseSchema,
  KV,
  type MessageInitShape,
} from "@quorate/etcd/messages";
import type { CtlContext } from "../command-tree.ts";
import { badArguments, ctlExit } from "../ctl-error.ts";
import type { FlagValues } from "../flags.ts";
import { quote } from "../go-text.ts";
import { keyRange } from "../key-range.ts";
import { deleteForms } from "../print-kv.ts";

const graceMs = 2000;

/** Removes keys and prints how many. */
export async function del(context: CtlContext): Promise<number> {
  const { args, flags, output } = context;
  const request = deleteRequest(args, flags);
  const [key = "", end] = args;
  if (end !== undefined && !flags.bool("range")) {
    process.stderr.write(
      `Warning: Keys between ${quote(key)} and ${quote(end)} will be deleted. Please interrupt the command within next 2 seconds to cancel. You can provide \`--range\` flag to avoid the delay.\n`,
    );
    await delay(graceMs);
  }
  const client = await context.client();
  const answer = await client.call(KV.method.deleteRange, request);
  output.message(DeleteRangeResponseSchema, answer, deleteForms(output, answer));
  return ctlExit.ok;
}

/** The request that the words and flags of a del describe. */
export function deleteRequest(
  args: readonly string[],
  flags: FlagValues,
): MessageInitShape<typeof DeleteRangeRequestSchema> {
  const [key, end] = args;
  const [prefix, fromKey] = [flags.bool("prefix"), flags.bool("from-key")];
  if (key === undefined || args.length > 2) {
    throw badArguments("del command needs one argument as key and an optional argument as range_end");
  }
  if (prefix && fromKey) {
    throw badArguments("`--prefix` and `--from-key` cannot be set at the same time, choose one");
  }
  if (end !== undefined && (prefix || fromKey)) {
    throw badArguments("too many arguments, only accept one argument when `--prefix` or `--from-key` is set");
  }
  return { ...keyRange(key, end, prefix, fromKey), prevKv: flags.bool("prev-kv") };
}
