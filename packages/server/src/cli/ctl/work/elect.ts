/** `elect`: to hold an office until Ctrl-C, or to see who holds it. */
import { utf8Encode } from "@quorate/base";
import { KV, type RangeResponse, RangeResponseSchema } from "@quorate/etcd/messages";
import { firstInLine, leaveLine, lineUp, openSession, waitForTurn } from "../../../client/first-in-line.ts";
import { keepAliveUntil } from "../../../client/keep-alive.ts";
import { watchKeys } from "../../../client/watch-keys.ts";
import type { CtlContext } from "../command-tree.ts";
import { badArguments, CtlError, ctlExit } from "../ctl-error.ts";
import { rangeForms } from "../print-kv.ts";
import { aborted, interruption } from "../terminal.ts";

/** ETCD: how long an office outlives its holder's process. */
const ttlSeconds = 60;

/** Campaigns, or listens. */
export async function elect(context: CtlContext): Promise<number> {
  const [name, proposal] = context.args;
  const listen = context.flags.bool("listen");
  if (name === undefined || context.args.length > 2) {
    throw badArguments("elect takes one election name argument and an optional proposal argument");
  }
  if (listen && proposal !== undefined) {
    throw badArguments("proposal given but -l is set");
  }
  if (!listen && proposal === undefined) {
    throw badArguments("no proposal argument but -l not set");
  }
  return listen ? observe(context, name) : campaign(context, name, proposal ?? "");
}

async function campaign(context: CtlContext, name: string, proposal: string): Promise<number> {
  const client = await context.client();
  const stop = interruption();
  const lease = await openSession(client, ttlSeconds);
  const session = new AbortController();
  const lost = keepAliveUntil(client, lease, ttlSeconds, session.signal).then((alive) => !alive);
  try {
    const place = await lineUp(client, name, lease, proposal);
    const leads = await Promise.race([waitForTurn(client, name, place, stop), lost.then(() => false)]);
    if (!leads) {
      throw new CtlError(stop.aborted ? "context canceled" : "elect: session expired");
    }
    print(context, await client.call(KV.method.range, { key: place.key }));
    if (await Promise.race([aborted(stop).then(() => false), lost])) {
      throw new CtlError("elect: session expired");
    }
    return ctlExit.ok;
  } finally {
    session.abort();
    // A lease that is gone already has given the office back by itself.
    await leaveLine(client, lease).catch(() => undefined);
  }
}

/** Prints the leader's key whenever it is another one, or says another thing. */
async function observe(context: CtlContext, name: string): Promise<number> {
  const client = await context.client();
  const stop = interruption();
  let shown = 0n;
  while (!stop.aborted) {
    const answer = await firstInLine(client, name);
    const revision = answer.kvs[0]?.modRevision ?? 0n;
    if (revision !== 0n && revision !== shown) {
      shown = revision;
      print(context, answer);
    }
    const request = {
      key: utf8Encode(`${name}/`),
      rangeEnd: utf8Encode(`${name}0`),
      startRevision: (answer.header?.revision ?? 0n) + 1n,
    };
    for await (const _change of watchKeys(client, request, stop)) {
      break; // Something changed: who leads is asked again.
    }
  }
  return ctlExit.ok;
}

function print({ output }: CtlContext, answer: RangeResponse): void {
  output.message(RangeResponseSchema, answer, rangeForms(output, answer));
}
