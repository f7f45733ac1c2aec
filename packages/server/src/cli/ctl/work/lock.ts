/** `lock`: held until Ctrl-C, or while a command runs. */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { utf8Decode } from "@quorate/base";
import { KV, RangeResponseSchema } from "@quorate/etcd/messages";
import { leaveLine, lineUp, openSession, type Place, waitForTurn } from "../../../client/first-in-line.ts";
import { keepAliveUntil } from "../../../client/keep-alive.ts";
import type { CtlContext } from "../command-tree.ts";
import { badArguments, CtlError, ctlExit } from "../ctl-error.ts";
import { rangeForms } from "../print-kv.ts";
import { aborted, interruption } from "../terminal.ts";

/** Takes the lock; what it is held for decides when it is given back. */
export async function lock(context: CtlContext): Promise<number> {
  const [name, ...command] = context.args;
  if (name === undefined) {
    throw badArguments("lock takes a lock name argument and an optional command to execute");
  }
  const ttlSeconds = Number(context.flags.int("ttl"));
  const client = await context.client();
  const stop = interruption();
  const lease = await openSession(client, ttlSeconds);
  const session = new AbortController();
  const lost = keepAliveUntil(client, lease, ttlSeconds, session.signal).then((alive) => !alive);
  try {
    const place = await lineUp(client, name, lease, "");
    const mine = await Promise.race([waitForTurn(client, name, place, stop), lost.then(() => false)]);
    if (!mine) {
      throw new CtlError(stop.aborted ? "context canceled" : "session expired");
    }
    return command.length > 0
      ? await runHolding(command, place, lost)
      : await hold(context, place, stop, lost);
  } finally {
    session.abort();
    // Given back also when the holding failed; a lease that is gone already gave it back by itself.
    await leaveLine(client, lease).catch(() => undefined);
  }
}

async function hold(
  context: CtlContext,
  place: Place,
  stop: AbortSignal,
  lost: Promise<boolean>,
): Promise<number> {
  const { output } = context;
  const client = await context.client();
  const answer = await client.call(KV.method.range, { key: place.key });
  if (answer.kvs.length === 0) {
    throw new CtlError("lock lost on init");
  }
  output.message(RangeResponseSchema, answer, rangeForms(output, answer));
  const wasLost = await Promise.race([aborted(stop).then(() => false), lost]);
  if (wasLost) {
    throw new CtlError("session expired");
  }
  return ctlExit.ok;
}

/** Runs the command; its exit code is the answer. Losing the lock ends it: it must not go on without. */
async function runHolding(command: readonly string[], place: Place, lost: Promise<boolean>): Promise<number> {
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    stdio: "inherit",
    env: {
      ...process.env,
      ETCD_LOCK_KEY: utf8Decode(place.key) ?? "",
      ETCD_LOCK_REV: String(place.revision),
    },
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.on("error", (error) => reject(new CtlError(error.message)));
    child.on("close", (code, signal) =>
      resolve(code ?? 128 + (constants.signals[signal ?? "SIGTERM"] ?? 15)),
    );
  });
  void lost.then((wasLost) => wasLost && child.kill("SIGTERM"));
  const code = await ended;
  if (code !== 0) {
    throw new CtlError(`exit status ${code}`, code);
  }
  return ctlExit.ok;
}
