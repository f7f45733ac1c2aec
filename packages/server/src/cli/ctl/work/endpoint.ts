/** `endpoint …`: every endpoint is asked for itself, all at once, and those that do not answer are told of. */
import { utf8Encode } from "@quorate/base";
import {
  Cluster,
  type DescMessage,
  HashKVResponseSchema,
  KV,
  Maintenance,
  type MessageInitShape,
  type MessageShape,
  type StatusResponse,
  StatusResponseSchema,
} from "@quorate/etcd/messages";
import { ClientFailure } from "../../../client/client-failure.ts";
import type { ClientMethod, ClusterClient } from "../../../client/cluster-client.ts";
import type { Endpoint } from "../../../client/endpoint.ts";
import type { CtlContext } from "../command-tree.ts";
import { CtlError, ctlExit } from "../ctl-error.ts";
import { goJson, jsonText } from "../go-json.ts";
import { durationText, humanBytes, quote } from "../go-text.ts";
import type { Output } from "../output.ts";

/** One endpoint's answer, or why there is none. */
type Asked<T> =
  | { readonly endpoint: Endpoint; readonly tookMs: number; readonly answer: T }
  | { readonly endpoint: Endpoint; readonly tookMs: number; readonly failure: ClientFailure };

/** The endpoints to ask: those of the command line, or, with --cluster, those that the members published. */
export async function endpointsOf(context: CtlContext): Promise<readonly Endpoint[]> {
  const client = await context.client();
  if (!context.flags.bool("cluster")) {
    return client.config.endpoints;
  }
  const { members } = await client.call(Cluster.method.memberList, { linearizable: false });
  return members.flatMap(({ clientURLs }) => clientURLs).map((url) => context.endpoint(url));
}

async function askEach<Request extends DescMessage, Response extends DescMessage>(
  context: CtlContext,
  method: ClientMethod<Request, Response>,
  init: MessageInitShape<Request>,
): Promise<Asked<MessageShape<Response>>[]> {
  const client = await context.client();
  const endpoints = await endpointsOf(context);
  const asked = endpoints.map((endpoint) => askOne(client, endpoint, method, init));
  // ETCD: in the order in which they answer.
  const inOrder: Asked<MessageShape<Response>>[] = [];
  await Promise.all(asked.map(async (one) => inOrder.push(await one)));
  return inOrder;
}

async function askOne<Request extends DescMessage, Response extends DescMessage>(
  client: ClusterClient,
  endpoint: Endpoint,
  method: ClientMethod<Request, Response>,
  init: MessageInitShape<Request>,
): Promise<Asked<MessageShape<Response>>> {
  const startMs = performance.now();
  try {
    const answer = await client.call(method, init, { endpoint });
    return { endpoint, tookMs: performance.now() - startMs, answer };
  } catch (error) {
    if (error instanceof ClientFailure) {
      return { endpoint, tookMs: performance.now() - startMs, failure: error };
    }
    throw error;
  }
}

/** `endpoint health`. ETCD: a linearizable read; that it is forbidden also shows that the cluster can decide. */
export async function endpointHealth(context: CtlContext): Promise<number> {
  const { output } = context;
  const asked = await askEach(context, KV.method.range, { key: utf8Encode("health") });
  const rows = asked.map((one) => {
    const failed = "failure" in one && one.failure.reason !== "etcdserver: permission denied";
    return {
      endpoint: one.endpoint.text,
      health: !failed,
      took: durationText(one.tookMs),
      error: failed && "failure" in one ? one.failure.message : "",
    };
  });
  output.print({
    simple() {
      for (const { endpoint, error, health } of rows) {
        if (!health) {
          process.stderr.write(`${endpoint} is unhealthy: failed to commit proposal: ${error}\n`);
        }
      }
      return rows
        .filter(({ health }) => health)
        .map(
          ({ endpoint, took }) => `${endpoint} is healthy: successfully committed proposal: took = ${took}`,
        );
    },
    json: () => JSON.stringify(rows.map(({ error, ...row }) => (error === "" ? row : { ...row, error }))),
    table: () => ({
      head: ["Endpoint", "Health", "Took", "Error"],
      rows: rows.map(({ endpoint, error, health, took }) => [endpoint, String(health), took, error]),
    }),
    fields: () =>
      rows.flatMap(({ endpoint, error, health, took }) => [
        `"Endpoint" : ${quote(endpoint)}`,
        `"Health" : ${health}`,
        `"Took" : ${took}`,
        `"Error" : ${error}`,
        "",
      ]),
  });
  if (rows.some(({ health }) => !health)) {
    throw new CtlError("unhealthy cluster");
  }
  return ctlExit.ok;
}

