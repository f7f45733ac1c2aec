/** `txn`. */
import { KV, TxnResponseSchema } from "@quorate/etcd/messages";
import type { CtlContext } from "../command-tree.ts";
import { badArguments, CtlError, ctlExit } from "../ctl-error.ts";
import { txnForms } from "../print-kv.ts";
import { LineReader } from "../terminal.ts";
import { parseCompare, parseOperation } from "./txn-text.ts";

/** Runs the transaction that standard input describes. */
export async function txn(context: CtlContext): Promise<number> {
  const { args, flags, output } = context;
  if (args.length > 0) {
    throw badArguments("txn command does not accept argument");
  }
  const lines = new LineReader();
  const ask = (what: string): void => {
    if (flags.bool("interactive")) {
      output.lines([what]);
    }
  };
  try {
    ask("compares:");
    const compare = await readPart(lines, async (line) => parseCompare(line));
    ask("success requests (get, put, del):");
    const success = await readPart(lines, parseOperation);
    ask("failure requests (get, put, del):");
    const failure = await readPart(lines, parseOperation);
    const client = await context.client();
    const answer = await client.call(KV.method.txn, { compare, success, failure });
    output.message(TxnResponseSchema, answer, txnForms(output, answer));
    return ctlExit.ok;
  } finally {
    lines.close();
  }
}

async function readPart<T>(lines: LineReader, parse: (line: string) => Promise<T>): Promise<T[]> {
  const part: T[] = [];
  for (;;) {
    const line = await lines.next();
    if (line === null) {
      throw new CtlError("EOF", ctlExit.invalidInput);
    }
    if (line.trim() === "") {
      return part;
    }
    part.push(await parse(line));
  }
}
