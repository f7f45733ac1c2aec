/** `put`. */
import { utf8Encode } from "@quorate/base";
import { KV, type MessageInitShape, type PutRequestSchema, PutResponseSchema } from "@quorate/etcd/messages";
import type { CtlContext } from "../command-tree.ts";
import { badArguments, ctlExit } from "../ctl-error.ts";
import type { FlagValues } from "../flags.ts";
import { putForms } from "../print-kv.ts";
import { readStdin } from "../terminal.ts";
import { parseLeaseId } from "./ids.ts";

/** Writes a key. */
export async function put(context: CtlContext): Promise<number> {
  const { args, flags, output } = context;
  const request = await putRequest(args, flags, readStdin);
  const client = await context.client();
  const answer = await client.call(KV.method.put, request);
  output.message(PutResponseSchema, answer, putForms(output, answer));
  return ctlExit.ok;
}

/** The request that the words and flags of a put describe; a value that is missing comes from `readValue`. */
export async function putRequest(
  args: readonly string[],
  flags: FlagValues,
  readValue: () => Promise<Uint8Array>,
): Promise<MessageInitShape<typeof PutRequestSchema>> {
  const [key, text] = args;
  if (key === undefined) {
    throw badArguments("put command needs 1 argument and input from stdin or 2 arguments");
  }
  const ignoreValue = flags.bool("ignore-value");
  if (ignoreValue && text !== undefined) {
    throw badArguments("put command needs only 1 argument when 'ignore-value' is set");
  }
  const lease = parseLeaseId(flags.text("lease") || "0", "lease ID");
  const value = ignoreValue ? new Uint8Array(0) : text === undefined ? await readValue() : utf8Encode(text);
  if (text === undefined && !ignoreValue && value.length === 0) {
    throw badArguments("put command needs 1 argument and input from stdin or 2 arguments");
  }
  return {
    key: utf8Encode(key),
    value,
    lease,
    prevKv: flags.bool("prev-kv"),
    ignoreValue,
    ignoreLease: flags.bool("ignore-lease"),
  };
}