/** Keeps the answers, tells of the rest; whether all answered. */
function tellFailures<T>(asked: readonly Asked<T>[], what: string): { endpoint: string; answer: T }[] {
  return asked.flatMap((one) => {
    if ("answer" in one) {
      return [{ endpoint: one.endpoint.text, answer: one.answer }];
    }
    process.stderr.write(
      `Failed to get the ${what} of endpoint ${one.endpoint.text} (${one.failure.message})\n`,
    );
    return [];
  });
}

/** `endpoint status`. */
export async function endpointStatus(context: CtlContext): Promise<number> {
  const { output } = context;
  const asked = await askEach(context, Maintenance.method.status, {});
  const answers = tellFailures(asked, "status");
  output.print({
    simple: () => answers.map(({ answer, endpoint }) => statusRow(endpoint, answer).join(", ")),
    table: () => ({
      head: statusHead,
      rows: answers.map(({ answer, endpoint }) => statusRow(endpoint, answer)),
    }),
    json: () =>
      `[${answers.map(({ answer, endpoint }) => `{"Endpoint":${jsonText(endpoint)},"Status":${goJson(StatusResponseSchema, answer)}}`).join(",")}]`,
    fields: () => answers.flatMap(({ answer, endpoint }) => statusFields(output, endpoint, answer)),
  });
  return answers.length < asked.length ? ctlExit.error : ctlExit.ok;
}

const statusHead: readonly string[] = [
  "Endpoint",
  "ID",
  "Version",
  "Storage Version",
  "DB Size",
  "In Use",
  "Percentage Not In Use",
  "Quota",
  "Is Leader",
  "Is Learner",
  "Raft Term",
  "Raft Index",
  "Raft Applied Index",
  "Errors",
  "Downgrade Target Version",
  "Downgrade Enabled",
];

function statusRow(endpoint: string, status: StatusResponse): string[] {
  const memberId = status.header?.memberId ?? 0n;
  const percent =
    status.dbSize === 0n ? 0 : 100 - Math.floor(Number((status.dbSizeInUse * 100n) / status.dbSize));
  return [
    endpoint,
    memberId.toString(16),
    status.version,
    status.storageVersion,
    humanBytes(status.dbSize),
    humanBytes(status.dbSizeInUse),
    `${percent}%`,
    humanBytes(status.dbSizeQuota),
    String(status.leader === memberId),
    String(status.isLearner),
    String(status.raftTerm),
    String(status.raftIndex),
    String(status.raftAppliedIndex),
    status.errors.join(", "),
    status.downgradeInfo?.targetVersion ?? "",
    String(status.downgradeInfo?.enabled ?? false),
  ];
}

function statusFields(output: Output, endpoint: string, status: StatusResponse): string[] {
  return [
    ...output.header(status.header),
    `"Version" : ${quote(status.version)}`,
    `"StorageVersion" : ${quote(status.storageVersion)}`,
    `"DBSize" : ${status.dbSize}`,
    `"DBSizeInUse" : ${status.dbSizeInUse}`,
    `"DBSizeQuota" : ${status.dbSizeQuota}`,
    `"Leader" : ${status.leader}`,
    `"IsLearner" : ${status.isLearner}`,
    `"RaftIndex" : ${status.raftIndex}`,
    `"RaftAppliedIndex" : ${status.raftAppliedIndex}`,
    `"Errors" : [${status.errors.map((error) => quote(error)).join(" ")}]`,
    `"Endpoint" : ${quote(endpoint)}`,
    `"DowngradeTargetVersion" : ${quote(status.downgradeInfo?.targetVersion ?? "")}`,
    `"DowngradeEnabled" : ${status.downgradeInfo?.enabled ?? false}`,
    "",
  ];
}

/** `endpoint hashkv`. */
export async function endpointHashKv(context: CtlContext): Promise<number> {
  const { flags, output } = context;
  const asked = await askEach(context, Maintenance.method.hashKV, { revision: flags.int("rev") });
  const answers = tellFailures(asked, "hash");
  const rows = answers.map(({ answer, endpoint }) => [
    endpoint,
    String(answer.hash),
    String(answer.hashRevision),
  ]);
  output.print({
    simple: () => rows.map((row) => row.join(", ")),
    table: () => ({ head: ["Endpoint", "Hash", "Hash Revision"], rows }),
    json: () =>
      `[${answers.map(({ answer, endpoint }) => `{"Endpoint":${jsonText(endpoint)},"HashKV":${goJson(HashKVResponseSchema, answer)}}`).join(",")}]`,
    fields: () =>
      answers.flatMap(({ answer, endpoint }) => [
        ...output.header(answer.header),
        `"Endpoint" : ${quote(endpoint)}`,
        `"Hash" : ${answer.hash}`,
        `"HashRevision" : ${answer.hashRevision}`,
        "",
      ]),
  });
  const failed = asked.find((one) => "failure" in one);
  if (failed !== undefined && "failure" in failed) {
    throw new CtlError(failed.failure.message);
  }
  return ctlExit.ok;
}
