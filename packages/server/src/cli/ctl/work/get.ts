/** `get`. */
import {
  create,
  KV,
  type MessageInitShape,
  RangeRequest_SortOrder as Order,
  type RangeRequestSchema,
  type RangeResponse,
  RangeResponseSchema,
  RangeRequest_SortTarget as Target,
} from "@quorate/etcd/messages";
import type { CtlContext } from "../command-tree.ts";
import { badArguments, CtlError, ctlExit } from "../ctl-error.ts";
import type { FlagValues } from "../flags.ts";
import { keyRange } from "../key-range.ts";
import { rangeForms } from "../print-kv.ts";

/** Reads keys and prints them. */
export async function get(context: CtlContext): Promise<number> {
  const { flags, output } = context;
  const request = rangeRequest(context.args, flags);
  if (flags.bool("count-only") && output.format !== "fields") {
    throw badArguments("--count-only is only for `--write-out=fields`");
  }
  if (flags.bool("print-value-only") && output.format !== "simple") {
    throw badArguments("print-value-only is only for `--write-out=simple`");
  }
  const client = await context.client();
  const answer = flags.bool("stream")
    ? await streamed(context, request)
    : await client.call(KV.method.range, request);
  if (flags.bool("print-value-only")) {
    output.lines(answer.kvs.map((kv) => [output.bytes(kv.value)]));
  } else {
    output.message(RangeResponseSchema, answer, rangeForms(output, answer));
  }
  return ctlExit.ok;
}

/** The request that the words and flags of a get describe. */
export function rangeRequest(
  args: readonly string[],
  flags: FlagValues,
): MessageInitShape<typeof RangeRequestSchema> {
  const [key, end] = args;
  const [prefix, fromKey] = [flags.bool("prefix"), flags.bool("from-key")];
  if (key === undefined) {
    throw badArguments("get command needs one argument as key and an optional argument as range_end");
  }
  if (prefix && fromKey) {
    throw badArguments("`--prefix` and `--from-key` cannot be set at the same time, choose one");
  }
  if (flags.bool("keys-only") && flags.bool("count-only")) {
    throw badArguments("`--keys-only` and `--count-only` cannot be set at the same time, choose one");
  }
  if (end !== undefined && (prefix || fromKey)) {
    throw badArguments("too many arguments, only accept one argument when `--prefix` or `--from-key` is set");
  }
  const sortTarget = targetOf(flags.text("sort-by"));
  return {
    ...keyRange(key, end, prefix, fromKey),
    serializable: readConsistency(flags.text("consistency")),
    limit: flags.int("limit"),
    revision: flags.int("rev"),
    ...sorting(orderOf(flags.text("order")), sortTarget),
    keysOnly: flags.bool("keys-only"),
    countOnly: flags.bool("count-only"),
    minModRevision: flags.int("min-mod-rev"),
    maxModRevision: flags.int("max-mod-rev"),
    minCreateRevision: flags.int("min-create-rev"),
    maxCreateRevision: flags.int("max-create-rev"),
  };
}

/** Whether an answer may be stale. */
export function readConsistency(text: string): boolean {
  if (text !== "l" && text !== "s") {
    throw new CtlError(`unknown consistency flag "${text}"`, ctlExit.badFeature);
  }
  return text === "s";
}

/** ETCD: a client leaves the order open where it is that of the keys, and says it where only a target is named. */
function sorting(order: Order, target: Target | null): { sortOrder: Order; sortTarget: Target } {
  if (target === null || target === Target.KEY) {
    return { sortOrder: order === Order.ASCEND ? Order.NONE : order, sortTarget: Target.KEY };
  }
  return { sortOrder: order, sortTarget: target };
}

function orderOf(text: string): Order {
  switch (text.toUpperCase()) {
    case "":
      return Order.NONE;
    case "ASCEND":
      return Order.ASCEND;
    case "DESCEND":
      return Order.DESCEND;
    default:
      throw new CtlError(`bad sort order ${text}`, ctlExit.badFeature);
  }
}

function targetOf(text: string): Target | null {
  switch (text.toUpperCase()) {
    case "":
      return null;
    case "CREATE":
      return Target.CREATE;
    case "KEY":
      return Target.KEY;
    case "MODIFY":
      return Target.MOD;
    case "VALUE":
      return Target.VALUE;
    case "VERSION":
      return Target.VERSION;
    default:
      throw new CtlError(`bad sort target ${text}`, ctlExit.badFeature);
  }
}

async function streamed(
  context: CtlContext,
  request: MessageInitShape<typeof RangeRequestSchema>,
): Promise<RangeResponse> {
  const client = await context.client();
  const whole = create(RangeResponseSchema, {});
  const stream = await client.stream(KV.method.rangeStream, { timeoutMs: client.config.commandTimeoutMs });
  stream.write(request);
  stream.end();
  try {
    for await (const { rangeResponse } of stream) {
      if (rangeResponse === undefined) {
        continue;
      }
      whole.kvs.push(...rangeResponse.kvs);
      whole.more ||= rangeResponse.more;
      whole.count += rangeResponse.count;
      if (rangeResponse.header !== undefined) {
        whole.header = rangeResponse.header;
      }
    }
  } catch (error) {
    throw client.failureOf(error);
  }
  return whole;
}
