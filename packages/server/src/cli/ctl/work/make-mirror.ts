/** `make-mirror`: copies keys to another cluster as of one revision, then every change, transaction by transaction. */
import { setTimeout as delay } from "node:timers/promises";
import { utf8Encode } from "@quorate/base";
import { KV, type MessageInitShape, type RequestOpSchema, type WatchResponse } from "@quorate/etcd/messages";
import type { ClusterClient } from "../../../client/cluster-client.ts";
import { watchKeys } from "../../../client/watch-keys.ts";
import type { CtlContext } from "../command-tree.ts";
import { connect } from "../connect.ts";
import { badArguments, CtlError } from "../ctl-error.ts";
import { FlagValues } from "../flags.ts";
import { globalFlags } from "../global-flags.ts";
import { prefixEndOf } from "../key-range.ts";

type Operation = MessageInitShape<typeof RequestOpSchema>;

const pageKeys = 1000n;
/** ETCD: how often the number of copied changes is printed. */
const reportMs = 30_000;

/** How keys change their beginning on the way. */
interface Renaming {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

/** Mirrors until Ctrl-C. */
export async function makeMirror(context: CtlContext): Promise<number> {
  const { args, flags, output } = context;
  const [destination] = args;
  if (destination === undefined || args.length !== 1) {
    throw badArguments("make-mirror takes one destination argument");
  }
  if (flags.text("dest-prefix") !== "" && flags.bool("no-dest-prefix")) {
    throw badArguments("`--dest-prefix` and `--no-dest-prefix` cannot be set at the same time, choose one");
  }
  const source = await context.client();
  const target = await connect(destinationFlags(flags, destination));
  const from = utf8Encode(flags.text("prefix"));
  const to = flags.bool("no-dest-prefix")
    ? new Uint8Array(0)
    : utf8Encode(flags.text("dest-prefix") || flags.text("prefix"));
  const counts = { copied: 0 };
  const reporting = new AbortController();
  const report = reportNow(output, counts, reporting.signal);
  try {
    const start = flags.int("rev");
    const revision = start === 0n ? await copyPresent(source, target, { from, to }, counts) : start - 1n;
    await follow(source, target, { from, to }, revision, Number(flags.int("max-txn-ops")), counts);
    throw new CtlError("the watch of the source ended");
  } finally {
    reporting.abort();
    await report;
    target.close();
  }
}

async function reportNow(
  output: CtlContext["output"],
  counts: { readonly copied: number },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    output.lines([String(counts.copied)]);
    await delay(reportMs, undefined, { signal }).catch(() => undefined); // Aborted: the mirror ended.
  }
}

/** The flags of the destination, under the names that every command has. */
function destinationFlags(flags: FlagValues, destination: string): FlagValues {
  const names = ["user", "password", "cacert", "cert", "key", "insecure-transport"] as const;
  const values = new Map<string, string>(names.map((name) => [name, flags.text(`dest-${name}`)]));
  for (const name of [
    "dial-timeout",
    "command-timeout",
    "keepalive-time",
    "keepalive-timeout",
    "max-request-bytes",
    "max-recv-bytes",
  ]) {
    values.set(name, flags.text(name));
  }
  values.set("endpoints", destination);
  return new FlagValues(globalFlags, values);
}

function rename(key: Uint8Array, { from, to }: Renaming): Uint8Array {
  return Buffer.concat([to, key.subarray(from.length)]);
}

/** Copies what there is, at one revision, which is the answer. */
async function copyPresent(
  source: ClusterClient,
  target: ClusterClient,
  names: Renaming,
  counts: { copied: number },
): Promise<bigint> {
  const rangeEnd = prefixEndOf(names.from);
  let key: Uint8Array = names.from.length === 0 ? Uint8Array.of(0) : names.from;
  let revision = 0n;
  for (;;) {
    const page = await source.call(KV.method.range, { key, rangeEnd, limit: pageKeys, revision });
    revision = revision === 0n ? (page.header?.revision ?? 0n) : revision;
    for (const kv of page.kvs) {
      await target.call(KV.method.put, { key: rename(kv.key, names), value: kv.value });
      counts.copied++;
    }
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined) {
      return revision;
    }
    key = Buffer.concat([last.key, Uint8Array.of(0)]);
  }
}

/** Repeats every change behind `revision`, those of one revision together. */
async function follow(
  source: ClusterClient,
  target: ClusterClient,
  names: Renaming,
  revision: bigint,
  operationCountMax: number,
  counts: { copied: number },
): Promise<void> {
  const key = names.from.length === 0 ? Uint8Array.of(0) : names.from;
  const request = { key, rangeEnd: prefixEndOf(names.from), startRevision: revision + 1n };
  for await (const answer of watchKeys(source, request)) {
    if (answer.canceled) {
      throw new CtlError(`the watch of the source was cancelled: ${answer.cancelReason}`);
    }
    for (const operations of operationsOf(answer, names, operationCountMax)) {
      await target.call(KV.method.txn, { success: operations });
      counts.copied += operations.length;
    }
  }
}

function operationsOf(answer: WatchResponse, names: Renaming, countMax: number): Operation[][] {
  const groups: Operation[][] = [];
  let present = 0n;
  for (const { kv, type } of answer.events) {
    if (kv === undefined) {
      continue;
    }
    const group = groups.at(-1);
    const fits = group !== undefined && kv.modRevision === present && group.length < countMax;
    const key = rename(kv.key, names);
    const operation: Operation =
      type === 1
        ? { request: { case: "requestDeleteRange", value: { key } } }
        : { request: { case: "requestPut", value: { key, value: kv.value } } };
    if (fits) {
      group.push(operation);
    } else {
      groups.push([operation]);
    }
    present = kv.modRevision;
  }
  return groups;
}
