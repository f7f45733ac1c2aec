/** `member …`. */
import {
  Cluster,
  type Member,
  MemberAddResponseSchema,
  MemberListResponseSchema,
  MemberPromoteResponseSchema,
  MemberRemoveResponseSchema,
  MemberUpdateResponseSchema,
} from "@quorate/etcd/messages";
import type { CtlContext } from "../command-tree.ts";
import { badArguments, CtlError, ctlExit } from "../ctl-error.ts";
import { goJson } from "../go-json.ts";
import { quote } from "../go-text.ts";
import { readConsistency } from "./get.ts";
import { parseMemberId } from "./ids.ts";

const hex = (id: bigint): string => id.toString(16);
/** ETCD: sentences have ids in sixteen columns. */
const wideHex = (id: bigint): string => hex(id).padStart(16);

/** `member add`. ETCD: simple output ends with what the new member is to be started with. */
export async function memberAdd(context: CtlContext): Promise<number> {
  const { args, flags, output } = context;
  const [name] = args;
  if (name === undefined) {
    throw badArguments("member name not provided");
  }
  if (args.length > 1) {
    throw badArguments("too many arguments");
  }
  const peerURLs = readPeerUrls(flags.text("peer-urls"));
  const isLearner = flags.bool("learner");
  const client = await context.client();
  const answer = await client.call(Cluster.method.memberAdd, { peerURLs, isLearner });
  const { header, member, members } = answer;
  output.message(MemberAddResponseSchema, answer, {
    simple: () => [
      `Member ${wideHex(member?.ID ?? 0n)} added ${isLearner ? "as learner " : ""}to cluster ${wideHex(header?.clusterId ?? 0n)}`,
      "",
      `ETCD_NAME=${quote(name)}`,
      `ETCD_INITIAL_CLUSTER=${quote(initialCluster(members, member?.ID ?? 0n, name))}`,
      `ETCD_INITIAL_ADVERTISE_PEER_URLS=${quote(peerURLs.join(","))}`,
      'ETCD_INITIAL_CLUSTER_STATE="existing"',
    ],
  });
  return ctlExit.ok;
}

function initialCluster(members: readonly Member[], added: bigint, name: string): string {
  return members
    .flatMap((member) => member.peerURLs.map((url) => `${member.ID === added ? name : member.name}=${url}`))
    .join(",");
}

function readPeerUrls(text: string): string[] {
  if (text === "") {
    throw badArguments("member peer urls not provided");
  }
  const urls = text.split(",");
  for (const url of urls) {
    if (!/^(https?|unixs?):\/\//.test(url)) {
      throw new CtlError(`URL scheme must be http, https, unix, or unixs: ${url}`);
    }
  }
  return urls;
}

/** `member remove`. */
export async function memberRemove(context: CtlContext): Promise<number> {
  const ID = oneId(context);
  const client = await context.client();
  const answer = await client.call(Cluster.method.memberRemove, { ID });
  context.output.message(MemberRemoveResponseSchema, answer, {
    simple: () => [`Member ${wideHex(ID)} removed from cluster ${wideHex(answer.header?.clusterId ?? 0n)}`],
  });
  return ctlExit.ok;
}

/** `member promote`. */
export async function memberPromote(context: CtlContext): Promise<number> {
  const ID = oneId(context);
  const client = await context.client();
  const answer = await client.call(Cluster.method.memberPromote, { ID });
  context.output.message(MemberPromoteResponseSchema, answer, {
    simple: () => [`Member ${wideHex(ID)} promoted in cluster ${wideHex(answer.header?.clusterId ?? 0n)}`],
  });
  return ctlExit.ok;
}

/** `member update`. */
export async function memberUpdate(context: CtlContext): Promise<number> {
  const ID = oneId(context);
  const peerURLs = readPeerUrls(context.flags.text("peer-urls"));
  const client = await context.client();
  const answer = await client.call(Cluster.method.memberUpdate, { ID, peerURLs });
  context.output.message(MemberUpdateResponseSchema, answer, {
    simple: () => [`Member ${wideHex(ID)} updated in cluster ${wideHex(answer.header?.clusterId ?? 0n)}`],
  });
  return ctlExit.ok;
}

function oneId({ args }: CtlContext): bigint {
  const [text] = args;
  if (text === undefined || args.length !== 1) {
    throw badArguments("member ID is not provided");
  }
  return parseMemberId(text);
}

/** `member list`. */
export async function memberList(context: CtlContext): Promise<number> {
  const { flags, output } = context;
  const linearizable = !readConsistency(flags.text("consistency"));
  const client = await context.client();
  const answer = await client.call(Cluster.method.memberList, { linearizable });
  const rows = answer.members.map((member) => [
    hex(member.ID),
    member.name === "" ? "unstarted" : "started",
    member.name,
    member.peerURLs.join(","),
    member.clientURLs.join(","),
    String(member.isLearner),
  ]);
  output.message(MemberListResponseSchema, answer, {
    simple: () => rows.map((row) => row.join(", ")),
    table: () => ({ head: ["ID", "Status", "Name", "Peer Addrs", "Client Addrs", "Is Learner"], rows }),
    json: () =>
      goJson(MemberListResponseSchema, answer, ({ name }, value) =>
        output.hex && typeof value === "bigint" && ["cluster_id", "member_id", "ID"].includes(name)
          ? `"${hex(value)}"`
          : null,
      ),
    fields: () => [
      ...output.header(answer.header),
      ...answer.members.flatMap((member) => [
        `"ID" : ${output.id(member.ID)}`,
        `"Name" : ${quote(member.name)}`,
        ...member.peerURLs.map((url) => `"PeerURL" : ${quote(url)}`),
        ...member.clientURLs.map((url) => `"ClientURL" : ${quote(url)}`),
        `"IsLearner" : ${member.isLearner}`,
        "",
      ]),
    ],
  });
  return ctlExit.ok;
}
