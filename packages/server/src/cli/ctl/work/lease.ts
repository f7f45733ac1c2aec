/** `lease …`. */
import { setTimeout as delay } from "node:timers/promises";
import { utf8Decode } from "@quorate/base";
import {
  Lease,
  LeaseGrantResponseSchema,
  type LeaseKeepAliveResponse,
  LeaseKeepAliveResponseSchema,
  LeaseLeasesResponseSchema,
  LeaseRevokeResponseSchema,
  LeaseTimeToLiveResponseSchema,
  type ResponseHeader,
  ResponseHeaderSchema,
  toBinary,
} from "@quorate/etcd/messages";
import { ClientFailure } from "../../../client/client-failure.ts";
import { keepAliveOnce } from "../../../client/keep-alive.ts";
import type { CtlContext } from "../command-tree.ts";
import { badArguments, CtlError, ctlExit } from "../ctl-error.ts";
import { goJson } from "../go-json.ts";
import { leaseText, quote } from "../go-text.ts";
import type { Printable } from "../output.ts";
import { parseLeaseId } from "./ids.ts";

/** ETCD: JSON of lease answers has the fields of the header beside the others, and their protobuf is the header alone. */
function leaseForms(header: ResponseHeader | undefined, members: readonly string[]): Printable {
  const head = header === undefined ? "" : goJson(ResponseHeaderSchema, header).slice(1, -1);
  return {
    json: () => `{${[...(head === "" ? [] : [head]), ...members].join(",")}}`,
    protobuf: () => (header === undefined ? new Uint8Array(0) : toBinary(ResponseHeaderSchema, header)),
  };
}

/** `lease grant`. */
export async function leaseGrant(context: CtlContext): Promise<number> {
  const { args, output } = context;
  const [text] = args;
  if (text === undefined || args.length !== 1) {
    throw badArguments("lease grant command needs TTL argument");
  }
  if (!/^[+-]?\d{1,18}$/.test(text)) {
    throw badArguments(`bad TTL ("${text}" is not a number)`);
  }
  const client = await context.client();
  const answer = await client.call(Lease.method.leaseGrant, { TTL: BigInt(text) }).catch((error: unknown) => {
    throw wrapped(error, "failed to grant lease");
  });
  const { ID, TTL, header } = answer;
  output.message(LeaseGrantResponseSchema, answer, {
    ...leaseForms(header, [`"ID":${ID}`, `"TTL":${TTL}`, '"Error":""']),
    simple: () => [`lease ${leaseText(ID)} granted with TTL(${TTL}s)`],
    fields: () => [...output.header(header), `"ID" : ${ID}`, `"TTL" : ${TTL}`],
  });
  return ctlExit.ok;
}

/** `lease revoke`. */
export async function leaseRevoke(context: CtlContext): Promise<number> {
  const { args, output } = context;
  const [text] = args;
  if (text === undefined || args.length !== 1) {
    throw badArguments("lease revoke command needs 1 argument");
  }
  const ID = parseLeaseId(text);
  const client = await context.client();
  const answer = await client.call(Lease.method.leaseRevoke, { ID }).catch((error: unknown) => {
    throw wrapped(error, "failed to revoke lease");
  });
  output.message(LeaseRevokeResponseSchema, answer, {
    simple: () => [`lease ${leaseText(ID)} revoked`],
    fields: () => output.header(answer.header),
  });
  return ctlExit.ok;
}

/** `lease timetolive`. */
export async function leaseTimeToLive(context: CtlContext): Promise<number> {
  const { args, flags, output } = context;
  const [text] = args;
  if (text === undefined || args.length !== 1) {
    throw badArguments("lease timetolive command needs lease ID as argument");
  }
  const withKeys = flags.bool("keys");
  const client = await context.client();
  const answer = await client.call(Lease.method.leaseTimeToLive, { ID: parseLeaseId(text), keys: withKeys });
  const { grantedTTL, header, ID, keys, TTL } = answer;
  const keysJson =
    keys.length === 0
      ? "null"
      : `[${keys.map((key) => `"${Buffer.from(key).toString("base64")}"`).join(",")}]`;
  output.message(LeaseTimeToLiveResponseSchema, answer, {
    ...leaseForms(header, [
      `"id":${ID}`,
      `"ttl":${TTL}`,
      `"granted-ttl":${grantedTTL}`,
      `"keys":${keysJson}`,
    ]),
    simple() {
      if (grantedTTL === 0n && TTL === -1n) {
        return [`lease ${leaseText(ID)} already expired`];
      }
      const names = keys.map((key) => utf8Decode(key) ?? quote(key).slice(1, -1));
      const attached = withKeys ? `, attached keys([${names.join(" ")}])` : "";
      return [`lease ${leaseText(ID)} granted with TTL(${grantedTTL}s), remaining(${TTL}s)${attached}`];
    },
    fields: () => [
      ...output.header(header),
      `"ID" : ${ID}`,
      `"TTL" : ${TTL}`,
      `"GrantedTTL" : ${grantedTTL}`,
      ...keys.map((key) => `"Key" : ${quote(key)}`),
    ],
  });
  return ctlExit.ok;
}

/** `lease list`. */
export async function leaseList(context: CtlContext): Promise<number> {
  const { output } = context;
  const client = await context.client();
  const answer = await client.call(Lease.method.leaseLeases, {});
  const { header, leases } = answer;
  const json = leases.map(({ ID }) => `{"id":${ID}}`).join(",");
  output.message(LeaseLeasesResponseSchema, answer, {
    ...leaseForms(header, [`"leases":[${json}]`]),
    simple: () => [`found ${leases.length} leases`, ...leases.map(({ ID }) => leaseText(ID))],
    fields: () => [...output.header(header), ...leases.map(({ ID }) => `"ID" : ${ID}`)],
  });
  return ctlExit.ok;
}

/** `lease keep-alive`. ETCD: a lease that is gone ends it, which is no failure; with --once it is one. */
export async function leaseKeepAlive(context: CtlContext): Promise<number> {
  const { args, flags, output } = context;
  const [text] = args;
  if (text === undefined || args.length !== 1) {
    throw badArguments("lease keep-alive command needs lease ID as argument");
  }
  const ID = parseLeaseId(text);
  const client = await context.client();
  for (;;) {
    const answer = await keepAliveOnce(client, ID);
    if (answer.TTL <= 0n) {
      if (flags.bool("once")) {
        throw new CtlError("etcdserver: requested lease not found", ctlExit.badConnection);
      }
      output.lines([`lease ${leaseText(ID)} expired or revoked.`]);
      return ctlExit.ok;
    }
    printKeepAlive(context, answer);
    if (flags.bool("once")) {
      return ctlExit.ok;
    }
    await delay((Number(answer.TTL) * 1000) / 3);
  }
}

function printKeepAlive({ output }: CtlContext, answer: LeaseKeepAliveResponse): void {
  const { header, ID, TTL } = answer;
  output.message(LeaseKeepAliveResponseSchema, answer, {
    ...leaseForms(header, [`"ID":${ID}`, `"TTL":${TTL}`]),
    simple: () => [`lease ${leaseText(ID)} keepalived with TTL(${TTL})`],
    fields: () => [...output.header(header), `"ID" : ${ID}`, `"TTL" : ${TTL}`],
  });
}

/** ETCD: what the cluster said stands in brackets. */
function wrapped(error: unknown, what: string): unknown {
  return error instanceof ClientFailure && !error.outcomeUnknown
    ? new CtlError(`${what} (${error.message})`, ctlExit.error, false, { cause: error })
    : error;
}
